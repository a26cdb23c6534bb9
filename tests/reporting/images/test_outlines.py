"""Outlines of regions: what is seen where no picture may be."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from anonbench.core.io import write_parquet
from anonbench.reporting.shown_images import read_outlines

BOX = ["x0", "y0", "x1", "y1"]
CORNERS = [f"q{number}" for number in range(8)]


def region(image_id: str, entity: str, x: float, y: float) -> tuple[object, ...]:
    """Return a region of 10 x 5 pixels; an upright one, such as a face, has no corners."""
    corners = (x, y, x + 10, y, x + 10, y + 5, x, y + 5) if entity != "face" else 8 * (np.nan,)
    return image_id, entity, x, y, x + 10, y + 5, *corners


def test_a_typical_image_with_most_kinds_is_outlined(tmp_path: Path) -> None:
    boxes, manifest = tmp_path / "boxes.parquet", tmp_path / "manifest.parquet"
    rows = [region("a", "text", 1, y) for y in range(9)]
    rows += [region("b", e, 2, y) for y, e in enumerate(("face", "text", "text"))]
    rows += [region("c", "face", 3, 4), region("c", "text", 30, 40)]
    rows += [region("d", "face" if y else "text", 4, y) for y in range(9)]
    regions = pd.DataFrame(rows, columns=["id", "entity", *BOX, *CORNERS])
    write_parquet(regions, boxes)
    write_parquet(pd.DataFrame({"id": ["b"], "width": [64], "height": [48]}), manifest)
    found = read_outlines(boxes, manifest)
    assert found is not None and (found.width, found.height) == (64, 48)
    assert found.shapes[0] == ("face", "2 0 12 0 12 5 2 5") and len(found.shapes) == 3
    assert list(found.colours) == ["face", "text"]
    # without sizes, the extent of the regions counts
    write_parquet(pd.DataFrame({"id": ["a", "b", "c"]}), manifest)
    for sizes in (manifest, None):
        found = read_outlines(boxes, sizes)
        assert found is not None and (found.width, found.height) == (20, 15)
    write_parquet(regions.iloc[:0], boxes)
    assert read_outlines(boxes, manifest) is None
