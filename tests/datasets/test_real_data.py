"""Real images in the publishers' layouts, where they are at hand."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from small_sets import dataset, written

from anonbench.core.vocabulary import Split
from anonbench.datasets.images import read_image
from anonbench.datasets.listing import count_images, list_images, root_of
from anonbench.datasets.walk import COPY

BY_IDENTITY = {"validation": 0.2, "by": "identity"}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("layout", "folder", "settings", "count", "copies"),
    [
        ("celeba", "celeba", {"split": BY_IDENTITY, "label": "Male", "subset": 500}, 500, 0),
        ("celeba", "celeba_wild", {"split": BY_IDENTITY, "images": "wild", "subset": 200}, 200, 0),
        ("rvl_cdip", "rvl_cdip", {"label": "class"}, 148, 0),
        ("folder", "sroie", {"split": {}}, 20, 0),
        ("folder", "barcode", {"split": {}}, 574, 10),
    ],
)
def test_manifest_of_real_images(
    shared: Path,
    tmp_path: Path,
    layout: str,
    folder: str,
    settings: dict[str, Any],
    count: int,
    copies: int,
) -> None:
    made = dataset(layout, shared / "data" / folder, **settings)
    manifest, skipped, twice, _ = written(made, tmp_path, 180_000_000)
    assert len(manifest) + (skipped["reason"] == COPY).sum() == count
    files = [path for path in (shared / "data" / folder).rglob("*") if not path.is_dir()]
    relative = {str(path.relative_to(shared / "data" / folder)) for path in files}
    listed = [*manifest["path"], *skipped["path"]]
    assert len(listed) == len(relative) and set(listed) == relative
    assert twice["digest"].nunique() == copies
    assert manifest.groupby("digest")["split"].nunique().max() == 1
    for row in manifest.iloc[:: max(1, count // 12)].itertuples():
        pixels = read_image(root_of(made) / str(row.path))
        assert pixels.shape[:2] == (row.height, row.width)
    if "identity" in manifest:
        assert (manifest.groupby("identity")["split"].nunique() == 1).all()


def test_splits_of_real_data(shared: Path) -> None:
    celeba = dataset("celeba", shared / "data" / "celeba", split=BY_IDENTITY)
    counts = count_images(list_images("x", celeba, 0, labels=False))
    assert abs(counts[Split.VAL] - 2000) <= 20 and sum(counts.values()) == 10_000
    pages = dataset("rvl_cdip", shared / "data" / "rvl_cdip")
    assert count_images(list_images("x", pages, 0)) == {Split.TRAIN: 99, Split.VAL: 49}
