"""The shards' tables as one, and the counts before and after."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import zxingcpp
from PIL import Image

from anonbench import anonymize_files, detect
from anonbench.config import Detection
from anonbench.core.boxes import Region, box_table, read_boxes, write_boxes
from anonbench.core.errors import InputError
from anonbench.core.io import write_csv, write_parquet
from anonbench.core.vocabulary import Entity
from anonbench.datasets.walk import COPY
from anonbench.detection.gather import gather_boxes

IMAGES = [  # id, split, outcome
    ("a", "train", "ok"),
    ("b", "train", "empty"),
    ("c", "train", "unreadable"),
    ("d", "val", "ok"),
    ("e", "val", "empty"),
]
FAILED = "mtcnn failed (RuntimeError)"
DOUBTS = {"a": "found at low confidence only", "b": "faces of less than 24 pixels"}
REASONS = {"unreadable": "unreadable", "partial": FAILED, "empty failed": FAILED}


def gather(folder: Path, keep: bool, images: list[tuple[str, str, str]] = IMAGES) -> None:
    listed = pd.DataFrame(
        [(i, f"{i}.jpg", s) for i, s, _ in images], columns=["id", "path", "split"]
    )
    write_parquet(listed, folder / "manifest.parquet")
    early = [
        ("x.jpg", "train", "empty file"),
        ("w.jpg", "train", COPY),
        ("y.txt", "", "not in any list"),
    ]
    write_csv(pd.DataFrame(early, columns=["path", "split", "reason"]), folder / "early.csv")
    boxes, states = [], []
    for number, split in enumerate(("train", "val")):
        rows = [
            (i, state.split()[0], REASONS.get(state, ""), DOUBTS.get(i, ""))
            for i, s, state in images
            if s == split
        ]
        used = [i for i, state, *_ in rows if state in ("ok", "partial")]
        found = {i: [Region(Entity.FACE, 1, 2, 3, 4, 0.9)] for i in used}
        boxes.append(folder / f"{number}.boxes.parquet")
        states.append(folder / f"{number}.images.parquet")
        write_boxes(box_table(found, 0), boxes[-1])
        write_parquet(pd.DataFrame(rows, columns=["id", "status", "reason", "doubts"]), states[-1])
    gather_boxes(
        folder / "manifest.parquet",
        folder / "early.csv",
        boxes,
        states,
        keep,
        folder / "boxes.parquet",
        folder / "skipped.csv",
        folder / "counts.csv",
    )


def test_everything_that_was_listed_is_counted(tmp_path: Path) -> None:
    gather(tmp_path, keep=False)
    assert (tmp_path / "counts.csv").read_text(encoding="utf-8").splitlines() == [
        "split,listed,unreadable,failed,without_regions,used,used_without_regions,used_failed,"
        "used_doubtful",
        "train,4,2,0,1,1,0,0,1",
        "val,2,0,0,1,1,0,0,0",
    ]
    assert (tmp_path / "skipped.csv").read_text(encoding="utf-8").splitlines() == [
        "path,split,reason",
        "b.jpg,train,no region found",
        "c.jpg,train,unreadable",
        "e.jpg,val,no region found",
        f"w.jpg,train,{COPY}",
        "x.jpg,train,empty file",
        "y.txt,,not in any list",
    ]
    assert list(read_boxes(tmp_path / "boxes.parquet")["id"]) == ["a", "d"]


def test_images_on_which_a_detector_failed_are_listed_kept_or_not(tmp_path: Path) -> None:
    images = [*IMAGES, ("f", "train", "partial"), ("g", "val", "empty failed")]
    gather(tmp_path, keep=False, images=images)
    counts = pd.read_csv(tmp_path / "counts.csv").set_index("split")["used"]
    assert counts.to_dict() == {"train": 2, "val": 1}
    skipped = pd.read_csv(tmp_path / "skipped.csv").set_index("path")["reason"]
    assert skipped["f.jpg"] == f"{FAILED} (kept)"
    assert skipped["g.jpg"] == f"no region found; {FAILED}"
    gather(tmp_path, keep=True, images=images)
    counts = pd.read_csv(tmp_path / "counts.csv").set_index("split")
    assert counts["used"].to_dict() == {"train": 3, "val": 3}
    assert counts["used_doubtful"].to_dict() == {"train": 2, "val": 0}
    skipped = pd.read_csv(tmp_path / "skipped.csv").set_index("path")["reason"]
    assert skipped["g.jpg"] == f"{FAILED} (kept)"
    assert "e.jpg" not in skipped


def test_a_split_without_a_region_is_refused(tmp_path: Path) -> None:
    reason = r"no image of the split 'val' is left after detection \(1: no region found\)"
    way_out = ".*add others to `detectors` .*centerface \\(face\\), ppocr \\(text\\)"
    with pytest.raises(InputError, match=reason + way_out):
        gather(tmp_path, keep=False, images=[*IMAGES[:3], IMAGES[4]])
    assert not (tmp_path / "counts.csv").exists()


QUICK = Detection(speed="single")


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """A code, a blank image, a broken one, and one of a kind that is not read."""
    folder = tmp_path / "photos"
    folder.mkdir()
    code = zxingcpp.create_barcode("one", zxingcpp.BarcodeFormat.QRCode)
    pixels = np.array(zxingcpp.write_barcode_to_image(code, scale=3))
    Image.fromarray(np.pad(pixels, 20, constant_values=255)).save(folder / "a code.png")
    Image.new("L", (90, 60), 200).save(folder / "blank.png")
    (folder / "broken.png").write_bytes((folder / "blank.png").read_bytes()[:50])
    (folder / "photo.cr2").touch()
    return folder


def test_tables_of_boxes_and_images(photos: Path) -> None:
    found = detect(photos, ["zxing"], detection=QUICK, workers=1)
    assert found.boxes["id"].tolist() == ["a code"] and found.is_doubtful
    assert found.boxes["entity"].tolist() == ["barcode"] and found.boxes["x0"][0] > 10
    rows = found.images.set_index("name")
    assert rows["status"].to_dict() == {
        "a code.png": "ok",
        "blank.png": "empty",
        "broken.png": "unreadable",
    }
    assert (rows["width"]["blank.png"], rows["regions"]["a code.png"]) == (90, 1)
    assert rows["reason"]["broken.png"] and len(rows["digest"]["blank.png"]) == 64
    assert [each.name for each in found.left_out] == ["photo.cr2"]
    two = detect(photos, iter(["zxing"]), detection=QUICK, workers=2)
    assert two.boxes.equals(found.boxes) and two.images.equals(found.images)


def test_without_faults_nothing_is_in_doubt(photos: Path) -> None:
    assert not detect([photos / "blank.png"], ["zxing"], detection=QUICK).is_doubtful
    with pytest.raises(InputError, match="no such file"):
        detect(photos / "missing")


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"detection": {"speed": "quick"}}, r"detection: dict is no section .*config\.Detection"),
        ({"images": [np.zeros((9, 9), np.uint8)]}, "images: number 0 is ndarray, not a path"),
        ({"images": 3}, "images: int is no list; give a folder, or a list of paths"),
    ],
)
def test_other_types_are_refused(wrong: dict[str, Any], message: str, tmp_path: Path) -> None:
    file = tmp_path / "a.png"
    Image.new("L", (9, 9)).save(file)
    given = {"images": [file]} | wrong
    with pytest.raises(InputError, match=message):
        detect(**given)
    with pytest.raises(InputError, match=message):
        anonymize_files(**given, to=tmp_path / "copies")
