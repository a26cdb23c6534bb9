"""Sensitive regions: one region, the table of all regions of a shard, and the draw order."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from anonbench.core.io import write_parquet
from anonbench.core.numeric.seeding import rng
from anonbench.core.vocabulary import Entity

if TYPE_CHECKING:
    import pandas as pd

QUAD_COLUMNS = [f"q{corner}" for corner in range(8)]
BOX_COLUMNS = ["id", "entity", "x0", "y0", "x1", "y1", *QUAD_COLUMNS, "score", "order"]

Quad = tuple[float, float, float, float, float, float, float, float]


@dataclass(frozen=True)
class Region:
    """One sensitive region, in pixels of the upright original, half-open: x0 ≤ x < x1."""

    entity: Entity
    x0: float
    y0: float
    x1: float
    y1: float
    score: float
    quad: Quad | None = None
    """Corners x, y, x, y, … of a slanted region; the box above encloses it."""


def draw_order(image_id: str, count: int, seed: int) -> list[int]:
    """Return the rank of each of an image's `count` regions in its random draw.

    Degree d takes the ranks below ceil(d · count / 100), so that degrees nest and every method
    hides the same regions.
    """
    return [int(rank) for rank in rng(seed, "draw", image_id).permutation(count)]


def regions_at(degree: int, count: int) -> int:
    """Return how many of an image's `count` regions are anonymized at `degree` percent."""
    return -(-degree * count // 100)


def box_table(regions: Mapping[str, Sequence[Region]], seed: int) -> pd.DataFrame:
    """Return the box table of images, sorted by id and draw order; columns `BOX_COLUMNS`.

    Regions are put into a fixed order before the draw, so that a detector's order is no matter.
    """
    import pandas as pd  # not above: the config is read with this module

    rows: list[tuple[object, ...]] = []
    for image_id in sorted(regions):
        fixed = sorted(regions[image_id], key=lambda r: (r.entity, r.y0, r.x0, r.y1, r.x1, r.score))
        ranks = draw_order(image_id, len(fixed), seed)
        for rank, region in sorted(zip(ranks, fixed, strict=True), key=lambda pair: pair[0]):
            quad = region.quad or (np.nan,) * 8
            box = (region.x0, region.y0, region.x1, region.y1)
            rows.append((image_id, str(region.entity), *box, *quad, region.score, rank))
    frame = pd.DataFrame(rows, columns=BOX_COLUMNS)
    floats = ["x0", "y0", "x1", "y1", *QUAD_COLUMNS, "score"]
    types: dict[str, type | str] = {"id": str, "entity": str, "order": np.int32}
    return frame.astype(types | dict.fromkeys(floats, np.float32))


def write_boxes(frame: pd.DataFrame, path: Path) -> None:
    """Write a box table as Parquet."""
    write_parquet(frame[BOX_COLUMNS], path)


def read_boxes(path: Path) -> pd.DataFrame:
    """Read a box table."""
    import pandas as pd

    return pd.read_parquet(path, columns=BOX_COLUMNS)


def image_regions(frame: pd.DataFrame) -> dict[str, list[Region]]:
    """Return each image's regions in draw order."""
    ordered = frame.sort_values(["id", "order"])
    numbers = ordered[["x0", "y0", "x1", "y1", "score", *QUAD_COLUMNS]].to_numpy(float).tolist()
    result: dict[str, list[Region]] = {}
    ids, names = ordered["id"].tolist(), ordered["entity"].tolist()
    entities = {name: Entity(name) for name in set(names)}
    for image_id, name, row in zip(ids, names, numbers, strict=True):
        quad = None if math.isnan(row[5]) else tuple(row[5:])
        region = Region(entities[name], *row[:5], quad=quad)  # type: ignore[misc]
        result.setdefault(str(image_id), []).append(region)
    return result
