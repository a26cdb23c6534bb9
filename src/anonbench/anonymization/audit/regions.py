"""Regions as the audit reads them from a box table, with the pixels they cover."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import combinations
from operator import attrgetter
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from anonbench.anonymization.audit import Failure

if TYPE_CHECKING:
    import pandas as pd

_BOX = ["x0", "y0", "x0", "y1", "x1", "y1", "x1", "y0"]
_QUAD = [f"q{number}" for number in range(8)]
SLACK = 1 / 256
"""Tolerance in pixels for rounding of slanted edges. A pixel that a slanted region enters, or
misses, by less than this may be hidden or not.
"""
_ROUNDING = 1e-6  # tolerance in pixels for the ends of coding blocks
Window = tuple[slice, slice]
Grid = tuple[float, ...]
"""Coding blocks in pixels of the upright original, as in a box table: left, top, right and bottom
of the picture; x, y where a block begins; its width and height; and how far beside and below it, on
each side, its decoding also affects pixels.
"""


@lru_cache(maxsize=8)
def _blocks(axis: Grid, length: int) -> tuple[np.ndarray, np.ndarray]:
    """Pixels in each block along an axis, and those that it affects; bool [n, length]."""
    low, high, corner, step, beyond = axis
    first = math.floor((low - corner) / step + _ROUNDING)
    at = corner + step * np.arange(first, math.ceil((high - corner) / step - _ROUNDING))[:, None]
    start, stop = np.maximum(at, low) + _ROUNDING, np.minimum(at + step, high) - _ROUNDING
    pixel = np.arange(length)
    own = (pixel + 1 > start) & (pixel < stop)
    return own, (pixel + 1 > start - beyond) & (pixel < stop + beyond)


@dataclass(frozen=True)
class Region:
    """One row of a box table: place in the draw order, corners as float64 [4, 2], coding blocks."""

    entity: str
    rank: int
    corners: np.ndarray
    slanted: bool
    grids: tuple[Grid, ...] = ()

    @classmethod
    def of(cls, row: Mapping[Any, Any], rank: int, quad: Any, grids: object = None) -> Region:
        """Read a row with entity and box; `quad`, if given, has the corners of a slanted one."""
        slanted = quad is not None and not np.isnan(quad).any()
        values = quad if slanted else [row[side] for side in _BOX]
        corners = np.array(values, np.float64).reshape(4, 2)
        if isinstance(grids, str):
            grids = tuple(tuple(map(float, each.split())) for each in grids.split(";") if each)
        own = grids if isinstance(grids, tuple) else ()
        return cls(str(row["entity"]), rank, corners, slanted, own)


class Area(NamedTuple):
    """Pixels that a region certainly covers and may cover, bool [h, w], in its method's window."""

    window: Window
    required: np.ndarray
    may: np.ndarray

    def within(self, window: Window) -> Area:
        """Return the same pixels in a larger window."""
        pairs = zip(self.window, window, strict=True)
        frame = [(old.start - new.start, new.stop - old.stop) for old, new in pairs]
        return Area(window, np.pad(self.required, frame), np.pad(self.may, frame))


Found = list[tuple[Region, Area]]


def read_regions(boxes: pd.DataFrame) -> dict[str, list[Region]]:
    """Regions of each image in a box table, in the table's order."""
    found: dict[str, list[Region]] = {}
    quads = boxes[_QUAD].to_numpy(np.float64)
    for row, quad in zip(boxes.to_dict("records"), quads, strict=True):
        region = Region.of(row, int(row["order"]), quad, row.get("blocks"))
        found.setdefault(str(row["id"]), []).append(region)
    return found


def regions_of(rows: Sequence[Mapping[str, Any]]) -> list[Region]:
    """Regions in draw order, of rows with entity, box, and perhaps `quad` and `blocks`."""
    return [
        Region.of(row, rank, row.get("quad"), row.get("blocks")) for rank, row in enumerate(rows)
    ]


def hidden_regions(regions: list[Region], degree: int) -> list[Region]:
    """Regions before which fewer than `degree` percent are drawn: so degrees nest.

    Raises:
        Failure: the ranks are not 0 … n-1, each once, or a corner is not a number.
    """
    hidden = []
    for place, region in enumerate(sorted(regions, key=attrgetter("rank"))):
        if region.rank != place:
            raise Failure("its regions' draw order is not a permutation")
        if not np.isfinite(region.corners).all():
            raise Failure("a region's corner is not a number")
        if 100 * place < degree * len(regions):
            hidden.append(region)
    return hidden


def area_of(
    region: Region,
    shape: tuple[int, ...],
    margin: float = 1.0,
    least: int = 1,
    form: str = "box",
    around: int = 0,
    grids: Sequence[Grid] = (),
) -> Area | None:
    """Pixels of a region, or None where it lies outside the image.

    Args:
        region: the region.
        shape: the image's, [H, W] or [H, W, 3].
        margin: factor by which the region is grown about its corners' mean.
        least: sides that the window has at least, as far as the image reaches.
        form: `box`, the `ellipse` inside it, or the whole `image`.
        around: pixels that the window has besides on each side, as far as the image reaches.
        grids: coding blocks of the image's file, which are covered whole.
    """
    if form == "image":
        every = np.broadcast_to(np.True_, shape[:2])  # of no size: there may be hundreds
        return Area((slice(0, shape[0]), slice(0, shape[1])), every, every)
    corners, size = region.corners, np.array(shape[:2])
    if margin != 1.0:
        corners = np.round(corners * margin + corners.mean(axis=0) * (1.0 - margin), 6)
    first = np.clip(np.floor(corners.min(axis=0)[::-1]), 0, size).astype(int)
    last = np.clip(np.ceil(corners.max(axis=0)[::-1]), 0, size).astype(int)
    if (first >= last).any():
        return None
    rows, columns = map(slice, first.tolist(), last.tolist())
    if region.slanted or form == "ellipse":
        outline = _hull if region.slanted else _ellipse
        area = Area((rows, columns), *outline(corners, (rows, columns)))
    else:
        every = np.ones(last - first, bool)
        area = Area((rows, columns), every, every)
    if grids:
        area = whole_blocks(area, grids, shape)
    # widened evenly, an odd pixel at its end, and shifted into the image
    rows, columns = area.window
    low, high = np.array([(rows.start, columns.start), (rows.stop, columns.stop)])
    length = np.maximum(high - low, np.minimum(least, size))
    low = np.clip(low - (length - high + low) // 2, 0, size - length)
    first, last = np.maximum(low - around, 0), np.minimum(low + length + around, size)
    rows, columns = map(slice, first.tolist(), last.tolist())
    return area if (rows, columns) == area.window else area.within((rows, columns))


def whole_blocks(area: Area, grids: Sequence[Grid], shape: tuple[int, ...]) -> Area:
    """Extend pixels to all that are affected by the coding blocks that they touch."""
    met, window = [], area.window
    for grid in grids:
        (own_y, far_y), (own_x, far_x) = _blocks(grid[1::2], shape[0]), _blocks(grid[::2], shape[1])
        y, x = own_y[:, area.window[0]].any(axis=1), own_x[:, area.window[1]].any(axis=1)
        if y.any() and x.any():
            met.append((own_y[y], far_y[y], own_x[x], far_x[x]))
            down, along = (np.flatnonzero(each.any(axis=0)).tolist() for each in met[-1][1::2])
            window = _about(window, (slice(down[0], down[-1] + 1), slice(along[0], along[-1] + 1)))
    rows, columns = window

    def extended(mask: np.ndarray) -> np.ndarray:
        found, seen = mask.copy(), mask.astype(np.float32)
        for own_y, far_y, own_x, far_x in met:
            hit = (own_y[:, rows] @ seen @ own_x[:, columns].T > 0).astype(np.float32)
            found |= far_y[:, rows].T @ hit @ far_x[:, columns] > 0
        return found

    placed = area.within(window)
    required = extended(placed.required)
    return Area(window, required, required if area.may is area.required else extended(placed.may))


def joined(found: Found, shape: tuple[int, ...]) -> Found:
    """Merge regions that a method with surroundings hides together into one area per group.

    Regions form a group if their windows share a pixel; groups are merged if their smallest common
    windows do, until no two do.
    """
    required, may = np.zeros((2, *shape[:2]), bool)
    windows: list[Window] = []
    for _, (window, certain, possible) in found:
        required[window] |= certain
        may[window] |= possible
        while met := next((each for each in windows if _meet(each, window)), None):
            windows.remove(met)
            window = _about(met, window)
        windows.append(window)
    return [(found[0][0], Area(each, required[each], may[each])) for each in windows]


def _meet(one: Window, other: Window) -> bool:
    pairs = zip(one, other, strict=True)
    return all(max(a.start, b.start) < min(a.stop, b.stop) for a, b in pairs)


def _about(one: Window, other: Window) -> Window:
    rows, columns = (
        slice(min(a.start, b.start), max(a.stop, b.stop)) for a, b in zip(one, other, strict=True)
    )
    return rows, columns


def _hull(corners: np.ndarray, window: Window) -> tuple[np.ndarray, np.ndarray]:
    """Pixels of a window that the corners' hull surely touches, and that it may; bool [h, w].

    Two convex shapes are apart if some side of one of them separates them.
    """
    rows, columns = (np.arange(part.start, part.stop) + 0.5 for part in window)
    apart = np.zeros((len(rows), len(columns)))
    for x, y in [(1.0, 0.0), (0.0, 1.0), *(a - b for a, b in combinations(corners, 2))]:
        across = np.array([-y, x]) / max(abs(x) + abs(y), 1e-300)
        low, *_, high = sorted((corners @ across).tolist())
        place = across[0] * columns + (across[1] * rows - (low + high) / 2)[:, None]
        np.maximum(apart, np.abs(place, out=place) - (high - low) / 2, out=apart)
    # corners nearly on one line enclose no area beyond rounding: all of the box may be covered
    flat = np.linalg.svd(corners - corners.mean(axis=0), compute_uv=False)[1] < 4 * SLACK
    return apart <= 0.5 - SLACK, apart <= (np.inf if flat else 0.5 + SLACK)


def _ellipse(corners: np.ndarray, window: Window) -> tuple[np.ndarray, np.ndarray]:
    """Do the same for the ellipse in a box."""
    low, high = corners.min(axis=0)[::-1], corners.max(axis=0)[::-1]
    away = [
        np.abs(np.arange(part.start, part.stop) + 0.5 - middle)
        for part, middle in zip(window, (low + high) / 2, strict=True)
    ]
    half = np.maximum((high - low) / 2, 1e-9)
    near = (
        [np.maximum(each - (0.5 - inset), 0) / side for each, side in zip(away, half, strict=True)]
        for inset in (SLACK, -SLACK)
    )
    sure, may = (down[:, None] ** 2 + across**2 < 1.0 for down, across in near)
    return sure, may
