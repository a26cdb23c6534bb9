"""Sensitive regions: one region, the table of all regions of a shard, and the draw order."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from numbers import Real
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from anonbench.core.io import write_parquet
from anonbench.core.numeric.seeding import rng
from anonbench.core.vocabulary import Entity

if TYPE_CHECKING:
    import pandas as pd


QUAD_COLUMNS = [f"q{corner}" for corner in range(8)]
BOX_COLUMNS = ["id", "entity", "x0", "y0", "x1", "y1", *QUAD_COLUMNS, "score", "order"]

BLOCKS = "blocks"  # column of a box table, only if a file is lossy: `Blocks` as text

Quad = tuple[float, float, float, float, float, float, float, float]
_FARTHEST = 2**24  # corner in pixels: beyond it, float32 cannot represent whole numbers
_SHARES = 2.0  # pixels; what ends before may be shares of width and height (0 to 1)
_SLACK = 1.0  # pixels by which a box may exceed its quadrilateral, which is the part that is hidden
_THINNEST = 1e-3  # pixels; corners within this distance of one line enclose no area


class Blocks(NamedTuple):
    """The grid of blocks in which a lossy file codes a picture, in pixels of the original.

    Each block carries noise of all its pixels, so that the visible part of a block tells what its
    hidden part shows.
    """

    left: float  # left, top, right, bottom: position of the picture in the image
    top: float
    right: float
    bottom: float
    x: float  # x, y: corner of a block
    y: float
    width: float  # of a block
    height: float
    beyond_x: float  # pixels on each side of a block that its decoding also affects
    beyond_y: float


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


def overlap(one: Region, other: Region) -> float:
    """Intersection over union of two regions' boxes."""
    width = min(one.x1, other.x1) - max(one.x0, other.x0)
    height = min(one.y1, other.y1) - max(one.y0, other.y0)
    common = max(width, 0.0) * max(height, 0.0)
    areas = ((each.x1 - each.x0) * (each.y1 - each.y0) for each in (one, other))
    whole = sum(areas) - common
    return common / whole if whole > 0 else 0.0


def region_fault(region: Region, width: float, height: float) -> str | None:
    """Reason why a region cannot be hidden in an image of this size; None if it can.

    Numbers are compared in float32, as in box tables. A region may reach beyond the image if a part
    of it is inside.
    """
    if region.entity not in list(Entity):
        return f"has an entity that is none of {', '.join(Entity)}"
    if region.quad is not None and not (
        isinstance(region.quad, tuple | list) and len(region.quad) == 8
    ):
        return "has no four corners"
    box = (region.x0, region.y0, region.x1, region.y1)
    if not all(isinstance(each, Real) for each in (*box, *(region.quad or ()), region.score)):
        return "has a corner or score that is no number"
    blocks = region.blocks if isinstance(region.blocks, tuple) else (None,)
    if not all(isinstance(each, Blocks) and np.isfinite(each).all() for each in blocks):
        return "has coding blocks that are no finite `Blocks`"
    numbers = np.array([*box, *(region.quad or ())], np.float64)
    if not math.isfinite(region.score) or not (np.abs(numbers) <= _FARTHEST).all():
        return "has a number that is not finite, or a corner that is no place in an image"
    x0, y0, x1, y1, *quad = numbers.astype(np.float32).tolist()
    if x0 >= x1 or y0 >= y1:
        return "has no size, or ends before it begins"
    is_whole = (numbers == np.floor(numbers)).all() and (x0, y0, x1, y1) != (0.0, 0.0, 1.0, 1.0)
    if max(x1, y1) < _SHARES < max(width, height) and not is_whole:
        return "lies in the first two pixels: are its numbers shares of width and height?"
    if x1 <= 0 or y1 <= 0 or x0 >= width or y0 >= height:
        return "lies outside the image"
    return _quad_fault((x0, y0, x1, y1), quad, width, height) if quad else None


def _quad_fault(
    box: tuple[float, float, float, float], quad: list[float], width: float, height: float
) -> str | None:
    points = np.array(quad).reshape(4, 2)
    low, high = points.min(axis=0) - _SLACK, points.max(axis=0) + _SLACK
    if (np.array(box[:2]) < low).any() or (np.array(box[2:]) > high).any():
        return "has a box that reaches beyond its four corners, which are what is hidden"
    # hull and image are disjoint if a line through two corners, or along an edge, divides them
    image = np.array([(0, 0), (width, 0), (width, height), (0, height)], np.float64)
    sides = [(p[1] - q[1], q[0] - p[0]) for p, q in combinations(points, 2)]
    for axis in ((1.0, 0.0), (0.0, 1.0), *sides):
        length = math.hypot(*axis)
        own, others = points @ axis, image @ axis
        if length and np.ptp(own) < _THINNEST * length:
            return "has its four corners on one line"
        if length and (own.max() <= others.min() or own.min() >= others.max()):
            return "lies outside the image"
    return None


def draw_order(image_id: str, count: int, seed: int) -> list[int]:
    """Return the rank of each of an image's `count` regions in its random draw.

    Degree d takes the ranks below ceil(d · count / 100), so that degrees nest and every method
    hides the same regions.
    """
    return [int(rank) for rank in rng(seed, "draw", image_id).permutation(count)]


def _place(region: Region) -> tuple[Any, ...]:
    """Sort key of regions; two are equal only if they hide the same."""
    box = region.y0, region.x0, region.y1, region.x1
    return (region.entity, *box, region.score, region.quad or ())


def box_table(regions: Mapping[str, Sequence[Region]], seed: int) -> pd.DataFrame:
    """Return the box table of images, sorted by id and draw order; columns `BOX_COLUMNS`.

    Regions are sorted before the draw, so that the detector's order does not matter. If a region
    knows the coding blocks of its file, the table also has the column `BLOCKS`.
    """
    import pandas as pd  # imported here: the config is read with this module

    rows: list[tuple[object, ...]] = []
    for image_id in sorted(regions):
        fixed = sorted(regions[image_id], key=_place)
        ranks = draw_order(image_id, len(fixed), seed)
        for rank, region in sorted(zip(ranks, fixed, strict=True), key=lambda pair: pair[0]):
            quad = region.quad or (np.nan,) * 8
            box = (region.x0, region.y0, region.x1, region.y1)
            coded = ";".join(" ".join(f"{value:.17g}" for value in e) for e in region.blocks)
            rows.append((image_id, str(region.entity), *box, *quad, region.score, rank, coded))
    frame = pd.DataFrame(rows, columns=[*BOX_COLUMNS, BLOCKS])
    frame = frame.astype({BLOCKS: str}) if frame[BLOCKS].any() else frame[BOX_COLUMNS]
    floats = ["x0", "y0", "x1", "y1", *QUAD_COLUMNS, "score"]
    types: dict[str, type | str] = {"id": str, "entity": str, "order": np.int32}
    return frame.astype(types | dict.fromkeys(floats, np.float32))


def write_boxes(frame: pd.DataFrame, path: Path) -> None:
    """Write a box table as Parquet."""
    boxes, texts = frame[BOX_COLUMNS], frame[BLOCKS].fillna("") if BLOCKS in frame else ""
    write_parquet(boxes.assign(**{BLOCKS: texts}) if any(texts) else boxes, path)


def read_boxes(path: Path) -> pd.DataFrame:
    """Read a box table."""
    import pandas as pd

    frame = pd.read_parquet(path)
    return frame[[*BOX_COLUMNS, BLOCKS] if BLOCKS in frame else BOX_COLUMNS]


def with_blocks(regions: Sequence[Region], blocks: tuple[Blocks, ...]) -> list[Region]:
    """Return regions of an image with the coding blocks of its file."""
    return [replace(region, blocks=blocks) for region in regions]


def image_regions(frame: pd.DataFrame, blocks: bool = True) -> dict[str, list[Region]]:
    """Return each image's regions in draw order, with the coding blocks of its file if asked."""
    ordered = frame.sort_values(["id", "order"])
    result: dict[str, list[Region]] = {}
    regions = regions_of(ordered if blocks else ordered.drop(columns=BLOCKS, errors="ignore"))
    for image_id, region in zip(ordered["id"].tolist(), regions, strict=True):
        result.setdefault(str(image_id), []).append(region)
    return result


def regions_of(rows: pd.DataFrame) -> list[Region]:
    """Return the regions of rows, with coding blocks where the table has them, in their order."""
    numbers = rows[["x0", "y0", "x1", "y1", "score", *QUAD_COLUMNS]].to_numpy(float).tolist()
    texts = rows[BLOCKS].tolist() if BLOCKS in rows else [""] * len(numbers)
    coded = {text: _read(text) for text in set(texts)}
    regions = []
    for entity, row, text in zip(rows["entity"], numbers, texts, strict=True):
        quad = None if math.isnan(row[5]) else tuple(row[5:])
        regions.append(Region(Entity(entity), *row[:5], quad=quad, blocks=coded[text]))  # type: ignore[misc]
    return regions


def _read(text: object) -> tuple[Blocks, ...]:
    if not isinstance(text, str) or not text:  # of concatenated tables, some had no column
        return ()
    return tuple(Blocks(*map(float, each.split())) for each in text.split(";"))


def rectangle(x0: float, y0: float, x1: float, y1: float) -> np.ndarray:
    """Corners of a box from top left clockwise, float64 [4, 2]: x and y."""
    return np.array([(x0, y0), (x1, y0), (x1, y1), (x0, y1)], np.float64)


def grown(corners: np.ndarray, by: float) -> np.ndarray:
    """Corners of a rectangle at any slant, float64 [4, 2], with its sides moved outwards."""
    along, up = corners[1] - corners[0], corners[3] - corners[0]
    along, up = (side / max(np.hypot(*side), 1e-6) for side in (along, up))
    return corners + by * (np.outer([-1, 1, 1, -1], along) + np.outer([-1, -1, 1, 1], up))
