"""Regions as the audit reads them from a box table, with the pixels they cover.

A region, straight or slanted, is the convex hull of four corners. Its pixels are found row by row:
the hull's left and right ends within a row of pixels are those of the six lines between corners.
That is exact, so it is what supersampling comes to with ever more samples.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING

import numpy as np

from anonbench.anonymization.audit.errors import Failure

if TYPE_CHECKING:
    import pandas as pd

_BOX = ["x0", "y0", "x0", "y1", "x1", "y1", "x1", "y0"]
_QUAD = [f"q{number}" for number in range(8)]

Box = tuple[tuple[int, int], tuple[int, int]]
"""Rows and columns, half-open."""
Span = tuple[np.ndarray, np.ndarray]
"""First and last pixel of rows, int32 [h, 1]."""
_LINES = np.array([*combinations(range(4), 2)])
_FAR = 2**31 - 2

SLACK = 1 / 256
"""How far, in pixels, slanted edges may be off by rounding. A pixel that a slanted region enters,
or misses, by less than this may be hidden or not."""


@dataclass(frozen=True)
class Region:
    """One row of a box table."""

    entity: str
    rank: int
    """Place in the image's draw order."""
    corners: np.ndarray
    """float64 [4, 2]: x, y."""
    slanted: bool


@dataclass(frozen=True)
class Area:
    """The pixels of one region, in the window of the image that its method works on."""

    window: tuple[slice, slice]
    required: np.ndarray | None
    """bool [h, w]: what the region covers for certain; None where that is the whole window."""
    allowed: np.ndarray | None
    """bool [h, w]: what it may cover; None where that is the same as `required`."""

    @property
    def may(self) -> np.ndarray | None:
        """What the region may cover; None where that is the whole window."""
        return self.required if self.allowed is None else self.allowed


def read_regions(boxes: pd.DataFrame) -> dict[str, list[Region]]:
    """Return the regions of each image in a box table, in the table's order."""
    straight = boxes[_BOX].to_numpy(np.float64).reshape(-1, 4, 2)
    quads = boxes[_QUAD].to_numpy(np.float64).reshape(-1, 4, 2)
    slanted = ~np.isnan(quads).any(axis=(1, 2))
    corners = np.where(slanted[:, None, None], quads, straight)
    found: dict[str, list[Region]] = {}
    named = (boxes[name].tolist() for name in ("id", "entity", "order"))
    for image_id, entity, rank, points, is_slanted in zip(
        *named, corners, slanted.tolist(), strict=True
    ):
        region = Region(str(entity), int(rank), points, is_slanted)
        found.setdefault(str(image_id), []).append(region)
    return found


def to_hide(regions: list[Region], degree: int) -> list[Region]:
    """Return the regions that a degree hides, in draw order.

    A region is hidden where fewer than `degree` percent of the image's regions are drawn before it,
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
) -> Area | None:
    """Return the pixels of a region, or None where it lies outside the image.

    Args:
        region: the region.
        shape: the image's, [H, W] or [H, W, 3].
        margin: factor by which the region is grown about its corners' mean.
        least: the sides that the window has at least, as far as the image reaches.
        form: `box`, the `ellipse` inside it, or the whole `image`.
        around: pixels that the window has besides on each side, as far as the image reaches.

    """
    return areas_of([region], shape, margin, least, [form], around)[0]


def areas_of(
    regions: Sequence[Region],
    shape: tuple[int, ...],
    margin: float,
    least: int,
    forms: Sequence[str],
    around: int = 0,
) -> list[Area | None]:
    """Return `area_of` each region; the rows of all slanted ones are computed together."""
    grown = [_grown(region, margin) for region in regions]
    boxes = [_box(corners, shape) for corners in grown]
    slanted = {
        number: (grown[number], box)
        for number, (region, form, box) in enumerate(zip(regions, forms, boxes, strict=True))
        if region.slanted and form != "image" and box is not None
    }
    rows = dict(zip(slanted, _spans([*slanted.values()]), strict=True))
    found: list[Area | None] = []
    for number, (corners, box, form) in enumerate(zip(grown, boxes, forms, strict=True)):
        if form == "image":
            found.append(Area((slice(0, shape[0]), slice(0, shape[1])), None, None))
        elif box is None:
            found.append(None)
        else:
            of_hull = rows.get(number)
            found.append(_area(corners, box, shape, least, form, around, of_hull))
    return found


def _area(
    corners: np.ndarray,
    box: Box,
    shape: tuple[int, ...],
    least: int,
    form: str,
    around: int,
    of_hull: tuple[Span, Span | None] | None,
) -> Area:
    ends = []
    for (start, stop), length in zip(box, shape, strict=False):
        wide = _widened(start, stop, least, length)
        ends.append((max(wide[0] - around, 0), min(wide[1] + around, length)))
    (y0, y1), (x0, x1) = ends
    window = (slice(y0, y1), slice(x0, x1))
    (top, bottom), (left, right) = box
    whole = box == ((y0, y1), (x0, x1))

    def placed(part: np.ndarray | bool) -> np.ndarray:
        if whole and isinstance(part, np.ndarray):
            return part
        inside = np.zeros((y1 - y0, x1 - x0), bool)
        inside[top - y0 : bottom - y0, left - x0 : right - x0] = part
        return inside

    if of_hull is not None:
        pixel, (sure, may) = np.arange(left, right, dtype=np.int32), of_hull
        required = placed((pixel >= sure[0]) & (pixel <= sure[1]))
        if may is None:
            return Area(window, required, None)
        return Area(window, required, placed((pixel >= may[0]) & (pixel <= may[1])))
    if form == "ellipse":
        local, size = corners - (left, top), (bottom - top, right - left)
        return Area(window, *(placed(_ellipse(local, size, each)) for each in (SLACK, -SLACK)))
    return Area(window, None if whole else placed(True), None)


def frames_of(
    found: list[Region], shape: tuple[int, ...], margin: float, forms: dict[str, str]
) -> np.ndarray:
    """Return bool [H, W]: the upright boxes of regions, by the form of each entity's."""
    frames = np.zeros(shape[:2], bool)
    for region in found:
        box = _box(_grown(region, margin), shape)
        if forms[region.entity] == "image":
            box = ((0, shape[0]), (0, shape[1]))
        if box is not None:
            frames[slice(*box[0]), slice(*box[1])] = True
    return frames


def _grown(region: Region, margin: float) -> np.ndarray:
    corners = region.corners
    if margin == 1.0:
        return corners
    return np.asarray(np.round(corners * margin + corners.mean(axis=0) * (1.0 - margin), 6))


def _box(corners: np.ndarray, shape: tuple[int, ...]) -> Box | None:
    """Return the rows and the columns that corners reach over, None where these are none."""
    across, down = corners.T.tolist()
    top, bottom = max(math.floor(min(down)), 0), min(math.ceil(max(down)), shape[0])
    left, right = max(math.floor(min(across)), 0), min(math.ceil(max(across)), shape[1])
    return ((top, bottom), (left, right)) if top < bottom and left < right else None


def _ellipse(corners: np.ndarray, shape: tuple[int, ...], inset: float) -> np.ndarray:
    """Return bool [h, w]: the pixels, made smaller by `inset`, that a box's ellipse touches.

    Row by row: the ellipse is widest in a row of pixels where that comes nearest to its centre.
    """
    low, high = corners.min(axis=0), corners.max(axis=0)
    (cx, cy), (a, b) = (low + high) / 2.0, np.maximum((high - low) / 2.0, 1e-9)
    top, bottom = np.arange(shape[0]) + inset, np.arange(shape[0]) + 1.0 - inset
    nearest = np.where(top > cy, top - cy, np.where(bottom < cy, cy - bottom, 0.0))
    reach = a * np.sqrt(np.clip(1.0 - (nearest / b) ** 2, 0.0, None))
    reach = np.where(nearest < b, reach, -np.inf)[:, None]
    pixel = np.arange(shape[1])
    return np.asarray((pixel + 1.0 - inset > cx - reach) & (pixel + inset < cx + reach), dtype=bool)


def _widened(start: int, stop: int, least: int, length: int) -> tuple[int, int]:
    """Widen an interval to `least` evenly, an odd pixel at its end, and shift it into the image."""
    growth = min(least, length) - (stop - start)
    if growth <= 0:
        return start, stop
    before = growth // 2
    shift = max(before - start, 0) - max(stop + growth - before - length, 0)
    return start - before + shift, stop + growth - before + shift


def _are_flat(corners: np.ndarray) -> np.ndarray:
    """Return bool [n]: whether four corners all but lie on one line, where a hull has no inside.

    It has one if their smaller singular value is large enough. The square of that is the smaller
    root of the characteristic polynomial of the corners' two by two scatter.

    Args:
        corners: float64 [n, 4, 2].

    """
    x, y = (corners - corners.mean(axis=1, keepdims=True)).transpose(2, 0, 1)
    xx, yy, xy = (x * x).sum(axis=1), (y * y).sum(axis=1), (x * y).sum(axis=1)
    smaller = (xx + yy) / 2 - np.hypot((xx - yy) / 2, xy)
    return np.asarray(smaller < (4 * SLACK) ** 2)


def _spans(hulls: Sequence[tuple[np.ndarray, Box]]) -> list[tuple[Span, Span | None]]:
    """Return the first and the last pixel that hulls touch in each row of their boxes.

    Row by row, they are ends of the lines between corners, which are cut at the row's border.

    Args:
        hulls: four corners, float64 [4, 2], and the box that they reach over.

    Returns:
        Of each hull what pixels touch that are made smaller by `SLACK` on all sides, and larger;
        None where that is the same.

    """
    if not hulls:
        return []
    corners = np.array([each for each, _ in hulls])
    heights = [bottom - top for _, ((top, bottom), _) in hulls]
    lines = corners[:, _LINES]
    upwards = lines[:, :, 0, 1] > lines[:, :, 1, 1]
    lines[upwards] = lines[upwards][:, ::-1]
    (xa, ya), (xb, yb) = lines.repeat(heights, axis=0).transpose(2, 3, 1, 0)
    row = np.concatenate([np.arange(*down) for _, (down, _) in hulls])
    inset = np.array([SLACK, -SLACK])[:, None, None]
    start, stop = np.maximum(row + inset, ya), np.minimum(row + 1.0 - inset, yb)
    level = ya == yb
    steep = (xb - xa) / np.where(level, 1.0, yb - ya)
    one, other = xa + steep * (start - ya), np.where(level, xb, xa + steep * (stop - ya))
    crosses = start <= stop
    low = np.where(crosses, np.minimum(one, other), np.inf).min(axis=1)
    high = np.where(crosses, np.maximum(one, other), -np.inf).max(axis=1)
    flat = np.repeat(_are_flat(corners), heights)
    low[1, flat], high[1, flat] = -np.inf, np.inf
    first, last = np.ceil(low - 1.0 + inset[:, 0]), np.floor(high - inset[:, 0])
    # beyond an image's borders it is all the same how far
    ends = [np.clip(each, -1, _FAR).astype(np.int32)[..., None] for each in (first, last)]
    starts = np.cumsum([0, *heights[:-1]])
    same = np.logical_and.reduceat((first[0] == first[1]) & (last[0] == last[1]), starts)
    found: list[tuple[Span, Span | None]] = []
    for start, height, is_same in zip(starts.tolist(), heights, same.tolist(), strict=True):
        sure, may = (tuple(end[which, start : start + height] for end in ends) for which in (0, 1))
        found.append((sure, None if is_same else may))
    return found
