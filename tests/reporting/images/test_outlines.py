"""Outlines of regions: what is seen where no picture may be."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from anonbench.core.io import write_parquet
from anonbench.reporting.images.outlines import read_outlines

CORNERS = [f"q{number}" for number in range(8)]


def region(image_id: str, entity: str, x: float, y: float) -> dict[str, object]:
    """Return a region of 10 x 5 pixels."""
    corners = (x, y, x + 10, y, x + 10, y + 5, x, y + 5)
    return {"id": image_id, "entity": entity, **dict(zip(CORNERS, corners, strict=True))}


def files(folder: Path, rows: list[dict[str, object]]) -> tuple[Path, Path]:
    """Write regions and a manifest, and return both."""
    columns = ["id", "entity", *CORNERS]
    types = {"id": str, "entity": str} | dict.fromkeys(CORNERS, float)
    write_parquet(pd.DataFrame(rows, columns=columns).astype(types), folder / "boxes.parquet")
    write_parquet(pd.DataFrame({"id": ["a", "b", "c"]}), folder / "manifest.parquet")
    return folder / "boxes.parquet", folder / "manifest.parquet"


def many() -> list[dict[str, object]]:
    """Return an image of one kind, one of two kinds with three regions, and one with two."""
    rows = [region("a", "text", 1, y) for y in range(9)]
    rows += [region("b", e, 2, y) for y, e in enumerate(("face", "text", "text"))]
    return [*rows, region("c", "face", 3, 4), region("c", "text", 30, 40)]


def test_the_image_with_most_kinds_and_fewest_regions_is_outlined(tmp_path: Path) -> None:
    boxes, manifest = files(tmp_path, many())
    write_parquet(pd.DataFrame({"id": ["c"], "width": [64], "height": [48]}), manifest)
    found = read_outlines(boxes, manifest)
    assert found is not None and (found.width, found.height) == (64, 48)
    assert found.shapes == [("face", "3 4 13 4 13 9 3 9"), ("text", "30 40 40 40 40 45 30 45")]
    assert list(found.colours) == ["face", "text"]


def test_without_sizes_the_extent_of_the_regions_counts(tmp_path: Path) -> None:
    boxes, manifest = files(tmp_path, many())
    for sizes in (manifest, None):
        found = read_outlines(boxes, sizes)
        assert found is not None and found.width >= 40 and found.height >= 45


def test_without_regions_there_is_nothing_to_outline(tmp_path: Path) -> None:
    assert read_outlines(*files(tmp_path, [])) is None
