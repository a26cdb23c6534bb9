"""Detection in a user's files: tables, and what could not be searched."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import zxingcpp
from PIL import Image

from anonbench import anonymize_files, detect
from anonbench.config import Detection
from anonbench.core.errors import InputError

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
