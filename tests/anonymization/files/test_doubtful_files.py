"""Copies that must not stay, names that two images want, and records that something befell."""

import csv
import os
import re
import tarfile
from pathlib import Path
from typing import Any

import pytest
from codes import anonymized, files, read_codes, records, save, statuses

from anonbench.anonymization.files import file_job, record
from anonbench.core.errors import InputError
from anonbench.core.io import locked


@pytest.fixture
def photos(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return three codes' folder; commands run beside it."""
    monkeypatch.chdir(tmp_path)
    for name in ("a.png", "b.gif", "c.jpg"):
        save(tmp_path / "photos", name)
    return tmp_path / "photos"


def killed_at(number: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Run until it would write its line about an image, whose copy is there."""
    line, seen = record.Outcome.line, list[int]()

    def write(self: record.Outcome) -> str:
        seen.append(1)
        if len(seen) > number:
            raise KeyboardInterrupt
        return line(self)

    with monkeypatch.context() as during:
        during.setattr(record.Outcome, "line", write)
        with pytest.raises(KeyboardInterrupt):
            anonymized(Path("photos"), Path("out"))


@pytest.mark.parametrize("gone", [False, True])
def test_copy_of_a_killed_run(photos: Path, monkeypatch: pytest.MonkeyPatch, gone: bool) -> None:
    killed_at(1, monkeypatch)
    assert set(files(Path("out"))) == {"a.png", "b.gif.png"}
    (photos / "b.gif").unlink()
    if not gone:
        save(photos, "b.gif", code=False)
    done = anonymized(photos, Path("out"))
    assert set(files(Path("out"))) == {"a.png", "c.jpg"} and done.unknown == 0


def test_run_killed_at_first_image_goes_on(photos: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    killed_at(0, monkeypatch)
    assert Path(".out.journal").read_text().startswith('{"anonymization"')
    assert anonymized(photos, Path("out")).written == 3
    Path(".new.journal").touch()
    assert anonymized(photos, Path("new")).written == 3


def test_images_whose_visible_pixels_depend_on_hidden_ones_are_counted(photos: Path) -> None:
    (photos / "b.gif").unlink()
    save(photos, "d.jp2")
    save(photos, "e.webp")
    done = anonymized(photos, Path("out"))
    assert done.codings == {"JPEG 2000": 1, "WebP": 1}
    assert done.doubtful == 1 and list(done.reasons["doubtful"]) == [file_job.SHARED_PIXELS]


@pytest.mark.slow
@pytest.mark.parametrize("workers", [1, 2])
def test_worker_that_dies(photos: Path, monkeypatch: pytest.MonkeyPatch, workers: int) -> None:
    anonymized(photos, Path("out"), workers=2)
    save(photos, "b.gif", grey=True)
    write = file_job.write

    def deadly(pixels: Any, how: Any) -> bytes:
        if how.suffix == ".png":  # of the GIF alone
            Path("out", f".{os.getpid()}.part").write_bytes(b"half")
            os._exit(9)
        return write(pixels, how)

    killed_at(0, monkeypatch)  # so that one worker knows of a run that was ended
    with monkeypatch.context() as during:
        during.setattr(file_job, "write", deadly)
        done = anonymized(photos, Path("out"), workers=workers)
    assert (done.written, done.failed) == (2, 1) and "died" in str(done.reasons)
    assert {each.name for each in Path("out").iterdir()} == {"a.png", "c.jpg"}
    assert anonymized(photos, Path("out")).written == 3


def test_copies_of_images_that_are_gone_are_counted_and_not_written_over(photos: Path) -> None:
    save(photos, "d.gif.png")
    anonymized(photos, Path("out"))
    (photos / "d.gif.png").rename("d.gif.png")
    save(photos, "d.gif")
    save(Path("out"), "strange/one.png")
    before = files(Path("out"))
    done = anonymized(photos, Path("out"))
    assert (done.images, done.failed, done.not_given, done.unknown) == (4, 1, 1, 1)
    assert done.is_doubtful and statuses(done)["d.gif.png"] == "written"
    assert files(Path("out")) == before
    Path("out/d.gif.png").unlink()
    for made in (1, 0):
        done = anonymized(photos, Path("out"))
        assert (done.failed, done.not_given, done.made) == (0, 0, made), "deleted, as advised"


def test_a_copy_does_not_take_another_image_s_name(photos: Path) -> None:
    save(photos, "b.gif.PNG")
    done = anonymized(photos, Path("out"))
    assert statuses(done)["b.gif"] == "failed" and read_codes(Path("out/b.gif.PNG")) == []
    assert set(files(Path("out"))) == {"a.png", "b.gif.PNG", "c.jpg"}


def test_no_folder_is_made_where_a_link_leads(photos: Path) -> None:
    save(photos, "sub/new/a.png")
    anonymized(photos, Path("out"))
    Path("out/sub").rename("moved")
    Path("elsewhere").mkdir()
    Path("out/sub").symlink_to(Path("elsewhere").absolute())
    with pytest.raises(InputError, match="leads out of"):
        anonymized(photos, Path("out"))
    assert list(Path("elsewhere").iterdir()) == []


def test_a_link_to_the_same_bytes_is_no_finished_copy(photos: Path) -> None:
    anonymized(photos, Path("out"))
    Path("out/a.png").rename("elsewhere.png")
    Path("out/a.png").symlink_to(Path("elsewhere.png").absolute())
    assert anonymized(photos, Path("out")).made == 1
    assert not Path("out/a.png").is_symlink() and Path("elsewhere.png").is_file()


def test_an_image_that_gets_the_name_of_a_copy_takes_it_over(photos: Path) -> None:
    anonymized(photos, Path("out"))
    save(photos, "b.gif.png", code=False)
    done = anonymized(photos, Path("out"))
    assert (done.failed, done.without_regions) == (1, 1)
    assert set(files(Path("out"))) == {"a.png", "c.jpg"}


LONG = f"{'g' * 251}.gif"


@pytest.mark.parametrize(
    ("one", "names", "failed", "copies"),
    [
        (
            *("one.gif", ["a.jpg", "a.jpg/b.jpg", LONG, "z.jpg"], LONG),
            {"a.jpg.png", "a.jpg/b.jpg.png", "z.jpg.png"},
        ),
        ("one.png", ["a.png", "a.png/b.png", "z.png"], "a.png/b.png", {"a.png", "z.png"}),
    ],
    ids=["too long", "a file and a folder"],
)
def test_a_name_that_cannot_be_written_fails_and_the_others_go_on(
    tmp_path: Path, one: str, names: list[str], failed: str, copies: set[str]
) -> None:
    path = save(tmp_path, one)
    with tarfile.open(tmp_path / "t.tar", "w") as tar:
        for name in names:
            tar.add(path, name)
    done = anonymized(tmp_path / "t.tar", tmp_path / "out")
    assert statuses(done) == {**dict.fromkeys(names, "written"), failed: "failed"}
    assert set(files(tmp_path / "out")) == copies


def test_no_output_lies_in_a_linked_folder_or_beside_a_listed_file(photos: Path) -> None:
    Path("all").mkdir()
    Path("all/linked").symlink_to(photos)
    Path("links").mkdir()
    Path("links/a.png").symlink_to(photos / "a.png")
    for given in (Path("all"), Path("links"), [photos / "a.png", photos / "c.jpg"]):
        with pytest.raises(InputError, match="in the folder of the originals"):
            anonymized(given, photos / "out")
    assert not (photos / "out").exists()
    # what is not there is in no folder
    assert anonymized(["nothing.png", photos / "a.png"], Path("out")).written == 1


def test_no_record_lies_among_copies_that_are_passed_on(photos: Path) -> None:
    anonymized(photos, Path("out"))
    before = files(Path("out"))
    with pytest.raises(InputError, match="a folder of copies: the record"):
        anonymized(photos / "a.png", Path("out/more/new"))
    assert files(Path("out")) == before


def test_two_runs_do_not_write_into_one_folder(photos: Path) -> None:
    Path("out").mkdir()
    with locked(Path("out")), pytest.raises(InputError, match=r"out is in use.*: end it or wait"):
        anonymized(photos, Path("out"))
    assert anonymized(photos, Path("out")).written == 3


def test_list_from_elsewhere_is_another_list(photos: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    save(Path("other"), "a.png")
    out = Path("out").absolute()
    for folder in (photos, photos):
        monkeypatch.chdir(folder)
        anonymized(["a.png"], out)
    monkeypatch.chdir(photos.parent / "other")
    with pytest.raises(InputError, match="from other images"):
        anonymized(["a.png"], out)


def test_a_file_that_is_left_out_does_not_hide_the_copy_of_its_name(tmp_path: Path) -> None:
    path = save(tmp_path, "a.png")
    with tarfile.open(tmp_path / "t.tar", "w") as tar:
        tar.add(path, "a.png")
        tar.add(path, "a.png")
    for _ in range(2):
        done = anonymized(tmp_path / "t.tar", tmp_path / "out")
    assert sorted(row["status"] for row in records(done)) == ["left_out", "written"]
    assert (done.written, done.unknown) == (1, 0)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (r".*", ""),
        (r"\A", "\ufffd"),
        (r"....\Z", ""),
        (r'"hidden_pixels": \d+', '"hidden_pixels": 7'),
        (r'"status": "written"', '"status": "without_regions"'),
        (r'"regions": \[\{.*?\}\]', '"regions": null'),
    ],
)
def test_a_damaged_record_says_so(photos: Path, old: str, new: str) -> None:
    audit = anonymized(photos, Path("out")).audit
    changed, count = re.subn(old, new, audit.read_text("utf-8"), flags=re.DOTALL)
    assert count
    audit.write_text(changed, encoding="utf-8")
    with pytest.raises(InputError, match="is damaged"):
        anonymized(photos, Path("out"))


def test_the_table_holds_no_formula_and_no_control_character(tmp_path: Path) -> None:
    for name in ("=1+1.png", "\uff1d1.png", "\u202egpj.png", "e\x1b[31m\n.png", "a-b.png"):
        save(tmp_path / "photos", name)
    audit = anonymized(tmp_path / "photos", tmp_path / "out").audit
    with audit.with_suffix(".csv").open(encoding="utf-8", newline="") as file:
        names = {row["name"] for row in csv.DictReader(file)}
    assert names == {"'=1+1.png", "'\uff1d1.png", "\\u202egpj.png", "e\\x1b[31m\\n.png", "a-b.png"}


def test_folders_may_have_names_that_are_no_text(photos: Path) -> None:
    given, out = (Path(os.fsdecode(name)) for name in (b"ph\xff", b"out\xff"))
    photos.rename(given)
    for _ in range(2):
        done = anonymized(given, out)
    assert done.written == 3 and "ph\\\\xff" in done.audit.read_text(encoding="utf-8")
