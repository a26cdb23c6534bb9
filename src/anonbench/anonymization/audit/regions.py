"""Regions as the audit reads them from a box table, with the pixels they cover."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import combinations
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
_ROUNDING = 1e-6
"""Tolerance in pixels for the ends of coding blocks."""
Window = tuple[slice, slice]


Grid = tuple[float, ...]
"""Coding blocks in pixels of the upright original, as in a box table: left, top, right and bottom
of the picture; x, y where a block begins; its width and height; and how far beside and below it, on
each side, its decoding also affects pixels.
"""


def read_grids(text: object) -> tuple[Grid, ...]:
    """Grids that a box table names."""
    named = text.split(";") if isinstance(text, str) and text else []
    return tuple(tuple(float(value) for value in each.split()) for each in named)


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
        return cls(str(row["entity"]), rank, corners, slanted, read_grids(grids))


class Area(NamedTuple):
    """Pixels that a region certainly covers and may cover, bool [h, w], in its method's window."""

    window: Window
    required: np.ndarray
    may: np.ndarray

    def changed(self, window: Window, change: Callable[[np.ndarray], np.ndarray]) -> Area:
        """Return both masks changed for another window; once only, where they are one."""
        required = change(self.required)
        return Area(window, required, required if self.may is self.required else change(self.may))

    def within(self, window: Window) -> Area:
        """Return the same pixels in a larger window."""
        pairs = zip(self.window, window, strict=True)
        frame = [(old.start - new.start, new.stop - old.stop) for old, new in pairs]
        return self.changed(window, lambda mask: np.pad(mask, frame))


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
    """Regions of an image's record, in draw order: entity, box, and `quad` of a slanted one."""
    return [Region.of(row, rank, row.get("quad")) for rank, row in enumerate(rows)]


def hidden_regions(regions: list[Region], degree: int) -> list[Region]:
    """Regions before which fewer than `degree` percent are drawn: so degrees nest.

    Raises:
        Failure: the ranks are not 0 … n-1, each once, or a corner is not a number.

    """
    ordered = sorted(regions, key=lambda region: region.rank)
    if [region.rank for region in ordered] != list(range(len(ordered))):
        raise Failure("its regions' draw order is not a permutation")
    if not np.isfinite([region.corners for region in ordered]).all():
        raise Failure("a region's corner is not a number")
    return [region for region in ordered if 100 * region.rank < degree * len(ordered)]


def area_of(
    region: Region,
    shape: tuple[int, ...],
    margin: float,
    least: int,
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
    corners = region.corners
    if margin != 1.0:
        corners = np.round(corners * margin + corners.mean(axis=0) * (1.0 - margin), 6)
    (left, top), (right, bottom) = corners.min(axis=0).tolist(), corners.max(axis=0).tolist()
    rows = slice(max(math.floor(top), 0), min(math.ceil(bottom), shape[0]))
    columns = slice(max(math.floor(left), 0), min(math.ceil(right), shape[1]))
    if rows.start >= rows.stop or columns.start >= columns.stop:
        return None
    if region.slanted or form == "ellipse":
        outline = _hull if region.slanted else _ellipse
        required, may = outline(corners, (rows, columns))
        may = required if np.array_equal(required, may) else may
    else:
        required = may = np.ones((rows.stop - rows.start, columns.stop - columns.start), bool)
    area = whole_blocks(Area((rows, columns), required, may), grids, shape)
    y, x = (
        _widened(part, least, around, side) for part, side in zip(area.window, shape, strict=False)
    )
    return area if (y, x) == area.window else area.within((y, x))


def whole_blocks(area: Area, grids: Sequence[Grid], shape: tuple[int, ...]) -> Area:
    """Extend pixels to all that are affected by the coding blocks that they touch."""
    met = []
    for grid in grids:
        pairs = [_blocks(grid[1::2], shape[0]), _blocks(grid[::2], shape[1])]
        hit = [own[:, part].any(1) for (own, _), part in zip(pairs, area.window, strict=True)]
        if all(each.any() for each in hit):
            met.append([(own[i], far[i]) for (own, far), i in zip(pairs, hit, strict=True)])
    if not met:
        return area
    reached = [np.logical_or.reduce([pair[axis][1].any(0) for pair in met]) for axis in (0, 1)]
    ends = (np.flatnonzero(each)[[0, -1]].tolist() for each in reached)
    rows, columns = (
        slice(min(part.start, first), max(part.stop, last + 1))
        for part, (first, last) in zip(area.window, ends, strict=True)
    )

    def extended(mask: np.ndarray) -> np.ndarray:
        found, seen = mask.copy(), mask.astype(np.float32)
        for down, across in met:
            (own_y, far_y), (own_x, far_x) = (
                [each[:, part].astype(np.float32) for each in pair]
                for pair, part in ((down, rows), (across, columns))
            )
            found |= far_y.T @ (own_y @ seen @ own_x.T > 0) @ far_x > 0
        return found

    return area.within((rows, columns)).changed((rows, columns), extended)


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
        common = window
        while met := next((each for each in windows if _meet(each, common)), None):
            windows.remove(met)
            (y, x), (v, u) = common, met
            common = (
                slice(min(y.start, v.start), max(y.stop, v.stop)),
                slice(min(x.start, u.start), max(x.stop, u.stop)),
            )
        windows.append(common)
    return [(found[0][0], Area(each, required[each], may[each])) for each in windows]


def _meet(one: Window, other: Window) -> bool:
    pairs = zip(one, other, strict=True)
    return all(max(a.start, b.start) < min(a.stop, b.stop) for a, b in pairs)


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


def _widened(part: slice, least: int, around: int, length: int) -> slice:
    """Widen an interval evenly, an odd pixel at its end, and shift it into the image."""
    size = max(part.stop - part.start, min(least, length))
    low = min(max(part.start - (size - part.stop + part.start) // 2, 0), length - size)
    return slice(max(low - around, 0), min(low + size + around, length))
