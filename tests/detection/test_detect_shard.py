"""A shard's job: every image accounted for, whatever happens to some of them."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from anonbench.config.detectors import Detection
from anonbench.core.boxes import BOX_COLUMNS, Blocks, Region, box_table, image_regions, read_boxes
from anonbench.core.errors import ChangedImage, InputError, UnreadableImage
from anonbench.core.jobs import work_cache
from anonbench.core.jobs.fingerprint import code_identity, module_digest
from anonbench.core.numeric.seeding import shard_of
from anonbench.core.provenance import file_digest
from anonbench.core.registries.detectors import DETECTORS, Detector
from anonbench.core.registries.registry import NAME
from anonbench.core.vocabulary import Entity
from anonbench.datasets.annotations.read import Action, Correction
from anonbench.datasets.images import encode
from anonbench.detection import cache, doubts, reading, search, shard
from anonbench.detection.cache import places
from anonbench.detection.doubts import FEW_LEVELS, SMALL_FACES, WEAK_ONLY
from anonbench.detection.kinds import Boxes, Mtcnn
from anonbench.detection.shard import Job, detect_shard
from image_sets import listed

ZXING, MTCNN, BOXES = "zxing", "mtcnn", "boxes"
PPOCR, TEMPLATE, CENTERFACE = "ppocr", "template", "centerface"
JOB = Job(Path(), (ZXING, MTCNN), Detection(), seed=3)


class Corner:
    """Finds one region in every image whose first pixel is not black; its size tells the value."""

    def __init__(self, entity: Entity) -> None:
        self.entity = entity
        self.batches: list[int] = []
        self.fails_on = {13}

    def detect(self, images: Sequence[np.ndarray]) -> list[list[Region]]:
        self.batches.append(len(images))
        assert not any(image.flags.writeable for image in images), "later detectors see the change"
        values = [int(image.flat[0]) for image in images]
        if self.fails_on & set(values):
            raise RuntimeError("text of the image")
        if 14 in values:
            raise UnreadableImage("too slim")
        return [[region(self.entity, value)] if value else [] for value in values]


def region(entity: Entity, value: int) -> Region:
    x1 = 1 + value / 256
    return Region(entity, 0, 0, x1, 1, 0.5, (0, 1 / 3, x1, 0, x1, 1, 0.1, 0.9))


@pytest.fixture
def corners(monkeypatch: pytest.MonkeyPatch) -> dict[str, Corner]:
    made: dict[str, Any] = {
        ZXING: Corner(Entity.BARCODE),
        MTCNN: Corner(Entity.FACE),
        PPOCR: Corner(Entity.TEXT),
        TEMPLATE: Corner(Entity.MRZ),
        CENTERFACE: Corner(Entity.FACE),
        BOXES: Boxes(),
    }

    def fake(names: Sequence[str], *_: object) -> dict[str, Detector]:
        return {name: made[name] for name in names}

    monkeypatch.setattr(search, "build_all", fake)
    return made


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    names: list[str] = []
    whole = reading.read_original

    def spy(image_id: str, *known: Any) -> bytes:
        names.append(image_id)
        return whole(image_id, *known)

    monkeypatch.setattr(reading, "read_original", spy)
    yield names


class Runs:
    """Runs of the shard's job below a folder, which has its images."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.kept = [folder / "kept/0"]

    def __call__(
        self, manifest: pd.DataFrame, out: str = "out", **changes: Any
    ) -> tuple[pd.DataFrame, pd.DataFrame]:
        boxes, images = (self.folder / out / f"0.{name}.parquet" for name in ("boxes", "images"))
        job = replace(JOB, **({"root": self.folder, "kept": self.kept} | changes))
        detect_shard(manifest, job, boxes, images)
        return read_boxes(boxes), pd.read_parquet(images)

    def bytes_of(self, out: str = "out") -> list[bytes]:
        names = ("0.boxes.parquet", "0.images.parquet")
        return [(self.folder / out / name).read_bytes() for name in names]


@pytest.fixture
def run(tmp_path: Path, corners: dict[str, Corner]) -> Runs:
    return Runs(tmp_path)


def state(path: Path) -> tuple[int, str]:
    return path.stat().st_size, file_digest(path)


def write_images(root: Path, values: Sequence[int], size: tuple[int, int] = (6, 8)) -> pd.DataFrame:
    """Write grey images, each with a value of its own; return their manifest, not in order."""
    names = [f"i{index:03d}.png" for index in range(len(values))]
    for index, value in enumerate(values):
        pixels = np.full(size, value, np.uint8)
        pixels.flat[-3:] = 100, index // 256, index % 256  # not nearly black
        (root / names[index]).write_bytes(encode(pixels))
    return listed(root, names[::-1])


def damage(manifest: pd.DataFrame, path: Path) -> None:
    """Cut an image as if it had always been so: its header is as it was."""
    path.write_bytes(path.read_bytes()[:41])
    manifest.loc[manifest["id"] == path.stem, ["bytes", "digest"]] = state(path)


def expected(values: Mapping[str, int], *entities: Entity) -> pd.DataFrame:
    regions = {name: [region(e, value) for e in entities] for name, value in values.items()}
    return box_table(regions, seed=3)


def test_regions_of_all_detectors_are_united(tmp_path: Path, run: Runs) -> None:
    boxes, images = run(write_images(tmp_path, [5, 0, 200]))
    both = expected({"i000": 5, "i002": 200}, Entity.BARCODE, Entity.FACE)
    pd.testing.assert_frame_equal(boxes, both)
    assert images.columns.tolist() == ["id", "status", "reason", "regions", "doubts"]
    assert images.to_numpy().tolist() == [
        ["i000", "ok", "", 2, f"{FEW_LEVELS}; {SMALL_FACES}; {WEAK_ONLY}"],
        ["i001", "empty", "", 0, FEW_LEVELS],
        ["i002", "ok", "", 2, f"{SMALL_FACES}; {WEAK_ONLY}"],
    ]


def test_a_batch_takes_memory_for_its_pixels_not_for_their_channels(
    tmp_path: Path, run: Runs, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[int] = []
    (tmp_path / "colour.png").write_bytes(encode(np.full((6, 8, 3), 200, np.uint8)))
    with monkeypatch.context() as patched:
        patched.setattr(shard, "memory_for", lambda pixels: nullcontext(asked.append(pixels)))
        run(listed(tmp_path, ["colour.png"]))
    assert asked == [6 * 8]


CUT = "truncated or damaged (no end marker IEND)"


def test_failures_are_recorded(tmp_path: Path, run: Runs, caplog: pytest.LogCaptureFixture) -> None:
    manifest = write_images(tmp_path, [5, 13, 6, 14, 7, 8])
    damage(manifest, tmp_path / "i002.png")
    damage(manifest, tmp_path / "i004.png")
    boxes, images = run(manifest, detectors=[ZXING])
    assert set(boxes["id"]) == {"i000", "i005"}
    assert images[["status", "reason"]].to_numpy().tolist() == [
        ["ok", ""],
        ["failed", "zxing failed (RuntimeError)"],
        ["unreadable", CUT],
        ["failed", "zxing: too slim"],
        ["unreadable", CUT],
        ["ok", ""],
    ]
    assert "i002" in caplog.text
    assert "text of the image" not in caplog.text


def test_failed_image_may_keep_finds(tmp_path: Path, run: Runs, corners: dict[str, Corner]) -> None:
    manifest = write_images(tmp_path, [5, 13, 6, 0])
    damage(manifest, tmp_path / "i002.png")
    corners[MTCNN].fails_on = {0}
    boxes, images = run(manifest, keep_failed=True)
    assert images.set_index("id").drop(columns="doubts").to_numpy().tolist() == [
        ["ok", "", 2],
        ["partial", "zxing failed (RuntimeError)", 1],
        ["unreadable", CUT, 0],
        ["empty", "mtcnn failed (RuntimeError)", 0],
    ]
    assert boxes.loc[boxes["id"] == "i001", "entity"].tolist() == ["face"]


def test_a_detector_that_fails_on_everything_or_lacks_something_ends_the_job(
    tmp_path: Path, run: Runs, corners: dict[str, Corner], monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(InputError, match=r"mtcnn failed on all of the first 1\d\d images"):
        run(write_images(tmp_path, [13] * 101))
    assert not (tmp_path / "out").exists()

    def without_weights(images: Sequence[np.ndarray]) -> list[list[Region]]:
        raise InputError("put the weights there")

    monkeypatch.setattr(corners[ZXING], "detect", without_weights)
    with pytest.raises(InputError, match="put the weights there"):
        run(write_images(tmp_path, [5]), detectors=[ZXING])


def test_empty_shard_gives_empty_tables_of_the_same_types(tmp_path: Path, run: Runs) -> None:
    manifest = write_images(tmp_path, [5])
    full, empty = run(manifest), run(manifest.iloc[:0])
    assert empty[0].columns.tolist() == BOX_COLUMNS
    for one, other in zip(full, empty, strict=True):
        assert len(other) == 0
        pd.testing.assert_series_equal(one.dtypes, other.dtypes)


def test_batches_are_bounded_and_do_not_matter(
    tmp_path: Path, run: Runs, corners: dict[str, Corner], monkeypatch: pytest.MonkeyPatch
) -> None:
    manifest = write_images(tmp_path, list(range(20, 60)), size=(10, 10))
    run(manifest, "a", kept=[])
    assert corners[ZXING].batches == [32, 8]
    # every image is larger than 50 pixels: one at a time
    for out, pixels, batches in (("b", 750, [7] * 5 + [5]), ("c", 50, [1] * 40)):
        corners[ZXING].batches.clear()
        monkeypatch.setattr(reading, "BATCH_PIXELS", pixels)
        run(manifest.iloc[::-1], out, threads=3, kept=[])
        assert corners[ZXING].batches == batches
        assert run.bytes_of(out) == run.bytes_of("a")


def test_warns_of_no_findings(
    tmp_path: Path,
    run: Runs,
    corners: dict[str, Corner],
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    terminal: list[str] = []
    monkeypatch.setattr(shard, "warn_on_terminal", lambda _, text: terminal.append(text))

    def told(manifest: pd.DataFrame, *detectors: str) -> str:
        caplog.clear()
        terminal.clear()
        run(manifest, boxes={}, detectors=detectors, kept=[])
        return "\n".join(terminal)

    nothing = write_images(tmp_path, [0] * 130 + [5])
    text = told(nothing, ZXING, MTCNN, BOXES)
    for name in ("zxing", "mtcnn", "boxes"):
        assert text.count(f"images by {name}") == 1
    # of a few, it warns at the end
    for number, few in ((1, "1 image"), (3, "3 images")):
        assert f"NOTHING FOUND in the first {few} by zxing" in told(nothing.tail(number), ZXING)
    found = write_images(tmp_path, [5] + [0] * 130)
    assert "NOTHING FOUND" not in told(found, ZXING)
    monkeypatch.setattr(corners[ZXING], "detect", lambda images: [[] for _ in images])
    assert told(found, ZXING, MTCNN) == ""
    assert "NOTHING FOUND in the first 128 images by zxing" in caplog.text, "only in the log"


def test_own_boxes_and_corrections_come_after_the_detectors(
    tmp_path: Path, run: Runs, opened: list[str], caplog: pytest.LogCaptureFixture
) -> None:
    manifest = write_images(tmp_path, [5, 0, 200])
    own = {"i001": [region(Entity.TEXT, 9)], "i002": [region(Entity.TEXT, 7)]}
    removals = [Correction(str(n), Action.REMOVE, e, None) for n, e in enumerate(Entity)]
    added = Correction("9", Action.ADD, Entity.MRZ, Region(Entity.MRZ, 1, 2, 3, 4, 1.0))
    corrections = {"i002": removals, "i000": [added]}
    options: dict[str, Any] = {"detectors": [ZXING, BOXES]}
    boxes, images = run(manifest, boxes=own, corrections=corrections, **options)
    found = {"i000": [region(Entity.BARCODE, 5), added.region], "i001": own["i001"], "i002": []}
    pd.testing.assert_frame_equal(boxes, box_table(found, seed=3))
    assert images["status"].tolist() == ["ok", "ok", "empty"]
    # of face, text, barcode, mrz and ink two were there to remove
    assert "3 removals of the corrections match no region" in caplog.text
    assert "first row 0, face (image i002)" in caplog.text
    # other files of the user's: nothing is read again
    opened.clear()
    boxes, _ = run(manifest, boxes={}, **options)
    pd.testing.assert_frame_equal(boxes, expected({"i000": 5, "i002": 200}, Entity.BARCODE))
    assert opened == []


def test_image_unreadable_since(tmp_path: Path, run: Runs, monkeypatch: pytest.MonkeyPatch) -> None:
    manifest = write_images(tmp_path, [5, 6])
    run(manifest, detectors=[ZXING])
    first = (tmp_path / "i000.png").read_bytes()

    def refused(data: bytes, page: object) -> tuple[Blocks, ...]:
        if data == first:
            raise UnreadableImage("of a format that is not read any more")
        return ()

    monkeypatch.setattr(shard, "coding_blocks", refused)
    boxes, images = run(manifest, "again", detectors=[ZXING])
    assert images["status"].tolist() == ["unreadable", "ok"]
    assert images["reason"].tolist() == ["of a format that is not read any more", ""]
    assert boxes["id"].unique().tolist() == ["i001"]


def test_own_boxes_alone_still_ask_whether_an_image_can_be_read(tmp_path: Path, run: Runs) -> None:
    manifest = write_images(tmp_path, [5, 6])
    damage(manifest, tmp_path / "i001.png")
    own = {name: [region(Entity.TEXT, 9)] for name in ("i000", "i001")}
    boxes, images = run(manifest, detectors=[BOXES], boxes=own)
    assert images["status"].tolist() == ["ok", "unreadable"]
    assert images["doubts"].tolist() == ["", ""]
    pd.testing.assert_frame_equal(boxes, box_table({"i000": own["i000"]}, seed=3))


def test_only_new_images_are_searched(tmp_path: Path, run: Runs, opened: list[str]) -> None:
    manifest = write_images(tmp_path, [5, 0, 7, 8, 0])
    run(manifest[manifest["id"] != "i002"])
    opened.clear()
    run(manifest)
    assert opened == ["i002"]
    run(manifest, "without", kept=[])
    assert run.bytes_of() == run.bytes_of("without")
    opened.clear()
    (tmp_path / "i003.png").write_bytes(encode(np.full((6, 8), 9, np.uint8)))
    changed = manifest.copy()
    changed.loc[changed["id"] == "i003", ["bytes", "digest"]] = state(tmp_path / "i003.png")
    boxes, _ = run(changed)
    assert opened == ["i003"]
    assert boxes.loc[boxes["id"] == "i003", "x1"].unique().tolist() == [1 + 9 / 256]


def test_other_file_than_the_manifests_is_refused(tmp_path: Path, run: Runs) -> None:
    manifest = write_images(tmp_path, [5, 6])
    path = tmp_path / "i001.png"
    before = path.read_bytes()
    path.write_bytes(before[:-1] + b"?")
    for _ in range(2):
        with pytest.raises(ChangedImage, match=r"'i001'.* --forcerun manifest"):
            run(manifest)
    assert not list((tmp_path / "out").glob("*.parquet"))
    path.write_bytes(before)
    run(manifest)
    run(manifest, "undisturbed", kept=[])
    assert run.bytes_of() == run.bytes_of("undisturbed")


def test_an_edit_of_one_detector_leaves_the_others_findings(
    tmp_path: Path, run: Runs, corners: dict[str, Corner], monkeypatch: pytest.MonkeyPatch
) -> None:
    manifest = write_images(tmp_path, [5, 6])
    run(manifest)
    edited = Detection(mtcnn=Mtcnn(thresholds=(0.6, 0.7, 0.8)))
    run(manifest, settings=edited)
    assert corners[MTCNN].batches == [2, 2] and corners[ZXING].batches == [2]
    monkeypatch.setattr(cache, "module_digest", lambda *_, **__: "another version of zxing-cpp")
    run(manifest, settings=edited)
    assert corners[ZXING].batches == [2, 2]


def test_faces_are_searched_again_once_there_are_lines(
    tmp_path: Path, run: Runs, corners: dict[str, Corner]
) -> None:
    """Beside a detector of text, faint portraits are found among its lines."""
    manifest = write_images(tmp_path, (30, 50))
    names = [CENTERFACE], [CENTERFACE, ZXING], [CENTERFACE, PPOCR], [CENTERFACE, PPOCR, ZXING]
    searched = []
    for detectors in names:
        run(manifest, detectors=detectors)
        searched.append(len(corners[CENTERFACE].batches))
    assert searched == [1, 1, 2, 2]
    run(manifest, detectors=[CENTERFACE, PPOCR], settings=Detection(speed="quick"))
    other = Detection.model_validate({"ppocr": {"second_model": None}})
    run(manifest, detectors=[CENTERFACE, PPOCR], settings=other)
    assert len(corners[CENTERFACE].batches) == 4


def test_another_package_may_use_the_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    with_lines, without = (cache.made_by(ZXING, Detection(), lines=each) for each in (True, False))
    assert with_lines == without
    monkeypatch.setattr(DETECTORS, "origin", lambda name: {"package": "plugged 1.0"})
    with_lines, without = (cache.made_by(ZXING, Detection(), lines=each) for each in (True, False))
    assert with_lines != without


def test_new_weights_or_code_are_another_detector(tmp_path: Path) -> None:
    (tmp_path / "inference.onnx").write_bytes(b"one")
    settings = Detection.model_validate({"ppocr": {"weights": tmp_path}})
    before = cache.made_by(PPOCR, settings)
    assert cache.made_by(PPOCR, settings) == before
    (tmp_path / "inference.onnx").write_bytes(b"two")
    assert cache.made_by(PPOCR, settings) != before
    assert cache.made_by(ZXING, settings) == cache.made_by(ZXING, Detection())
    without = ["anonbench.core.boxes"]
    for name, code in ((MTCNN, MTCNN), (PPOCR, PPOCR), ("mrz", PPOCR), (TEMPLATE, TEMPLATE)):
        assert f"anonbench.detection.kinds.{code}" in code_identity(cache.modules(name), without)
        of_all = module_digest(cache.modules(name), without)
        assert cache.made_by(name, Detection())["code"]["code"] == of_all


def test_doubts_are_kept_and_only_they_are_noted_anew(
    tmp_path: Path,
    run: Runs,
    corners: dict[str, Corner],
    opened: list[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    manifest = write_images(tmp_path, [5, 200])
    assert not NAME.fullmatch(shard.DOUBTS), "their cache could be a detector's"
    boxes, images = run(manifest)
    assert images["doubts"].iloc[1] == f"{SMALL_FACES}; {WEAK_ONLY}"
    opened.clear()
    added = Correction("1", Action.ADD, Entity.TEXT, Region(Entity.TEXT, 0, 0, 4, 4, 1.0))
    _, corrected = run(manifest, corrections={"i000": [added]})
    assert opened == [] and corrected["doubts"].tolist() == images["doubts"].tolist()
    monkeypatch.setattr(doubts, "WEAK", 0.4)
    monkeypatch.setattr(cache, "doubts_made_by", lambda _: {"code": "other code"})
    again, noted = run(manifest)
    assert opened == ["i000", "i001"] and noted["doubts"].iloc[1] == SMALL_FACES
    assert corners[ZXING].batches == [2]
    pd.testing.assert_frame_equal(again, boxes)


def test_a_killed_job_goes_on_where_it_was(
    tmp_path: Path, run: Runs, corners: dict[str, Corner], monkeypatch: pytest.MonkeyPatch
) -> None:
    manifest = write_images(tmp_path, list(range(20, 90)))
    run(manifest, "whole", kept=[])
    monkeypatch.setattr(work_cache, "FLUSH_SECONDS", 0.0)
    monkeypatch.setattr(work_cache, "FLUSH_SHARE", 0.0)

    with monkeypatch.context() as patch:

        def die(images: Sequence[np.ndarray]) -> list[list[Region]]:
            # killed: nothing is done at the end
            patch.setattr(work_cache.WorkCache, "flush", lambda _: None)
            raise KeyboardInterrupt

        patch.setattr(corners[ZXING], "detect", die)  # the second of the two
        with pytest.raises(KeyboardInterrupt):
            run(manifest, detectors=[ZXING, MTCNN])
    assert not (tmp_path / "out").exists()
    assert corners[MTCNN].batches[-1:] == [32]
    corners[MTCNN].batches.clear()
    run(manifest, detectors=[ZXING, MTCNN])
    assert sum(corners[MTCNN].batches) == 70 - 32
    assert run.bytes_of() == run.bytes_of("whole")


def test_findings_serve_any_number_of_shards(tmp_path: Path, run: Runs, opened: list[str]) -> None:
    manifest = write_images(tmp_path, list(range(20, 40)))
    kept = tmp_path / "a/detect/val/kept"

    def search(count: int) -> None:
        for number in range(count):
            rows = manifest[[shard_of(name, count) == number for name in manifest["id"]]]
            run(rows, f"{number}-{count}", kept=places(kept, number, count))

    search(2)
    assert len(opened) == 20
    opened.clear()
    search(4)
    for file in kept.glob("*-of-2.*"):
        file.unlink()
    search(2)
    assert opened == []


def test_findings_serve_other_data_sets(tmp_path: Path, run: Runs, opened: list[str]) -> None:
    manifest = write_images(tmp_path, [5, 6, 200])

    def search(dataset: str, **options: Any) -> list[bytes]:
        run(manifest, kept=places(tmp_path / dataset / "detect/val/kept", 0, 1), **options)
        return run.bytes_of()

    first = search("first")
    opened.clear()
    assert search("second") == first and opened == []
    own = tmp_path / "second/detect/val/kept/0-of-1.zxing.parquet"
    assert own.exists(), "the first data set's folder may be deleted"
    search("third", settings=Detection(mtcnn=Mtcnn(thresholds=(0.6, 0.7, 0.8))))
    assert len(opened) == 3, "the settings differ"


def test_damaged_findings_are_made_again(
    tmp_path: Path, run: Runs, caplog: pytest.LogCaptureFixture
) -> None:
    manifest = write_images(tmp_path, [5, 6])
    run(manifest, detectors=[ZXING])
    whole = run.bytes_of()
    file = tmp_path / "kept/0.zxing.parquet"
    content = file.read_bytes()
    flipped = bytes([*content[:-9], content[-9] ^ 1, *content[-8:]])
    for damaged in (b"", b"PAR1 and no more", content[: len(content) // 2], flipped):
        file.write_bytes(damaged)
        caplog.clear()
        run(manifest, detectors=[ZXING])
        assert "is damaged" in caplog.text
        assert run.bytes_of() == whole
        assert file.read_bytes() == content


def test_regions_know_the_coding_blocks_of_their_files(tmp_path: Path, run: Runs) -> None:
    """Also of an image that was searched before, and is not decoded again."""
    manifest = write_images(tmp_path, [5, 200])
    path = tmp_path / "i001.jpg"
    Image.fromarray(np.full((6, 8, 3), 200, np.uint8)).save(path, subsampling=2)
    row = manifest["id"] == "i001"
    manifest.loc[row, ["path", "bytes", "digest"]] = [path.name, *state(path)]
    for _ in range(2):
        regions = image_regions(run(manifest)[0])
        assert {each.blocks for each in regions["i000"]} == {()}
        blocks = (Blocks(0, 0, 8, 6, 0, 0, 16, 16, 1, 1),)
        assert {each.blocks for each in regions["i001"]} == {blocks}
