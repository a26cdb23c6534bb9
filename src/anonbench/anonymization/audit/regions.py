"""Regions as the audit reads them from a box table, with the pixels they cover.

A region, straight or slanted, is the convex hull of four corners. Its pixels are found row by row:
the hull's ends within a row of pixels are those of the six lines between corners, cut at the row's
borders. This is exact: the limit of supersampling with ever more samples.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from anonbench.anonymization.audit.blocks import Box, Grid, framed, read_grids, whole_blocks
from anonbench.anonymization.audit.errors import Failure

if TYPE_CHECKING:
    import pandas as pd

_BOX = ["x0", "y0", "x0", "y1", "x1", "y1", "x1", "y0"]
_QUAD = [f"q{number}" for number in range(8)]
_PAIRS = np.array([(0, 1), (0, 2), (0, 3), (1, 2), (1, 3), (2, 3)])

SLACK = 1 / 256
"""Tolerance in pixels for rounding of slanted edges. A pixel that a slanted region enters, or
misses, by less than this may be hidden or not.
"""


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


class Area(NamedTuple):
    """The pixels of one region, in the window of the image that its method works on."""

    window: tuple[slice, slice]
    required: np.ndarray
    """bool [h, w]: pixels that the region certainly covers."""
    may: np.ndarray
    """bool [h, w]: pixels that the region may cover."""


Found = list[tuple[Region, Area]]


def read_regions(boxes: pd.DataFrame) -> dict[str, list[Region]]:
    """Regions of each image in a box table, in the table's order."""
    straight = boxes[_BOX].to_numpy(np.float64).reshape(-1, 4, 2)
    quads = boxes[_QUAD].to_numpy(np.float64).reshape(-1, 4, 2)
    slanted = ~np.isnan(quads).any(axis=(1, 2))
    corners = np.where(slanted[:, None, None], quads, straight)
    found: dict[str, list[Region]] = {}
    named = (boxes[name].tolist() for name in ("id", "entity", "order"))
    blocks = boxes["blocks"].map(read_grids) if "blocks" in boxes else [()] * len(boxes)
    for image_id, entity, rank, points, is_slanted, grids in zip(
        *named, corners, slanted.tolist(), blocks, strict=True
    ):
        region = Region(str(entity), int(rank), points, is_slanted, grids)
        found.setdefault(str(image_id), []).append(region)
    return found


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
        form: `box`, the `ellipse` inside it, or the whole `image`.
        around: pixels that the window has besides on each side, as far as the image reaches.
        grids: coding blocks of the image's file, which are covered whole.

    """
    if form == "image":
        every = np.broadcast_to(np.True_, shape[:2])  # of no size: there may be hundreds
        return Area((slice(0, shape[0]), slice(0, shape[1])), every, every)
    corners = _grown(region, margin)
    if (box := _box(corners, shape)) is None:
        return None
    if region.slanted or form == "ellipse":
        outline = _hull if region.slanted else _ellipse
        required, may = (outline(corners, box, inset) for inset in (SLACK, -SLACK))
        may = required if np.array_equal(required, may) else may
    else:
        required = may = np.ones([stop - start for start, stop in box], bool)
    box, (required, may) = whole_blocks(box, (required, may), grids, shape)
    ends, frame = [], []
    for (start, stop), length in zip(box, shape, strict=False):
        low, high = _widened(start, stop, least, length)
        low, high = max(low - around, 0), min(high + around, length)
        ends.append(slice(low, high))
        frame.append((start - low, high - stop))
    if any(map(any, frame)):
        required, may = framed(required, frame), framed(may, frame)
    return Area((ends[0], ends[1]), required, may)


def joined(found: Found) -> Found:
    """Merge regions that a method with surroundings hides together into one area per group.

    Regions form a group if their windows share a pixel; groups are merged if their smallest common
    windows do, until no two do.
    """
    groups: Found = []
    for group in found:
        while (met := next((n for n, o in enumerate(groups) if _meet(o, group)), None)) is not None:
            first, area = groups.pop(met)
            group = first, _union(area, group[1])
        groups.append(group)
    return groups


def _meet(one: tuple[Region, Area], other: tuple[Region, Area]) -> bool:
    pairs = zip(one[1].window, other[1].window, strict=True)
    return all(max(a.start, b.start) < min(a.stop, b.stop) for a, b in pairs)


def _union(*areas: Area) -> Area:
    starts, stops = (
        [pick(getattr(area.window[axis], end) for area in areas) for axis in (0, 1)]
        for pick, end in ((min, "start"), (max, "stop"))
    )
    masks = []
    for name in ("required", "may"):
        whole = np.zeros(np.subtract(stops, starts), bool)
        for area in areas:
            rows, columns = (
                slice(part.start - start, part.stop - start)
                for part, start in zip(area.window, starts, strict=True)
            )
            whole[rows, columns] |= getattr(area, name)
        masks.append(whole)
    return Area((slice(starts[0], stops[0]), slice(starts[1], stops[1])), *masks)


def frames_of(
    regions: list[Region],
    shape: tuple[int, ...],
    margin: float,
    forms: dict[str, str],
    grids: Sequence[Grid] = (),
) -> np.ndarray:
    """Upright boxes of regions, bool [H, W], by the form of each entity's."""
    frames = np.zeros(shape[:2], bool)
    for region in regions:
        form = "image" if forms[region.entity] == "image" else "box"
        low, high = _grown(region, margin).min(axis=0), _grown(region, margin).max(axis=0)
        corners = np.array([low, (low[0], high[1]), high, (high[0], low[1])])
        upright = Region(region.entity, region.rank, corners, slanted=False)
        if (area := area_of(upright, shape, 1.0, 1, form, grids=grids)) is not None:
            frames[area.window] |= area.required
    return frames


def _grown(region: Region, margin: float) -> np.ndarray:
    corners = region.corners
    if margin == 1.0:
        return corners
    return np.asarray(np.round(corners * margin + corners.mean(axis=0) * (1.0 - margin), 6))


def _box(corners: np.ndarray, shape: tuple[int, ...]) -> Box | None:
    """Rows and columns that corners reach over, None where these are none."""
    across, down = corners.T.tolist()
    top, bottom = max(math.floor(min(down)), 0), min(math.ceil(max(down)), shape[0])
    left, right = max(math.floor(min(across)), 0), min(math.ceil(max(across)), shape[1])
    return ((top, bottom), (left, right)) if top < bottom and left < right else None


def _hull(corners: np.ndarray, box: Box, inset: float) -> np.ndarray:
    """Pixels of a box, smaller by `inset`, that the hull of four corners touches, bool [h, w].

    Corners that lie nearly on one line enclose no area beyond rounding: then the region may cover
    all of its box. A line less than 1e-12 pixels high is treated as level: its slope may not be
    finite.
    """
    (top, bottom), (left, right) = box
    if inset < 0 and np.linalg.svd(corners - corners.mean(axis=0), compute_uv=False)[1] < 4 * SLACK:
        return np.ones((bottom - top, right - left), bool)
    lines = corners[_PAIRS]
    lines = np.where((lines[:, :1, 1] > lines[:, 1:, 1])[..., None], lines[:, ::-1], lines)
    (xa, ya), (xb, yb) = lines[:, 0].T, lines[:, 1].T
    level = yb - ya < 1e-12
    slope = np.divide(xb - xa, yb - ya, out=np.zeros(len(lines)), where=~level)
    rows = np.arange(top, bottom)[:, None]
    start, stop = np.maximum(rows + inset, ya), np.minimum(rows + (1.0 - inset), yb)
    one = xa + slope * (start - ya)
    other = np.where(level, xb, xa + slope * (stop - ya))
    missed = start > stop
    low = np.where(missed, np.inf, np.minimum(one, other)).min(axis=1)[:, None]
    high = np.where(missed, -np.inf, np.maximum(one, other)).max(axis=1)[:, None]
    pixel = np.arange(left, right)
    return np.asarray((pixel + (1.0 - inset) >= low) & (pixel + inset <= high))


def _ellipse(corners: np.ndarray, box: Box, inset: float) -> np.ndarray:
    """Pixels of a box, made smaller by `inset`, that a region's ellipse touches, bool [h, w].

    Row by row: the ellipse is widest in a row of pixels where that comes nearest to its centre.
    """
    low, high = corners.min(axis=0), corners.max(axis=0)
    (cx, cy), (a, b) = (low + high) / 2.0, np.maximum((high - low) / 2.0, 1e-9)
    rows, pixel = (np.arange(*ends) for ends in box)
    top, bottom = rows + inset, rows + 1.0 - inset
    nearest = np.maximum(np.maximum(top - cy, cy - bottom), 0.0)
    reach = a * np.sqrt(np.clip(1.0 - (nearest / b) ** 2, 0.0, None))
    reach = np.where(nearest < b, reach, -np.inf)[:, None]
    return np.asarray((pixel + 1.0 - inset > cx - reach) & (pixel + inset < cx + reach))


def _widened(start: int, stop: int, least: int, length: int) -> tuple[int, int]:
    """Widen an interval to `least` evenly, an odd pixel at its end, and shift it into the image."""
    growth = min(least, length) - (stop - start)
    if growth <= 0:
        return start, stop
    before = growth // 2
    shift = max(before - start, 0) - max(stop + growth - before - length, 0)
    return start - before + shift, stop + growth - before + shift
