"""Outlines of one image's regions, shown if no picture may be shown."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
import pyarrow.parquet as pq

from anonbench.core.vocabulary import Entity

COLOURS: Mapping[str, str] = {
    Entity.FACE: "#0072B2",
    Entity.TEXT: "#D55E00",
    Entity.BARCODE: "#009E73",
    Entity.MRZ: "#CC79A7",
    Entity.INK: "#E69F00",
}
"""Okabe and Ito's colours, which colour-blind people can distinguish."""
_BOX = ["x0", "y0", "x1", "y1"]
_CORNERS = [f"q{number}" for number in range(8)]
_ROWS = 20_000
"""Regions from the start of the table among which the image is chosen."""


@dataclass(frozen=True)
class Outlines:
    """Regions of one image."""

    width: int
    height: int
    shapes: Sequence[tuple[str, str]]
    """Entity and corners of each region, as the SVG attribute `points`."""

    @property
    def colours(self) -> dict[str, str]:
        """Colour of each entity that occurs."""
        there = {entity for entity, _ in self.shapes}
        return {entity: colour for entity, colour in COLOURS.items() if entity in there}


def read_outlines(boxes: Path, manifest: Path | None) -> Outlines | None:
    """Regions of a typical image with the most entities; None without regions.

    Args:
        boxes: the data set's regions (Parquet).
        manifest: its images; without it, or without sizes in it (as in a bundle), the extent of the
            regions is used.
    """
    file = pq.ParquetFile(boxes)
    first = next(file.iter_batches(_ROWS, columns=["id", "entity", *_BOX, *_CORNERS]), None)
    if first is None or not first.num_rows:
        return None
    table = first.to_pandas()
    by_id = table.groupby("id", sort=True)["entity"].agg(["nunique", "size"])
    richest = by_id[by_id["nunique"] == by_id["nunique"].max()].sort_values("size", kind="stable")
    chosen = richest.index[len(richest) // 2]  # neither the fewest nor the most regions
    rows = table[table["id"] == chosen].copy()
    as_box = ["x0", "y0", "x1", "y0", "x1", "y1", "x0", "y1"]
    for corner, side in zip(_CORNERS, as_box, strict=True):  # upright regions have no corners
        rows[corner] = rows[corner].fillna(rows[side])
    shapes = [
        (str(entity), " ".join(f"{value:.0f}" for value in corners))
        for entity, corners in zip(rows["entity"], rows[_CORNERS].to_numpy(), strict=True)
    ]
    if manifest is not None and {"width", "height"} <= set(pq.read_schema(manifest).names):
        sizes, own = ["width", "height"], [("id", "==", chosen)]
        known = pd.read_parquet(manifest, columns=sizes, filters=own)
        width, height = map(int, known.iloc[0])
    else:
        width, height = (int(rows[_CORNERS[axis::2]].max().max()) + 8 for axis in (0, 1))
    return Outlines(width, height, shapes)
