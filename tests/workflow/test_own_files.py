"""A user's own boxes and corrections, and images added later: only what is new is searched."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import zxingcpp
from PIL import Image

from anonbench.boxes import read_boxes

pytestmark = [pytest.mark.workflow, pytest.mark.slow]

HEADER = "path,entity,x0,y0,x1,y1\n"


def write_code(path: Path, text: str) -> None:
    barcode = zxingcpp.create_barcode(text, zxingcpp.BarcodeFormat.QRCode)
    code = np.array(zxingcpp.write_barcode_to_image(barcode, scale=4))
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.pad(code, 20, constant_values=255)).save(path)


def entities(folder: Path) -> dict[str, list[str]]:
    boxes = read_boxes(folder / "results/archive/boxes.parquet")
    return {str(name): sorted(rows["entity"]) for name, rows in boxes.groupby("id")}


def searched_before(folder: Path) -> list[str]:
    """Return what the logs of both splits say."""
    logs = sorted((folder / "results/logs/detect/archive").glob("*.log"))
    lines = [line for log in logs for line in log.read_text(encoding="utf-8").splitlines()]
    return [line.split(": ")[1] for line in lines if "were searched before" in line]


def test_own_files_and_new_images_search_nothing_again(snakemake: Any, tmp_path: Path) -> None:
    for split in ("train", "val"):
        for number in range(3):
            write_code(tmp_path / f"images/{split}/{number}.png", f"{split} {number}")
    (tmp_path / "own.csv").write_text(HEADER + "train/0.png,text,1,2,30,12\n", encoding="utf-8")
    corrections = tmp_path / "corrections.csv"
    corrections.write_text(
        HEADER.replace("path", "path,action") + "val/1.png,add,face,1,2,30,12\n", encoding="utf-8"
    )
    archive = {
        "layout": "folder",
        "path": "images",
        "detectors": ["zxing", "boxes"],
        "boxes": "own.csv",
        "corrections": "corrections.csv",
        "recipe": "any",
    }
    config = {
        "datasets": {"archive": archive},
        "recipes": {"any": {}},
        "detection": {"zxing": {"rotations": []}},
    }

    def run(*arguments: str) -> str:
        done = snakemake(tmp_path, config, "--cores", "1", "archive_boxes", *arguments)
        assert done.returncode == 0, done.stderr
        return str(done.stderr)

    told = run()
    assert "NOTHING FOUND in the first 3 images by boxes" in told  # none of val's
    assert searched_before(tmp_path) == ["0 of 3 images were searched before"] * 2
    every = {f"{split}/{number}": ["barcode"] for split in ("train", "val") for number in range(3)}
    found = every | {"train/0": ["barcode", "text"], "val/1": ["barcode", "face"]}
    assert entities(tmp_path) == found

    with corrections.open("a", encoding="utf-8") as file:
        file.write("val/2.png,remove,barcode,,,,\n")
    run()
    assert searched_before(tmp_path) == ["3 of 3 images were searched before"] * 2
    del found["val/2"]
    assert entities(tmp_path) == found

    write_code(tmp_path / "images/train/3.png", "one more")
    run("--forcerun", "manifest")  # a new file in a folder is not seen by itself
    assert searched_before(tmp_path) == [f"3 of {n} images were searched before" for n in (4, 3)]
    assert entities(tmp_path) == found | {"train/3": ["barcode"]}
