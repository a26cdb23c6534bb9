"""Real images in the publishers' layouts, where they are at hand."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from anonbench.config import Dataset
from anonbench.datasets.listing import count_images, list_images, root_of
from anonbench.datasets.manifest import write_manifest
from anonbench.images import read_image
from anonbench.vocabulary import Split

Make = Callable[..., Dataset]
BY_IDENTITY = {"validation": 0.2, "by": "identity"}


@pytest.mark.parametrize(
    ("layout", "folder", "settings", "count"),
    [
        ("celeba", "celeba", {"split": BY_IDENTITY, "label": "Male", "subset": 500}, 500),
        ("celeba", "celeba_wild", {"split": BY_IDENTITY, "images": "wild", "subset": 200}, 200),
        ("rvl_cdip", "rvl_cdip", {"label": "class"}, 148),
        ("folder", "sroie", {"split": {}}, 20),
        ("folder", "barcode", {"split": {}}, 574),
    ],
)
def test_manifest_of_real_images(
    shared: Path,
    tmp_path: Path,
    dataset: Make,
    layout: str,
    folder: str,
    settings: dict[str, Any],
    count: int,
) -> None:
    made = dataset(layout, shared / "data" / folder, **settings)
    write_manifest(
        "x", made, 180_000_000, 0, tmp_path / "m.parquet", tmp_path / "s.csv", tmp_path / "c.csv"
    )
    manifest = pd.read_parquet(tmp_path / "m.parquet")
    assert len(manifest) == count and len(pd.read_csv(tmp_path / "s.csv")) == 0
    for row in manifest.iloc[:: max(1, count // 30)].itertuples():
        pixels = read_image(root_of(made) / str(row.path))
        assert pixels.shape[:2] == (row.height, row.width)
    if "identity" in manifest:
        assert (manifest.groupby("identity")["split"].nunique() == 1).all()


def test_splits_of_real_data(shared: Path, dataset: Make) -> None:
    celeba = dataset("celeba", shared / "data" / "celeba", split=BY_IDENTITY)
    counts = count_images(list_images("x", celeba, 0, labels=False))
    assert abs(counts[Split.VAL] - 2000) <= 20 and sum(counts.values()) == 10_000
    pages = dataset("rvl_cdip", shared / "data" / "rvl_cdip")
    assert count_images(list_images("x", pages, 0)) == {Split.TRAIN: 99, Split.VAL: 49}
