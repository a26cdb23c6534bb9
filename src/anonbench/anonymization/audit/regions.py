"""Regions as the audit reads them from a box table, with the pixels they cover."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING, Any, NamedTuple

import cv2
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


class Axis(NamedTuple):
    """Coding blocks along rows or columns, in pixels of the upright original."""

    low: float
    high: float
    """Ends of the picture."""
    corner: float
    """Coordinate at which some block begins."""
    step: float
    beyond: float
    """Pixels on each side of a block that its decoding also affects."""

    def spans(self, part: slice, length: int) -> np.ndarray:
        """Blocks that contain pixels, int64 [n, 4]: their own and the affected pixels, half-open.

        Args:
            part: the pixels.
            length: of the image.

        """
        start, stop = max(part.start, self.low), min(part.stop, self.high)
        number = math.floor((start - self.corner) / self.step + _ROUNDING)
        end = math.ceil((stop - self.corner) / self.step - _ROUNDING) if start < stop else number
        at = self.corner + self.step * np.arange(number, end)
        first = np.maximum(at, self.low) + _ROUNDING
        last = np.minimum(at + self.step, self.high) - _ROUNDING
        ends = first, last, first - self.beyond, last + self.beyond
        rounded = [(np.floor, np.ceil)[side % 2](each) for side, each in enumerate(ends)]
        return np.clip(np.array(rounded).T, 0, length).astype(np.int64)


Grid = tuple[Axis, Axis]
"""Rows and columns."""


def read_grids(text: object) -> tuple[Grid, ...]:
    """Grids that a box table names."""
    if not isinstance(text, str) or not text:
        return ()
    numbers = [[float(value) for value in each.split()] for each in text.split(";")]
    return tuple(
        (Axis(top, bottom, y, height, below), Axis(left, right, x, width, beside))
        for left, top, right, bottom, x, y, width, height, beside, below in numbers
    )


@dataclass(frozen=True)
class Region:
    """One row of a box table."""

    entity: str
    rank: int
    """Place in the image's draw order."""
    corners: np.ndarray
    """float64 [4, 2]: x, y."""
    slanted: bool
    grids: tuple[Grid, ...] = ()
    """Coding blocks, as the box table names them."""

    @classmethod
    def of(cls, row: Mapping[Any, Any], rank: int, quad: Any, grids: object = None) -> Region:
        """Read a row with entity and box; `quad`, if given, has the corners of a slanted one."""
        slanted = quad is not None and not np.isnan(quad).any()
        values = quad if slanted else [row[side] for side in _BOX]
        corners = np.array(values, np.float64).reshape(4, 2)
        return cls(str(row["entity"]), rank, corners, slanted, read_grids(grids))


class Area(NamedTuple):
    """The pixels of one region, in the window of the image that its method works on."""

    window: Window
    required: np.ndarray
    """bool [h, w]: pixels that the region certainly covers."""
    may: np.ndarray
    """bool [h, w]: pixels that the region may cover."""

    def within(self, window: Window) -> Area:
        """Return the same pixels in a larger window."""
        frame = [
            (old.start - new.start, new.stop - old.stop)
            for old, new in zip(self.window, window, strict=True)
        ]
        required = np.pad(self.required, frame)
        is_sure = self.may is self.required
        return Area(window, required, required if is_sure else np.pad(self.may, frame))


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
    """Regions that a degree hides, in draw order.

    A region is hidden if fewer than `degree` percent of the image's regions are drawn before it,
    so that degrees nest.

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
        least: the sides that the window has at least, as far as the image reaches.
        form: `box`, the `ellipse` inside it, or the whole `image`; `frame`: the upright box around
            the region.
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
    if form != "frame" and (region.slanted or form == "ellipse"):
        outline = _hull if region.slanted else _ellipse
        required, may = (outline(corners, (rows, columns), inset) for inset in (SLACK, -SLACK))
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
    axes = [*zip(area.window, shape, strict=False)]
    every = [[axis.spans(*of) for axis, of in zip(grid, axes, strict=True)] for grid in grids]
    if not (spans := [pair for pair in every if all(map(len, pair))]):
        return area
    rows, columns = (
        slice(
            min(part.start, *(int(pair[axis][0, 2]) for pair in spans)),
            max(part.stop, *(int(pair[axis][-1, 3]) for pair in spans)),
        )
        for axis, part in enumerate(area.window)
    )
    whole = area.within((rows, columns))

    def extended(mask: np.ndarray) -> np.ndarray:
        sums, found = cv2.integral(mask.view(np.uint8)), mask.copy()
        for down, across in spans:
            (y0, y1, *far_y), (x0, x1, *far_x) = (down - rows.start).T, (across - columns.start).T
            inside = (sums[y1] - sums[y0])[:, x1] - (sums[y1] - sums[y0])[:, x0]
            found |= _lie_in(far_y, len(mask)).T @ (inside > 0) @ _lie_in(far_x, len(mask[0])) > 0
        return found

    required = extended(whole.required)
    is_sure = whole.may is whole.required
    return Area(whole.window, required, required if is_sure else extended(whole.may))


def _lie_in(spans: Sequence[np.ndarray], length: int) -> np.ndarray:
    """Whether pixels along an axis lie in spans, float32 [n, length]."""
    starts, stops = (each[:, None] for each in spans)
    pixel = np.arange(length)
    return ((pixel >= starts) & (pixel < stops)).astype(np.float32)


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
            rows, columns = (
                slice(min(one.start, other.start), max(one.stop, other.stop))
                for one, other in zip(common, met, strict=True)
            )
            common = rows, columns
        windows.append(common)
    return [(found[0][0], Area(each, required[each], may[each])) for each in windows]


def _meet(one: Window, other: Window) -> bool:
    pairs = zip(one, other, strict=True)
    return all(max(a.start, b.start) < min(a.stop, b.stop) for a, b in pairs)


def _hull(corners: np.ndarray, window: Window, inset: float) -> np.ndarray:
    """Pixels of a window, smaller by `inset`, that the corners' hull touches, bool [h, w].

    Two convex shapes are apart if some side of one of them separates them.
    """
    rows, columns = (np.arange(part.start, part.stop) + 0.5 for part in window)
    touched = np.ones((len(rows), len(columns)), bool)
    # corners nearly on one line enclose no area beyond rounding: all of the box may be covered
    if inset < 0 and np.linalg.svd(corners - corners.mean(axis=0), compute_uv=False)[1] < 4 * SLACK:
        return touched
    for x, y in [(1.0, 0.0), (0.0, 1.0), *(a - b for a, b in combinations(corners, 2))]:
        across = np.array([-y, x]) / max(math.hypot(x, y), 1e-300)
        ends, place = corners @ across, across[0] * columns + (across[1] * rows)[:, None]
        reach = (0.5 - inset) * np.abs(across).sum()
        touched &= (place >= ends.min() - reach) & (place <= ends.max() + reach)
    return touched


def _ellipse(corners: np.ndarray, window: Window, inset: float) -> np.ndarray:
    """Pixels of a window, smaller by `inset`, that a region's ellipse touches, bool [h, w]."""
    low, high = corners.min(axis=0)[::-1], corners.max(axis=0)[::-1]
    down, across = (
        np.maximum(np.abs(np.arange(part.start, part.stop) + 0.5 - middle) - (0.5 - inset), 0.0)
        / max(half, 1e-9)
        for part, middle, half in zip(window, (low + high) / 2, (high - low) / 2, strict=True)
    )
    return np.asarray(down[:, None] ** 2 + across**2 < 1.0)


def _widened(part: slice, least: int, around: int, length: int) -> slice:
    """Widen an interval evenly, an odd pixel at its end, and shift it into the image."""
    size = max(part.stop - part.start, min(least, length))
    low = min(max(part.start - (size - part.stop + part.start) // 2, 0), length - size)
    return slice(max(low - around, 0), min(low + size + around, length))
