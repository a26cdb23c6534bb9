"""Regions as the audit reads them from a box table, with the pixels they cover.

A region, straight or slanted, is the convex hull of four corners. Its pixels are found row by row:
the hull's left and right ends within a row of pixels are those of the six lines between corners.
That is exact, so it is what supersampling comes to with ever more samples.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from anonbench.anonymization.audit.blocks import Box, Grid, read_grids, whole_blocks
from anonbench.anonymization.audit.errors import Failure
from anonbench.anonymization.audit.loops import hull_pixels

if TYPE_CHECKING:
    import pandas as pd

_BOX = ["x0", "y0", "x0", "y1", "x1", "y1", "x1", "y0"]
_QUAD = [f"q{number}" for number in range(8)]

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
    grids: tuple[Grid, ...] = ()
    """Coding blocks, as the box table names them."""


class Area(NamedTuple):
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
    blocks = boxes["blocks"].map(read_grids) if "blocks" in boxes else [()] * len(boxes)
    for image_id, entity, rank, points, is_slanted, grids in zip(
        *named, corners, slanted.tolist(), blocks, strict=True
    ):
        region = Region(str(entity), int(rank), points, is_slanted, grids)
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
    grids: Sequence[Grid] = (),
) -> Area | None:
    """Return the pixels of a region, or None where it lies outside the image.

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
        return Area((slice(0, shape[0]), slice(0, shape[1])), None, None)
    corners = _grown(region, margin)
    if (box := _box(corners, shape)) is None:
        return None
    return _area(corners, box, shape, least, form, around, region.slanted, grids)


def _area(
    corners: np.ndarray,
    box: Box,
    shape: tuple[int, ...],
    least: int,
    form: str,
    around: int,
    slanted: bool,
    grids: Sequence[Grid],
) -> Area:
    (top, bottom), (left, right) = box
    masks: list[np.ndarray | None] = [None, None]
    if slanted:
        sure, may, same = hull_pixels(corners, (top, left, bottom, right), SLACK)
        masks = [sure, None if same else may]
    elif form == "ellipse":
        local, size = corners - (left, top), (bottom - top, right - left)
        masks = [_ellipse(local, size, each) for each in (SLACK, -SLACK)]
    if grids:
        given = masks if masks[0] is None or masks[1] is not None else masks[:1]
        box, spread = whole_blocks(box, given, grids, shape)
        if len(spread) == 2 and spread[0] is not None and spread[1] is None:
            spread[1] = np.ones_like(spread[0])  # all of the box, and not the same as required
        masks = _told_apart(*spread)
        (top, bottom), (left, right) = box
    ends = []
    for (start, stop), length in zip(box, shape, strict=False):
        wide = _widened(start, stop, least, length)
        ends.append((max(wide[0] - around, 0), min(wide[1] + around, length)))
    (y0, y1), (x0, x1) = ends
    window = (slice(y0, y1), slice(x0, x1))
    if box == ((y0, y1), (x0, x1)):
        return Area(window, *masks)

    def placed(part: np.ndarray | None) -> np.ndarray:
        inside = np.zeros((y1 - y0, x1 - x0), bool)
        inside[top - y0 : bottom - y0, left - x0 : right - x0] = True if part is None else part
        return inside

    required, allowed = masks
    return Area(window, placed(required), None if allowed is None else placed(allowed))


def _told_apart(
    required: np.ndarray | None, allowed: np.ndarray | None = None
) -> list[np.ndarray | None]:
    """Return masks as `Area` has them: None for all, and for the same."""
    if required is None or allowed is None:
        return [required, None]
    return [required, None if np.array_equal(required, allowed) else allowed]


def frames_of(
    found: list[Region],
    shape: tuple[int, ...],
    margin: float,
    forms: dict[str, str],
    grids: Sequence[Grid] = (),
) -> np.ndarray:
    """Return bool [H, W]: the upright boxes of regions, by the form of each entity's."""
    frames = np.zeros(shape[:2], bool)
    for region in found:
        box = _box(_grown(region, margin), shape)
        if forms[region.entity] == "image":
            box = ((0, shape[0]), (0, shape[1]))
        if box is not None:
            box, (mask,) = whole_blocks(box, [None], grids, shape)
            frames[slice(*box[0]), slice(*box[1])] |= True if mask is None else mask
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
