"""Bad files among good ones: recorded and skipped, never fatal, never silent."""

from __future__ import annotations

import csv
import io
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from anonbench.config import PortraitsDemo
from anonbench_demo import generate

pytestmark = pytest.mark.workflow


def coded(format: str, mode: str = "RGB", **options: Any) -> bytes:
    data = io.BytesIO()
    values = np.random.default_rng(0).integers(0, 256, (120, 100, 3), dtype=np.uint8)
    Image.fromarray(values).convert(mode).save(data, format, **options)
    return data.getvalue()


def png_header(width: int, height: int) -> bytes:
    data = bytearray(coded("PNG"))
    data[16:24] = width.to_bytes(4, "big") + height.to_bytes(4, "big")
    data[29:33] = zlib.crc32(bytes(data[12:29])).to_bytes(4, "big")
    return bytes(data)


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder of drawn faces in train and val, and bad files among them."""
    base = tmp_path_factory.mktemp("archive")
    demo = PortraitsDemo(train_identities=2, val_identities=2, photos=2)
    generate(demo, base / "portraits", 1)
    faces = sorted((base / "portraits" / "img_align_celeba").glob("*.jpg"))
    for number, face in enumerate(faces):
        split = base / "images" / ("train" if number % 2 else "val")
        split.mkdir(parents=True, exist_ok=True)
        (split / face.name).write_bytes(face.read_bytes())
    train = base / "images" / "train"
    whole = faces[0].read_bytes()
    frames = [Image.new("RGB", (60, 60), (n, 0, 0)) for n in (0, 200)]
    frames[0].save(train / "animated.gif", save_all=True, append_images=frames[1:])
    for name, data in {
        "truncated.jpg": whole[: len(whole) // 2],
        "zero.jpg": b"",
        "letter.jpg": b"Dear Sir or Madam",
        "bomb.png": png_header(60_000, 60_000),
        "cmyk.jpg": coded("JPEG", "CMYK"),
        "palette.png": coded("PNG", "P"),
        "sixteen.png": sixteen_bits(),
    }.items():
        (train / name).write_bytes(data)
    return base


def sixteen_bits() -> bytes:
    data = io.BytesIO()
    values = np.random.default_rng(0).integers(0, 65536, (120, 100), dtype=np.uint16)
    Image.fromarray(values).save(data, "PNG")
    return data.getvalue()


def test_bad_files_are_recorded(snakemake: Any, archive: Path) -> None:
    before = {path: path.read_bytes() for path in (archive / "images").rglob("*.*")}
    dataset = {"layout": "folder", "path": "images", "detectors": ["mtcnn"]}
    done = snakemake(archive, {"datasets": {"mine": dataset}}, "--cores", "2", "mine_boxes")
    assert done.returncode == 0, done.stderr
    with (archive / "results/mine/skipped.csv").open(encoding="utf-8") as file:
        reasons = {Path(row["path"]).name: row["reason"] for row in csv.DictReader(file)}
    assert reasons["zero.jpg"] == "empty file"
    assert "truncated" in reasons["truncated.jpg"]
    assert "not an image" in reasons["letter.jpg"]
    assert "pixels" in reasons["bomb.png"]
    # unusual but whole images are read, of an animation its first frame; there is no face in them
    for name in ("animated.gif", "cmyk.jpg", "palette.png", "sixteen.png"):
        assert reasons[name] == "no region found"
    counts = pd.read_csv(archive / "results/mine/counts.csv").set_index("split").loc["train"]
    assert counts["listed"] == counts[["unreadable", "failed", "without_regions", "used"]].sum()
    assert counts["unreadable"] == 4
    assert {path: path.read_bytes() for path in (archive / "images").rglob("*.*")} == before
