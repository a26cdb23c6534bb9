"""A shard's job: every image accounted for, whatever happens to some of them."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from anonbench.boxes import BOX_COLUMNS, Region, box_table, read_boxes
from anonbench.config.detectors import Detection, DetectorName
from anonbench.detectors import Detector, shard
from anonbench.errors import UnreadableImage
from anonbench.images import encode
from anonbench.vocabulary import Entity

ZXING, MTCNN = DetectorName.ZXING, DetectorName.MTCNN


class Corner:
    """Finds one region in every image whose first pixel is not black; its size tells the value."""

    def __init__(self, entity: Entity) -> None:
        self.entity = entity
        self.batches: list[int] = []

    def detect(self, images: Sequence[np.ndarray]) -> list[list[Region]]:
        self.batches.append(len(images))
        values = [int(image.flat[0]) for image in images]
        if 13 in values:
            raise RuntimeError("text of the image")
        if 14 in values:
            raise UnreadableImage("too slim")
        return [
            [Region(self.entity, 0, 0, 1 + value / 256, 1, 0.5)] if value else []
            for value in values
        ]


@pytest.fixture
def corners(monkeypatch: pytest.MonkeyPatch) -> dict[DetectorName, Corner]:
    made = {ZXING: Corner(Entity.BARCODE), MTCNN: Corner(Entity.FACE)}

    def fake(name: DetectorName, settings: Detection, threads: int = 1) -> Detector:
        return made[name]

    monkeypatch.setattr(shard, "build", fake)
    return made


def write_images(root: Path, values: Sequence[int], size: tuple[int, int] = (6, 8)) -> pd.DataFrame:
    """Write grey images of one value each; return their manifest, not in the order of ids."""
    rows = []
    for index, value in enumerate(values):
        name = f"i{index:03d}"
        (root / f"{name}.png").write_bytes(encode(np.full(size, value, np.uint8)))
        rows.append((name, f"{name}.png"))
    return pd.DataFrame(rows[::-1], columns=["id", "path"])


def run(
    manifest: pd.DataFrame,
    root: Path,
    out: Path,
    detectors: Sequence[DetectorName] = (ZXING, MTCNN),
    threads: int = 1,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    boxes, images = out / "0.boxes.parquet", out / "0.images.parquet"
    shard.detect_shard(manifest, root, detectors, Detection(), 3, boxes, images, threads)
    return read_boxes(boxes), pd.read_parquet(images)


def test_regions_of_all_detectors_are_united(
    tmp_path: Path, corners: dict[DetectorName, Corner]
) -> None:
    manifest = write_images(tmp_path, [5, 0, 200])
    boxes, images = run(manifest, tmp_path, tmp_path / "out")
    expected = {
        f"i{index:03d}": [
            Region(entity, 0, 0, 1 + value / 256, 1, 0.5)
            for entity in (Entity.BARCODE, Entity.FACE)
            if value
        ]
        for index, value in enumerate([5, 0, 200])
    }
    pd.testing.assert_frame_equal(boxes, box_table(expected, seed=3))
    assert images.columns.tolist() == ["id", "status", "reason", "regions"]
    assert images.to_numpy().tolist() == [
        ["i000", "ok", "", 2],
        ["i001", "empty", "", 0],
        ["i002", "ok", "", 2],
    ]


def test_unreadable_and_failing_images_are_recorded_and_the_rest_goes_on(
    tmp_path: Path, corners: dict[DetectorName, Corner], caplog: pytest.LogCaptureFixture
) -> None:
    manifest = write_images(tmp_path, [5, 13, 6, 14, 7, 8])
    (tmp_path / "i002.png").write_bytes(b"")
    (tmp_path / "i004.png").unlink()
    boxes, images = run(manifest, tmp_path, tmp_path / "out", [ZXING])
    assert set(boxes["id"]) == {"i000", "i005"}
    table = images.set_index("id")
    assert table["status"].tolist() == ["ok", *["unreadable"] * 4, "ok"]
    assert table["reason"].tolist() == [
        "",
        "zxing failed (RuntimeError)",
        "empty file",
        "zxing: too slim",
        "file is missing",
        "",
    ]
    assert "i002" in caplog.text
    assert "text of the image" not in caplog.text


def test_empty_shard_gives_empty_tables_of_the_same_types(
    tmp_path: Path, corners: dict[DetectorName, Corner]
) -> None:
    manifest = write_images(tmp_path, [5])
    full = run(manifest, tmp_path, tmp_path / "full")
    empty = run(manifest.iloc[:0], tmp_path, tmp_path / "empty")
    assert empty[0].columns.tolist() == BOX_COLUMNS
    for one, other in zip(full, empty, strict=True):
        assert len(other) == 0
        pd.testing.assert_series_equal(one.dtypes, other.dtypes)


def test_batches_are_bounded_and_do_not_matter(
    tmp_path: Path, corners: dict[DetectorName, Corner], monkeypatch: pytest.MonkeyPatch
) -> None:
    manifest = write_images(tmp_path, list(range(20, 60)), size=(10, 10))
    run(manifest, tmp_path, tmp_path / "a")
    assert corners[ZXING].batches == [32, 8]
    corners[ZXING].batches.clear()
    monkeypatch.setattr(shard, "BATCH_PIXELS", 750)
    run(manifest.iloc[::-1], tmp_path, tmp_path / "b", (ZXING, MTCNN))
    assert corners[ZXING].batches == [7] * 5 + [5]
    corners[ZXING].batches.clear()
    monkeypatch.setattr(shard, "BATCH_PIXELS", 50)  # every image is larger: one at a time
    run(manifest, tmp_path, tmp_path / "c")
    assert corners[ZXING].batches == [1] * 40
    for name in ("0.boxes.parquet", "0.images.parquet"):
        contents = {(tmp_path / run_name / name).read_bytes() for run_name in "abc"}
        assert len(contents) == 1


def test_warns_when_the_first_hundred_images_have_nothing(
    tmp_path: Path, corners: dict[DetectorName, Corner], caplog: pytest.LogCaptureFixture
) -> None:
    nothing = write_images(tmp_path, [0] * 130 + [5])
    with caplog.at_level(logging.WARNING):
        run(nothing, tmp_path, tmp_path / "out")
    assert caplog.text.count("NOTHING FOUND") == 1
    caplog.clear()
    run(nothing.tail(3), tmp_path, tmp_path / "few")  # a small shard warns at its end
    assert caplog.text.count("NOTHING FOUND") == 1
    caplog.clear()
    run(write_images(tmp_path, [5] + [0] * 130), tmp_path, tmp_path / "found")
    assert "NOTHING FOUND" not in caplog.text


def test_real_detectors_give_equal_bytes_in_any_batch_and_with_any_threads(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from anonbench.datasets.demo import portraits

    rows = []
    for index in range(3):
        image = portraits.draw(1, f"p{index}", 0).image[40:180:2, 30:150:2]
        (tmp_path / f"p{index}.png").write_bytes(encode(image))
        rows.append((f"p{index}", f"p{index}.png"))
    manifest = pd.DataFrame(rows, columns=["id", "path"])
    boxes, images = run(manifest, tmp_path, tmp_path / "a", [MTCNN])
    assert images["status"].eq("ok").all()
    assert boxes["entity"].eq("face").all()
    monkeypatch.setattr(shard, "BATCH_IMAGES", 2)
    run(manifest, tmp_path, tmp_path / "b", [MTCNN], threads=2)
    shard._limit_threads(1, [MTCNN])
    for name in ("0.boxes.parquet", "0.images.parquet"):
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()
