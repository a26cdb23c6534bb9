"""Outlines of regions: what is seen where no picture may be."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from anonbench.core.io import write_parquet
from anonbench.reporting.shown_images import read_outlines

BOX = ["x0", "y0", "x1", "y1"]
CORNERS = [f"q{number}" for number in range(8)]


def region(image_id: str, entity: str, x: float, y: float) -> dict[str, object]:
    """Return a region of 10 x 5 pixels."""
    corners = (x, y, x + 10, y, x + 10, y + 5, x, y + 5)
    box = dict(zip(BOX, (x, y, x + 10, y + 5), strict=True))
    # of an upright region, such as a face, a table has no corners
    known = dict(zip(CORNERS, corners, strict=True)) if entity != "face" else {}
    return {"id": image_id, "entity": entity, **box, **known}


def files(folder: Path, rows: list[dict[str, object]]) -> tuple[Path, Path]:
    """Write regions and a manifest, and return both."""
    columns = ["id", "entity", *BOX, *CORNERS]
    types = {"id": str, "entity": str} | dict.fromkeys([*BOX, *CORNERS], float)
    write_parquet(pd.DataFrame(rows, columns=columns).astype(types), folder / "boxes.parquet")
    write_parquet(pd.DataFrame({"id": ["a", "b", "c"]}), folder / "manifest.parquet")
    return folder / "boxes.parquet", folder / "manifest.parquet"


def many() -> list[dict[str, object]]:
    """Return an image of one kind, and images of two kinds with three, two and nine regions."""
    rows = [region("a", "text", 1, y) for y in range(9)]
    rows += [region("b", e, 2, y) for y, e in enumerate(("face", "text", "text"))]
    rows += [region("c", "face", 3, 4), region("c", "text", 30, 40)]
    return rows + [region("d", "face" if y else "text", 4, y) for y in range(9)]


def test_a_typical_image_with_most_kinds_is_outlined(tmp_path: Path) -> None:
    boxes, manifest = files(tmp_path, many())
    write_parquet(pd.DataFrame({"id": ["b"], "width": [64], "height": [48]}), manifest)
    found = read_outlines(boxes, manifest)
    assert found is not None and (found.width, found.height) == (64, 48)
    assert found.shapes[0] == ("face", "2 0 12 0 12 5 2 5") and len(found.shapes) == 3
    assert list(found.colours) == ["face", "text"]


def test_without_sizes_the_extent_of_the_regions_counts(tmp_path: Path) -> None:
    boxes, manifest = files(tmp_path, many())
    for sizes in (manifest, None):
        found = read_outlines(boxes, sizes)
        assert found is not None and (found.width, found.height) == (20, 15)


def test_without_regions_there_is_nothing_to_outline(tmp_path: Path) -> None:
    assert read_outlines(*files(tmp_path, [])) is None
