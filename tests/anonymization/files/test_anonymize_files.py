"""Anonymized copies of a user's files: what is kept, what is gone, and what is never written."""

import doctest
import hashlib
import io
import json
import tarfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from codes import QUICK, SRGB, anonymized, files, photograph, read_codes, save, statuses
from PIL import Image

from anonbench import anonymize_files, detect
from anonbench.anonymization import checked
from anonbench.anonymization.files import file_job, places, run
from anonbench.anonymization.files.stored import standard
from anonbench.anonymization.methods.mask import Mask
from anonbench.config import Anonymization
from anonbench.core.errors import InputError
from anonbench.core.progress import track
from anonbench.datasets.given import pictures_in
from anonbench.datasets.images import read_image
from anonbench.datasets.inputs import open_images
from anonbench.detection import cache

NAMES = {
    "a b.JPG": {"format": "JPEG", "quality": 83, "icc_profile": SRGB},
    "Übung/文件 😀.png": {"icc_profile": SRGB},
    "Übung/grey.jpg": {"grey": True, "quality": 70},
    "x/page.tif": {"compression": "tiff_lzw"},
    "x/y/z.webp": {"lossless": True, "icc_profile": SRGB},
    "x/y/lossy.webp": {"quality": 90},
    "old.bmp": {},
    "raw.ppm": {},
}


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    folder = tmp_path / "photos"
    for name, options in NAMES.items():
        save(folder, name, **options)
    (folder / "notes.txt").write_text("no image")
    return folder


def test_copies_keep_names_folders_formats_and_profiles(photos: Path, tmp_path: Path) -> None:
    originals = files(photos)
    done = anonymized(photos, tmp_path / "out")
    assert (done.images, done.written, done.is_doubtful) == (len(NAMES), len(NAMES), False)
    assert done.sheet is None, "only on request"
    assert set(files(tmp_path / "out")) == set(NAMES)
    assert files(photos) == originals
    for name in NAMES:
        with Image.open(photos / name) as given, Image.open(tmp_path / "out" / name) as made:
            assert (made.format, made.size, made.mode) == (given.format, given.size, given.mode)
            assert ("icc_profile" in made.info) == ("icc_profile" in given.info)
            if given.format == "JPEG":
                assert made.quantization == given.quantization
            if given.format == "TIFF":
                assert made.info["compression"] == given.info["compression"]
        before, after = read_image(photos / name), read_image(tmp_path / "out" / name)
        assert read_codes(photos / name) == [name] and read_codes(tmp_path / "out" / name) == []
        margin = np.abs(before[:, 175:].astype(int) - after[:, 175:]).mean()
        lossy = {".jpg": 0.5, ".webp": 0.0 if "z.webp" in name else 2.0}
        assert margin <= lossy.get(Path(name).suffix.lower(), 0.0)
    assert (done.regions, done.nearly_all_hidden) == (len(NAMES), 0)
    record = json.loads(done.audit.read_text(encoding="utf-8"))
    assert (record["method"], record["degree"]) == ("mask", 100)
    assert record["detectors"] == {"zxing": cache.made_by("zxing", QUICK)}
    assert {"anonbench", "numpy", "opencv", "pillow"} == set(record["versions"])
    rows = {row["name"]: row for row in record["images"]}
    assert rows.pop("notes.txt")["status"] == "left_out"
    for name, row in rows.items():
        assert row["digest"] == hashlib.sha256((photos / name).read_bytes()).hexdigest()
        written = (tmp_path / "out" / row["output"]).read_bytes()
        assert row["output_digest"] == hashlib.sha256(written).hexdigest()
        assert row["hidden_pixels"] > 1000 and row["regions"][0]["entity"] == "barcode"
    assert (done.audit.stat().st_mode & 0o777, done.audit.parent) == (0o600, tmp_path)
    table = done.audit.with_suffix(".csv").read_text(encoding="utf-8").splitlines()
    assert len(table) == 1 + len(NAMES) + 1 and table[0].startswith("name,status,reason,output")


def test_metadata_thumbnails_and_unused_tables_are_gone_and_pixels_upright(tmp_path: Path) -> None:
    photo, folder = photograph("turned"), tmp_path / "photos"
    folder.mkdir()
    thumbnail, exif = io.BytesIO(), Image.Exif()
    photo.resize((80, 60)).save(thumbnail, "JPEG")
    exif[0x0112], exif[0x010E], exif[0x8298] = 6, "CANARY description", "CANARY owner"
    tagged = exif.tobytes() + b"CANARY" + thumbnail.getvalue()
    photo.save(folder / "a.jpg", exif=tagged, comment=b"CANARY", xmp=b"<x>CANARY</x>")
    photo.save(folder / "b.png", exif=exif)
    data = (folder / "a.jpg").read_bytes()
    unused = b"\xff\xdb\x00\x43\x03" + (b"CANARY" * 11)[:64]
    (folder / "a.jpg").write_bytes(data[:2] + unused + data[2:] + b"CANARY behind the end")
    assert anonymized(folder, tmp_path / "out").written == 2
    for name, data in files(tmp_path / "out").items():
        assert b"CANARY" not in data and thumbnail.getvalue()[-200:-100] not in data
        with Image.open(tmp_path / "out" / name) as made:
            assert made.size == (150, 200) and not made.getexif()


def test_a_profile_is_made_anew_where_it_describes_the_pixels(tmp_path: Path) -> None:
    folder = tmp_path / "photos"
    save(folder, "grey.png", grey=True, icc_profile=SRGB)
    save(folder, "long.png", icc_profile=SRGB + b"CANARY")
    save(folder, "none.png", icc_profile=b"CANARY" * 40)
    anonymized(folder, tmp_path / "out")
    profiles = {}
    for name, data in files(tmp_path / "out").items():
        assert b"CANARY" not in data
        profiles[name] = Image.open(io.BytesIO(data)).info.get("icc_profile")
    assert profiles == {"grey.png": None, "long.png": standard(SRGB, b"RGB "), "none.png": None}


def test_what_is_in_doubt_is_not_published(photos: Path, tmp_path: Path) -> None:
    save(photos, "bare.png", code=False)
    (photos / "broken.jpg").write_bytes((photos / "a b.JPG").read_bytes()[:900])
    (photos / "photo.cr2").write_bytes(b"raw")
    done = anonymized(photos, tmp_path / "out")
    assert set(files(tmp_path / "out")) == set(NAMES)
    assert (done.without_regions, done.unreadable, done.left_out) == (1, 1, 1)
    assert done.is_doubtful
    assert statuses(done)["bare.png"] == "without_regions"
    whole = Anonymization.model_validate({"shape": {"barcode": "image"}})
    options = {"keep_without_regions": True, "anonymization": whole}
    kept = anonymized(photos, tmp_path / "kept", **options)
    assert kept.nearly_all_hidden == len(NAMES)
    assert set(files(tmp_path / "kept")) == {*NAMES, "bare.png"}
    assert (kept.published_without_regions, kept.without_regions) == (1, 0)


def test_detector_failure(photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Failing:
        def detect(self, images: list[np.ndarray]) -> list[Any]:
            raise RuntimeError("shows a secret")

    monkeypatch.setattr("anonbench.detection.search.build_all", lambda *_: {"zxing": Failing()})
    done = anonymized(photos, tmp_path / "out", keep_without_regions=True)
    assert done.failed == len(NAMES) and files(tmp_path / "out") == {}
    assert "secret" not in done.audit.read_text() and "RuntimeError" in done.audit.read_text()
    monkeypatch.setattr(run, "SUSPICIOUS", 3)
    with pytest.raises(InputError, match=r"all of the first 3 images failed.*RuntimeError"):
        anonymized(photos, tmp_path / "again")


def test_a_method_that_fails_costs_one_image(
    photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hide, seen = Mask.hide, []

    def failing(self: Mask, pixels: np.ndarray, entity: str) -> np.ndarray:
        seen.append(entity)
        if len(seen) == 1:
            raise ValueError("shows a secret")
        return hide(self, pixels, entity)

    monkeypatch.setattr(Mask, "hide", failing)
    done = anonymized(photos, tmp_path / "out")
    assert (done.failed, done.written) == (1, len(NAMES) - 1)
    said = done.audit.read_text()
    assert "method mask failed (ValueError)" in said and "secret" not in said


@pytest.mark.parametrize("fault", ["not hidden", "elsewhere", "more in the file", "other pixels"])
def test_a_file_that_fails_its_audit_is_not_published(
    photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fault: str
) -> None:
    hide, write = checked.layers, file_job.write

    def wrong_pixels(image: np.ndarray, *rest: Any) -> list[np.ndarray]:
        result = image.copy() if fault == "not hidden" else hide(image, *rest)[-1].copy()
        if fault == "elsewhere":
            result[-1, -1] ^= 1
        return [result]

    def wrong_file(pixels: np.ndarray, how: Any) -> bytes:
        if fault == "other pixels":
            pixels = pixels ^ np.uint8(64)
        return write(pixels, how) + (b"more" if fault == "more in the file" else b"")

    monkeypatch.setattr(checked, "layers", wrong_pixels)
    monkeypatch.setattr(file_job, "write", wrong_file)
    done = anonymized(photos, tmp_path / "out")
    assert done.failed == len(NAMES) and files(tmp_path / "out") == {}


def test_originals_are_never_written_to(photos: Path, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(photos, target_is_directory=True)
    (tmp_path / "x").mkdir()
    before = files(photos)
    for to in ("photos", "photos/out", ".", "link", "link/x/new", "x/../photos"):
        with pytest.raises(InputError, match="originals"):
            anonymized(photos, tmp_path / to)
    with pytest.raises(InputError, match="originals"):
        anonymized(photos / "old.bmp", photos)
    assert files(photos) == before


def test_links_in_the_output_folder_lead_to_no_original(photos: Path, tmp_path: Path) -> None:
    before = files(photos)
    out = tmp_path / "out"
    anonymized(photos, out)
    (out / "old.bmp").unlink()
    (out / "old.bmp").hardlink_to(photos / "old.bmp")
    (out / "raw.ppm").unlink()
    (out / "raw.ppm").symlink_to(photos / "raw.ppm")
    assert anonymized(photos, out).written == len(NAMES)
    assert files(photos) == before and not (out / "raw.ppm").is_symlink()
    assert read_codes(out / "old.bmp") == []
    assert read_codes(out / "raw.ppm") == []


def test_files_of_others_are_neither_removed_nor_written_over(photos: Path, tmp_path: Path) -> None:
    own = [tmp_path / name for name in ("out/.precious.part", "other.audit.csv", "file")]
    own[0].parent.mkdir()
    for path in own:
        path.write_text("mine")
    for to, reason in (
        ("out", r"is not empty, and out\.audit\.json is not beside it"),
        ("other", r"other\.audit\.csv"),
        ("new.pdf", "is a file, or named like one: give a folder"),
        ("file", "is a file, or named like one"),
    ):
        with pytest.raises(InputError, match=reason):
            anonymized(photos, tmp_path / to)
    with pytest.raises(InputError, match="is a file, or named like one"):
        anonymized(photos, tmp_path / "file", dry_run=True)
    assert [path.read_text() for path in own] == ["mine"] * 3
    anonymized(photos, tmp_path / "ours")
    boxes = {"anonymization": Anonymization(coding_blocks=False)}
    for changed, named in (({"method": "blur"}, "anonymization, method"), (boxes, "anonymization")):
        with pytest.raises(InputError, match=rf"by other settings .*\(different: {named}\)"):
            anonymized(photos, tmp_path / "ours", **changed)


def test_names_differing_in_case_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("a.png", "A.png", "b.png"):
        save(tmp_path / "photos", name)
    assert places.clashes(tmp_path, ["a.png", "A.png"]) == set()
    monkeypatch.setattr(run, "clashes", lambda to, names: {list(names)[1]})
    done = anonymized(tmp_path / "photos", tmp_path / "out")
    assert set(files(tmp_path / "out")) == {"A.png", "b.png"} and done.failed == 1
    exists = Path.exists
    monkeypatch.setattr(
        Path, "exists", lambda self: exists(self) or exists(self.with_name(self.name.lower()))
    )
    assert places.clashes(tmp_path, ["a.png", "A.png", "b.png"]) == {"A.png"}


def test_ended_run_goes_on(photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = anonymized(photos, tmp_path / "whole")

    def ended(*arguments: Any) -> Iterator[Any]:
        for number, outcome in enumerate(track(*arguments)):
            if number == 3:
                raise KeyboardInterrupt
            yield outcome

    monkeypatch.setattr(run, "track", ended)
    with pytest.raises(KeyboardInterrupt):
        anonymized(photos, tmp_path / "out")
    for read in (open_images, pictures_in):  # by commands, and by an experiment
        with pytest.raises(InputError, match=r"out: copies may be missing.* run it again"):
            read(tmp_path / "out")
    (tmp_path / "out" / ".99.part").write_bytes(b"half a file")
    with (tmp_path / ".out.journal").open("a") as journal:
        journal.write('{"name": "cut sho')
    monkeypatch.setattr(run, "track", track)
    searched = tmp_path / "searched"  # a file: a worker apart goes on with a run that was ended
    monkeypatch.setattr(file_job.Search, "__call__", counting(file_job.Search.__call__, searched))
    done = anonymized(photos, tmp_path / "out")
    assert 0 < searched.stat().st_size <= len(NAMES) - 3
    assert files(tmp_path / "out") == files(tmp_path / "whole")
    assert done.audit.read_bytes() == whole.audit.read_bytes()
    assert not list(tmp_path.glob(".out*"))
    anonymized(photos, tmp_path / "out")
    assert searched.stat().st_size <= len(NAMES) - 3


def counting(function: Callable[..., Any], calls: Path) -> Callable[..., Any]:
    def call(*arguments: Any) -> Any:
        with calls.open("a") as file:
            file.write(".")
        return function(*arguments)

    return call


def test_the_rate_is_that_of_images_that_are_made(
    photos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    anonymized(photos, tmp_path / "out")
    assert f" {len(NAMES)}/{len(NAMES)} " in capsys.readouterr().err
    save(photos, "new.png")
    save(photos, "more.png")
    anonymized(photos, tmp_path / "out")
    assert " 2/2 " in capsys.readouterr().err


def test_changed_is_made_again_and_without_region_is_removed(photos: Path, tmp_path: Path) -> None:
    anonymized(photos, tmp_path / "out")
    save(photos, "old.bmp", code=False)
    (photos / "raw.ppm").write_bytes((photos / "x/page.tif").read_bytes()[:100])
    photograph("a new code").save(photos / "Übung/文件 😀.png")
    (tmp_path / "out" / "a b.JPG").write_bytes(b"changed by hand")
    done = anonymized(photos, tmp_path / "out")
    assert set(files(tmp_path / "out")) == set(NAMES) - {"old.bmp", "raw.ppm"}
    assert (done.without_regions, done.unreadable) == (1, 1)
    for name in ("a b.JPG", "Übung/文件 😀.png"):
        assert read_codes(tmp_path / "out" / name) == []


@pytest.mark.slow
def test_number_of_workers_and_kind_of_input_change_no_byte(photos: Path, tmp_path: Path) -> None:
    more = [photograph("two", grey=True)]
    photograph("one").save(photos / "scan.pdf", save_all=True, append_images=more, resolution=200)
    anonymized(photos, tmp_path / "one")
    two = anonymized(photos, tmp_path / "two", workers=2)
    assert files(tmp_path / "one") == files(tmp_path / "two")
    assert (tmp_path / "one.audit.json").read_bytes() == two.audit.read_bytes()
    with tarfile.open(tmp_path / "photos.tar", "w") as tar:
        tar.add(photos, ".")
    anonymized(tmp_path / "photos.tar", tmp_path / "tar")
    assert files(tmp_path / "tar") == files(tmp_path / "one")
    assert anonymized(photos, tmp_path / "one").made == 0


@pytest.mark.slow
@pytest.mark.parametrize("function", [anonymize_files, detect])
def test_the_example_of_the_docstring(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, function: Callable[..., Any]
) -> None:
    for name, code in (("a.png", True), ("b.jpg", True), ("c.png", False)):
        save(tmp_path / "photos", name, code=code)
    monkeypatch.chdir(tmp_path)
    (example,) = doctest.DocTestFinder(recurse=False).find(function)
    assert doctest.DocTestRunner().run(example) == (0, 3)


def test_a_dry_run_writes_nothing(photos: Path, tmp_path: Path) -> None:
    (tmp_path / ".out.journal").write_text('{"of": "other settings"}\n')
    before = sorted(tmp_path.iterdir())
    done = anonymized(photos, tmp_path / "out", dry_run=True)
    assert (done.images, done.written) == (len(NAMES), 0)
    assert sorted(tmp_path.iterdir()) == before
    assert (tmp_path / ".out.journal").read_text() == '{"of": "other settings"}\n'
    with pytest.raises(InputError, match="originals"):
        anonymized(photos, photos / "out", dry_run=True)
    assert anonymized(photos, tmp_path / "out").written
    assert not (tmp_path / ".out.journal").exists()


@pytest.mark.parametrize(
    "wrong",
    [
        *({"detectors": each} for each in ("zxing", [], ["nope"], ["boxes"])),
        *({"degree": each} for each in (0, 101, 50.5)),
        *({"method": each} for each in ("masc", float("nan"), None)),
        {"keep_without_regions": "no"},
    ],
    ids=str,
)
def test_wrong_arguments_publish_nothing(tmp_path: Path, wrong: dict[str, Any]) -> None:
    save(tmp_path / "photos", "a.png")
    with pytest.raises(InputError):
        anonymize_files(tmp_path / "photos", tmp_path / "out", **{"detectors": ["zxing"]} | wrong)
    assert not (tmp_path / "out").exists()


def test_a_link_in_the_records_place_is_not_followed(tmp_path: Path) -> None:
    original = save(tmp_path / "photos", "a.png")
    before = original.read_bytes()
    (tmp_path / ".out.audit.json.part").symlink_to(original)
    assert anonymized(tmp_path / "photos", tmp_path / "out").written == 1
    assert original.read_bytes() == before
