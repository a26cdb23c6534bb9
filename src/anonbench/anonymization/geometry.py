"""Conversion of a region in floating-point pixels to the pixels that are hidden.

A lossy file codes blocks of pixels together. Where a region's edge cuts one, the block's visible
part carries quantization noise of its hidden part, enough to read masked digits. So regions are
extended to whole blocks of the file that their image was decoded from.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil, floor
from typing import NamedTuple

import numpy as np

from anonbench.config import Anonymization
from anonbench.core.boxes import Blocks, Region
from anonbench.core.libraries.opencv import cv2

Window = tuple[slice, slice]
"""Rows and columns of the image."""
_SLACK = 1e-8
"""How far, in pixels, a region reaches beyond its slanted edges: rounding hides rather more."""
_TOLERANCE = 1e-6
"""Pixels: rounding of a scaled grid adds no block."""


class Cover(NamedTuple):
    """The pixels of one region: a window of the image and, inside it, which pixels belong.

    The window is the region's own, or a larger one where that is narrower than was asked for.
    """

    window: Window
    inside: np.ndarray | None
    """bool [h, w] of the window; None where the whole window belongs to the region."""


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
            one); `image`: the whole image.
        around: pixels of its surroundings in the window, on each side, as far as the image reaches.
        blocks: whether the region covers all coding blocks of its file that it touches.

    """
    if form == "image":
        area = Cover((slice(0, shape[0]), slice(0, shape[1])), None)
    else:
        corners = region.quad or (region.x0, region.y0, region.x1, region.y1)
        points = corners if margin == 1.0 else _grow(corners, margin)
        window = _window(points, shape)
        if window is None:
            return None
        outline = _slanted if region.quad else _round if form == "ellipse" else None
        area = Cover(window, outline and outline(points, window))
    if blocks and region.blocks:
        area = extend_to_blocks(area, region.blocks, shape)
    sides = [part.stop - part.start for part in area.window]
    if min(sides) >= least and not around:
        return area
    rows, columns = (
        _widened(part, least, around, length)
        for part, length in zip(area.window, shape, strict=False)
    )
    return area if (rows, columns) == area.window else _placed(area, (rows, columns))


def framed(
    regions: Sequence[Region], shape: tuple[int, ...], settings: Anonymization
) -> np.ndarray:
    """Upright boxes of regions, every pixel or block that they touch, bool [H, W]."""
    frames = np.zeros(shape[:2], bool)
    for region in regions:
        corners = region.quad or (region.x0, region.y0, region.x1, region.y1)
        points = corners if settings.margin == 1.0 else _grow(corners, settings.margin)
        box = min(points[::2]), min(points[1::2]), max(points[::2]), max(points[1::2])
        form = "image" if settings.shape.of(region.entity) == "image" else "box"
        upright = Region(region.entity, *box, region.score, None, region.blocks)
        area = cover(upright, shape, form=form, blocks=settings.coding_blocks)
        if area is not None:
            frames[area.window] |= True if area.inside is None else area.inside
    return frames


def merged_windows(areas: Sequence[Cover]) -> list[tuple[Window, list[Cover]]]:
    """Groups of regions whose windows share pixels, each with the window about all of them.

    No two of the windows about groups share a pixel.
    """
    groups: list[tuple[Window, list[Cover]]] = []
    for area in areas:
        window, members = area.window, [area]
        while met := [group for group in groups if _share(group[0], window)]:
            groups = [group for group in groups if not _share(group[0], window)]
            window = _bounding_window(window, *(other for other, _ in met))
            members = [*(each for _, others in met for each in others), *members]
        groups.append((window, members))
    return groups


def relative_window(window: Window, other: Window) -> Window:
    """Place of a window in another one that holds it."""
    rows, columns = (
        slice(part.start - whole.start, part.stop - whole.start)
        for part, whole in zip(window, other, strict=True)
    )
    return rows, columns


def extend_to_blocks(area: Cover, blocks: Sequence[Blocks], shape: tuple[int, ...]) -> Cover:
    """Extend pixels to all those that coding blocks reach which they touch.

    Args:
        area: the pixels.
        blocks: the grids of the image's file.
        shape: the image's.

    """
    grids = []
    for each in blocks:
        down = each.top, each.bottom, each.y, each.height, each.beyond_y
        across = each.left, each.right, each.x, each.width, each.beyond_x
        rows, columns = (
            _spans(part, *axis, length)
            for part, axis, length in zip(area.window, (down, across), shape, strict=False)
        )
        if rows is not None and columns is not None:
            grids.append((rows, columns))
    reached = [
        (slice(int(y[2, 0]), int(y[3, -1])), slice(int(x[2, 0]), int(x[3, -1]))) for y, x in grids
    ]
    window = _bounding_window(area.window, *reached)
    if area.inside is None and window in (area.window, *reached):
        return Cover(window, None)
    area = _placed(area, window)
    assert area.inside is not None
    result = area.inside.copy()
    for spans in grids:
        (own_y, far_y), (own_x, far_x) = (
            (_members(each[:2], part), _members(each[2:], part))
            for each, part in zip(spans, window, strict=True)
        )
        touched = (own_y @ area.inside.astype(np.float32) @ own_x.T > 0).astype(np.float32)
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
    spans = np.array(
        [np.floor(starts), np.ceil(stops), np.floor(starts - beyond), np.ceil(stops + beyond)]
    )
    return np.clip(spans, 0, length).astype(int)


def _members(spans: np.ndarray, part: slice) -> np.ndarray:
    """Whether pixels of a part of an axis lie in spans, int [2, n]: float32 [n, length]."""
    pixels = np.arange(part.start, part.stop)
    starts, stops = spans[..., None]
    return np.asarray((pixels >= starts) & (pixels < stops), np.float32)


def _share(one: Window, other: Window) -> bool:
    """Check whether two windows have a pixel in common."""
    return all(a.start < b.stop and b.start < a.stop for a, b in zip(one, other, strict=True))


def _bounding_window(*windows: Window) -> Window:
    """Smallest window that holds others."""
    rows, columns = (
        slice(min(part.start for part in axis), max(part.stop for part in axis))
        for axis in zip(*windows, strict=True)
    )
    return rows, columns


def _placed(area: Cover, window: Window) -> Cover:
    """Show the same pixels in a window that holds theirs."""
    inside = np.zeros([part.stop - part.start for part in window], bool)
    inside[relative_window(area.window, window)] = True if area.inside is None else area.inside
    return Cover(window, inside)


def _widened(part: slice, least: int, around: int, length: int) -> slice:
    """Widen an extent to both sides alike (an odd pixel after it), within 0 … `length`."""
    size = max(part.stop - part.start, min(least, length))
    start = part.start - (size - (part.stop - part.start)) // 2
    start = min(max(start, 0), length - size)
    return slice(max(start - around, 0), min(start + size + around, length))


def _grow(points: Sequence[float], factor: float) -> Sequence[float]:
    """Move points x, y, x, y, … away from their centre by `factor`."""
    count = len(points) // 2
    centre = (sum(points[::2]) / count, sum(points[1::2]) / count)
    moved = (centre[i % 2] + factor * (value - centre[i % 2]) for i, value in enumerate(points))
    return [round(value, 6) for value in moved]  # no error of arithmetic adds a pixel


def _window(points: Sequence[float], shape: tuple[int, ...]) -> Window | None:
    """Rows and columns that points reach over, or None where they lie outside."""
    x0, y0 = max(floor(min(points[::2])), 0), max(floor(min(points[1::2])), 0)
    x1, y1 = min(ceil(max(points[::2])), shape[1]), min(ceil(max(points[1::2])), shape[0])
    return (slice(y0, y1), slice(x0, x1)) if x0 < x1 and y0 < y1 else None


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


def _slanted(quad: Sequence[float], window: Window) -> np.ndarray:
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
