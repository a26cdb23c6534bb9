"""Sensitive regions: one region, the table of all regions of a shard, and the draw order."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from anonbench.core.io import write_parquet
from anonbench.core.numeric.seeding import rng
from anonbench.core.vocabulary import Entity

if TYPE_CHECKING:
    import pandas as pd

QUAD_COLUMNS = [f"q{corner}" for corner in range(8)]
BOX_COLUMNS = ["id", "entity", "x0", "y0", "x1", "y1", *QUAD_COLUMNS, "score", "order"]

BLOCKS = "blocks"
"""Column of a box table, present if an image was decoded from a lossy file: `Blocks` as text."""

Quad = tuple[float, float, float, float, float, float, float, float]


class Blocks(NamedTuple):
    """The grid of blocks in which a lossy file codes a picture, in pixels of the original.

    Each block carries noise of all its pixels, so that the visible part of a block tells what its
    hidden part shows.
    """

    left: float
    top: float
    right: float
    bottom: float
    """Position of the picture in the image."""
    x: float
    y: float
    """Corner of a block."""
    width: float
    height: float
    """Height of a block."""
    beyond_x: float
    beyond_y: float
    """Pixels on each side of a block that its decoding also affects."""


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
    blocks: tuple[Blocks, ...] = ()
    """Coding blocks of the original's file; none if it is lossless, or unknown."""


def draw_order(image_id: str, count: int, seed: int) -> list[int]:
    """Return the rank of each of an image's `count` regions in its random draw.

    Degree d takes the ranks below ceil(d · count / 100), so that degrees nest and every method
    hides the same regions.
    """
    return [int(rank) for rank in rng(seed, "draw", image_id).permutation(count)]


def regions_at(degree: int, count: int) -> int:
    """Number of an image's `count` regions to anonymize at `degree` percent, rounded up."""
    return -(-degree * count // 100)


def box_table(regions: Mapping[str, Sequence[Region]], seed: int) -> pd.DataFrame:
    """Return the box table of images, sorted by id and draw order; columns `BOX_COLUMNS`.

    Regions are sorted before the draw, so that the detector's order does not matter. If a region
    knows the coding blocks of its file, the table also has the column `BLOCKS`.
    """
    import pandas as pd  # imported here: the config is read with this module

    rows: list[tuple[object, ...]] = []
    for image_id in sorted(regions):
        fixed = sorted(regions[image_id], key=lambda r: (r.entity, r.y0, r.x0, r.y1, r.x1, r.score))
        ranks = draw_order(image_id, len(fixed), seed)
        for rank, region in sorted(zip(ranks, fixed, strict=True), key=lambda pair: pair[0]):
            quad = region.quad or (np.nan,) * 8
            box = (region.x0, region.y0, region.x1, region.y1)
            coded = _written(region.blocks)
            rows.append((image_id, str(region.entity), *box, *quad, region.score, rank, coded))
    frame = pd.DataFrame(rows, columns=[*BOX_COLUMNS, BLOCKS])
    frame = frame.astype({BLOCKS: str}) if frame[BLOCKS].any() else frame[BOX_COLUMNS]
    floats = ["x0", "y0", "x1", "y1", *QUAD_COLUMNS, "score"]
    types: dict[str, type | str] = {"id": str, "entity": str, "order": np.int32}
    return frame.astype(types | dict.fromkeys(floats, np.float32))


def write_boxes(frame: pd.DataFrame, path: Path) -> None:
    """Write a box table as Parquet."""
    has_blocks = BLOCKS in frame and bool((frame[BLOCKS].fillna("") != "").any())
    columns = [*BOX_COLUMNS, BLOCKS] if has_blocks else BOX_COLUMNS
    write_parquet(frame[columns].fillna({BLOCKS: ""}) if has_blocks else frame[columns], path)


def read_boxes(path: Path) -> pd.DataFrame:
    """Read a box table."""
    import pandas as pd
    import pyarrow.parquet as pq

    more = [BLOCKS] if BLOCKS in pq.read_schema(path).names else []
    return pd.read_parquet(path, columns=[*BOX_COLUMNS, *more])


def with_blocks(regions: Sequence[Region], blocks: tuple[Blocks, ...]) -> list[Region]:
    """Return regions of an image with the coding blocks of its file."""
    return [replace(region, blocks=blocks) for region in regions]


def image_regions(frame: pd.DataFrame, blocks: bool = True) -> dict[str, list[Region]]:
    """Return each image's regions in draw order, with the coding blocks of its file if asked."""
    ordered = frame.sort_values(["id", "order"])
    numbers = ordered[["x0", "y0", "x1", "y1", "score", *QUAD_COLUMNS]].to_numpy(float).tolist()
    result: dict[str, list[Region]] = {}
    ids, names = ordered["id"].tolist(), ordered["entity"].tolist()
    entities = {name: Entity(name) for name in set(names)}
    texts = ordered[BLOCKS].tolist() if blocks and BLOCKS in ordered else [""] * len(ids)
    coded = {text: _read(text) for text in set(texts)}
    for image_id, name, row, text in zip(ids, names, numbers, texts, strict=True):
        quad = None if math.isnan(row[5]) else tuple(row[5:])
        region = Region(entities[name], *row[:5], quad=quad, blocks=coded[text])  # type: ignore[misc]
        result.setdefault(str(image_id), []).append(region)
    return result


def _written(blocks: Sequence[Blocks]) -> str:
    return ";".join(" ".join(f"{value:.17g}" for value in each) for each in blocks)


def _read(text: object) -> tuple[Blocks, ...]:
    if not isinstance(text, str) or not text:  # of concatenated tables, some had no column
        return ()
    return tuple(Blocks(*map(float, each.split())) for each in text.split(";"))
