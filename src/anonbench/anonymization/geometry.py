"""Which regions are hidden at a degree, and which pixels each of them covers.

A lossy file codes blocks of pixels together. Where a region's edge cuts one, the block's visible
part carries quantization noise of its hidden part, enough to read masked digits. So regions are
extended to whole blocks of the file that their image was decoded from.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil, floor
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from anonbench.core.boxes import Blocks, Region
from anonbench.core.libraries.opencv import cv2

if TYPE_CHECKING:
    from anonbench.config import Anonymization
    from anonbench.core.registries.methods import Method

Window = tuple[slice, slice]  # rows and columns of the image
_SLACK = 1e-8
"""How far, in pixels, a region reaches beyond its slanted edges: rounding hides rather more."""
_TOLERANCE = 1e-6  # pixels: rounding of a scaled grid adds no block


class Cover(NamedTuple):
    """The pixels of one region: a window of the image and, inside it, which pixels belong."""

    window: Window
    inside: np.ndarray  # bool [h, w] of the window; not to be written to


def regions_at(degree: int, count: int) -> int:
    """Number of an image's `count` regions to anonymize at `degree` percent, rounded up."""
    return -(-degree * count // 100)


def cover(
    region: Region,
    shape: tuple[int, ...],
    margin: float = 1.0,
    least: int = 1,
    form: str = "box",
    around: int = 0,
    blocks: bool = False,
) -> Cover | None:
    """Every pixel that a region touches, or None where it lies outside the image.

    Args:
        region: box or quadrilateral in pixels.
        shape: the image's, [H, W] or [H, W, 3].
        margin: factor about the region's centre.
        least: sides that the window has at least, where the image is that large.
        form: `box`: the region itself; `ellipse`: the one inside its box (a quadrilateral stays
            one); `image`: the whole image; `upright`: the smallest upright box about the region.
        around: pixels of its surroundings in the window, on each side, as far as the image reaches.
        blocks: whether the region covers all coding blocks of its file that it touches.
    """
    if form == "image":
        every = np.broadcast_to(np.True_, shape[:2])  # of no size: there may be hundreds
        return Cover((slice(0, shape[0]), slice(0, shape[1])), every)
    points: Sequence[float] = region.quad or (region.x0, region.y0, region.x1, region.y1)
    if margin != 1.0:
        points = _grow(points, margin)
    x0, y0 = max(floor(min(points[::2])), 0), max(floor(min(points[1::2])), 0)
    x1, y1 = min(ceil(max(points[::2])), shape[1]), min(ceil(max(points[1::2])), shape[0])
    if x0 >= x1 or y0 >= y1:
        return None
    window = slice(y0, y1), slice(x0, x1)
    if form == "upright" or (form == "box" and not region.quad):
        area = Cover(window, np.ones((y1 - y0, x1 - x0), bool))
    else:
        area = Cover(window, (slanted if region.quad else _round)(points, window))
    if blocks and region.blocks:
        area = extend_to_blocks(area, region.blocks, shape)
    if around or min(area.inside.shape) < least:
        area = _widened(area, least, around, shape)
    return area


def cover_by(
    method: Method, region: Region, shape: tuple[int, ...], settings: Anonymization
) -> Cover | None:
    """Pixels of a region that a method hides, with the surroundings that it uses."""
    sides = method.least_side, getattr(settings.shape, region.entity), method.surroundings
    return cover(region, shape, settings.margin, *sides, settings.coding_blocks)


def hidden_pixels(
    regions: Sequence[Region],
    shape: tuple[int, ...],
    settings: Anonymization,
    upright: bool = False,
) -> np.ndarray:
    """Pixels that regions cover, or their upright boxes with the blocks they touch; bool [H, W]."""
    covered = np.zeros(shape[:2], bool)
    for region in regions:
        form = getattr(settings.shape, region.entity)
        form = "upright" if upright and form != "image" else form
        area = cover(region, shape, settings.margin, 1, form, 0, settings.coding_blocks)
        if area is not None:
            covered[area.window] |= area.inside
    return covered


def joined(areas: Sequence[Cover]) -> list[Cover]:
    """Merge regions until no two windows share a pixel."""
    found: list[Cover] = []
    for area in areas:
        while met := next((each for each in found if windows_meet(each.window, area.window)), None):
            found = [each for each in found if each is not met]
            window = _bounding_window(met.window, area.window)
            area = Cover(window, _placed(met, window).inside | _placed(area, window).inside)
        found.append(area)
    return found


def extend_to_blocks(area: Cover, blocks: Sequence[Blocks], shape: tuple[int, ...]) -> Cover:
    """Extend pixels to all those that coding blocks reach which they touch."""
    grids, reached = [], []
    for each in blocks:
        down = each.top, each.bottom, each.y, each.height, each.beyond_y
        across = each.left, each.right, each.x, each.width, each.beyond_x
        y = _spans(area.window[0], *down, shape[0])
        x = _spans(area.window[1], *across, shape[1])
        if y is not None and x is not None:
            grids.append((y, x))
            reached.append((slice(int(y[2, 0]), int(y[3, -1])), slice(int(x[2, 0]), int(x[3, -1]))))
    window = _bounding_window(area.window, *reached)
    if area.inside.all() and window in (area.window, *reached):
        return Cover(window, np.ones([part.stop - part.start for part in window], bool))
    inside = _placed(area, window).inside
    result = inside.copy()
    for y, x in grids:
        own_y, far_y = _members(y[:2], window[0]), _members(y[2:], window[0])
        own_x, far_x = _members(x[:2], window[1]), _members(x[2:], window[1])
        touched = (own_y @ inside.astype(np.float32) @ own_x.T > 0).astype(np.float32)
        result |= far_y.T @ touched @ far_x > 0
    return Cover(window, result)


def _spans(
    pixels: slice, low: float, high: float, corner: float, step: float, beyond: float, length: int
) -> np.ndarray | None:
    """Starts and stops of blocks along an axis that pixels touch, and of what they reach."""
    start, stop = max(pixels.start, low), min(pixels.stop, high)
    if start >= stop:
        return None
    first = np.floor((start - corner) / step + _TOLERANCE)
    last = np.ceil((stop - corner) / step - _TOLERANCE)
    edges = np.clip(corner + step * np.arange(first, last + 1), low, high)
    starts, stops = edges[:-1] + _TOLERANCE, edges[1:] - _TOLERANCE
    lowest, highest = np.floor([starts, starts - beyond]), np.ceil([stops, stops + beyond])
    return np.clip([lowest[0], highest[0], lowest[1], highest[1]], 0, length).astype(int)


def _members(spans: np.ndarray, part: slice) -> np.ndarray:
    """Whether pixels of a part of an axis lie in spans, int [2, n]: float32 [n, length]."""
    pixels = np.arange(part.start, part.stop)
    starts, stops = spans[..., None]
    return np.asarray((pixels >= starts) & (pixels < stops), np.float32)


def windows_meet(one: Window, other: Window) -> bool:
    """Whether two windows share a pixel."""
    return all(a.start < b.stop and b.start < a.stop for a, b in zip(one, other, strict=True))


def _bounding_window(*windows: Window) -> Window:
    """Smallest window that holds others."""
    rows, columns = (
        slice(min(part.start for part in axis), max(part.stop for part in axis))
        for axis in zip(*windows, strict=True)
    )
    return rows, columns


def _placed(area: Cover, window: Window) -> Cover:
    """The same pixels in a window that holds theirs."""
    pairs = zip(area.window, window, strict=True)
    frame = [(own.start - new.start, new.stop - own.stop) for own, new in pairs]
    return Cover(window, np.pad(area.inside, frame))


def _widened(area: Cover, least: int, around: int, shape: tuple[int, ...]) -> Cover:
    """Widen a window to both sides alike (an odd pixel after it), within the image."""
    parts = []
    for part, length in zip(area.window, shape, strict=False):
        size = max(part.stop - part.start, min(least, length))
        start = part.start - (size - (part.stop - part.start)) // 2
        start = min(max(start, 0), length - size)
        parts.append(slice(max(start - around, 0), min(start + size + around, length)))
    return _placed(area, (parts[0], parts[1]))


def _grow(points: Sequence[float], factor: float) -> Sequence[float]:
    """Move points x, y, x, y, … away from their centre by `factor`."""
    count = len(points) // 2
    centre = (sum(points[::2]) / count, sum(points[1::2]) / count)
    moved = (centre[i % 2] + factor * (value - centre[i % 2]) for i, value in enumerate(points))
    return [round(value, 6) for value in moved]  # no error of arithmetic adds a pixel


def _round(box: Sequence[float], window: Window) -> np.ndarray:
    """Pixels of a window that the ellipse inside a box touches, bool [h, w]."""
    # in half axes it is a circle; the point of a pixel nearest to its centre is found by axis
    nearest = []
    for low, high, part in ((box[1], box[3], window[0]), (box[0], box[2], window[1])):
        start, stop = low - part.start, high - part.start
        centre, half = (start + stop) / 2, max((stop - start) / 2, 1e-9)
        pixel = np.arange(part.stop - part.start)
        nearest.append((np.clip(centre, pixel, pixel + 1.0) - centre) / half)
    return np.asarray(nearest[0][:, None] ** 2 + nearest[1][None, :] ** 2 < 1.0)


def slanted(quad: Sequence[float], window: Window) -> np.ndarray:
    """Pixels of a window that the convex hull of four corners touches, bool [h, w]."""
    # a pixel is left out only where it lies beyond an edge as a whole: no sliver stays in sight; in
    # a row of pixels an edge reaches as far as at the row's upper or lower end
    rows, columns = window
    height, width = rows.stop - rows.start, columns.stop - columns.start
    corners = np.array(quad).reshape(4, 2) - (columns.start, rows.start)
    hull = cv2.convexHull(corners.astype(np.float32))[:, 0].astype(np.float64)
    if len(hull) < 3:
        return np.ones((height, width), bool)
    x, y = hull.T
    dx, dy = (np.roll(hull, -1, axis=0) - hull).T  # downwards on the right, as OpenCV turns
    slope = np.divide(dx, np.abs(dy), out=np.zeros(len(hull)), where=dy != 0)
    reach = slope * (np.arange(height)[:, None] - (y - (slope > 0)))
    right = np.where(dy > 0, x + reach, np.inf).min(axis=1)[:, None]
    left = np.where(dy < 0, reach - x, np.inf).min(axis=1)[:, None]
    pixel = np.arange(width)
    return np.asarray((pixel <= right + _SLACK) & (pixel + 1 >= -left - _SLACK))
