"""Conversion of a region in floating-point pixels to the pixels that are hidden."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from anonbench.config import Anonymization
from anonbench.core.boxes import Region
from anonbench.core.libraries.opencv import cv2


@dataclass(frozen=True)
class Cover:
    """The pixels of one region: a window of the image and, inside it, which pixels belong.

    The window is the region's own, or a larger one where that is narrower than was asked for.
    """

    window: tuple[slice, slice]
    """Rows and columns of the image."""
    inside: np.ndarray | None
    """bool [h, w] of the window; None where the whole window belongs to the region."""


def cover(
    region: Region,
    shape: tuple[int, ...],
    margin: float = 1.0,
    least: int = 1,
    form: str = "box",
    around: int = 0,
) -> Cover | None:
    """Return every pixel that the region touches, or None where it lies outside the image.

    Args:
        region: box or quadrilateral in pixels.
        shape: the image's, [H, W] or [H, W, 3].
        margin: factor about the region's centre.
        least: sides that the window has at least, where the image is that large.
        form: `box`: the region itself; `ellipse`: the one inside its box (a quadrilateral stays
            one); `image`: the whole image.
        around: pixels of its surroundings in the window, on each side, as far as the image reaches.

    """
    if form == "image":
        return Cover((slice(0, shape[0]), slice(0, shape[1])), None)
    window = _bounds(region, shape, margin)
    if window is None:
        return None
    rows, columns = window
    size = (rows.stop - rows.start, columns.stop - columns.start)
    inside = None
    if region.quad is not None:
        corners = np.array(_grow(region.quad, margin)).reshape(4, 2) - (columns.start, rows.start)
        inside = _touched(corners, *size)
    elif form == "ellipse":
        x0, y0, x1, y1 = _grow((region.x0, region.y0, region.x1, region.y1), margin)
        left, top = columns.start, rows.start
        inside = _round((x0 - left, y0 - top, x1 - left, y1 - top), *size)
    return _surrounded(_widened(Cover(window, inside), shape, least), shape, around)


def framed(
    regions: Sequence[Region], shape: tuple[int, ...], settings: Anonymization
) -> np.ndarray:
    """Return bool [H, W]: the upright boxes of regions, every pixel that they touch."""
    frames = np.zeros(shape[:2], bool)
    for region in regions:
        if settings.shape.of(region.entity) == "image":
            frames[:] = True
        elif (window := _bounds(region, shape, settings.margin)) is not None:
            frames[window] = True
    return frames


def _bounds(region: Region, shape: tuple[int, ...], margin: float) -> tuple[slice, slice] | None:
    """Return the rows and columns that a region's upright box touches."""
    if region.quad is None:
        return _window(_grow((region.x0, region.y0, region.x1, region.y1), margin), shape)
    quad = _grow(region.quad, margin)
    return _window((min(quad[::2]), min(quad[1::2]), max(quad[::2]), max(quad[1::2])), shape)


def _round(box: Sequence[float], height: int, width: int) -> np.ndarray:
    """Return bool [height, width]: the pixels that the ellipse inside a box touches.

    In units of its half axes it is a circle, and the point of a pixel nearest to its centre is
    found for each axis by itself.
    """
    x0, y0, x1, y1 = box
    nearest = []
    for low, high, length in ((y0, y1, height), (x0, x1, width)):
        centre, half = (low + high) / 2, max((high - low) / 2, 1e-9)
        start = np.arange(length)
        nearest.append((np.clip(centre, start, start + 1.0) - centre) / half)
    return np.asarray(nearest[0][:, None] ** 2 + nearest[1][None, :] ** 2 < 1.0)


def _widened(area: Cover, shape: tuple[int, ...], least: int) -> Cover:
    """Return the same pixels in a window of at least `least` pixels a side, about the old one."""
    rows, columns = (
        _at_least(extent, least, length) for extent, length in zip(area.window, shape, strict=False)
    )
    if (rows, columns) == area.window:
        return area
    old_rows, old_columns = area.window
    inside = np.zeros((rows.stop - rows.start, columns.stop - columns.start), bool)
    inside[
        old_rows.start - rows.start : old_rows.stop - rows.start,
        old_columns.start - columns.start : old_columns.stop - columns.start,
    ] = True if area.inside is None else area.inside
    return Cover((rows, columns), inside)


def _surrounded(area: Cover, shape: tuple[int, ...], around: int) -> Cover:
    """Return the same pixels in a window with so many more on each side."""
    rows, columns = area.window
    height = min(rows.stop + around, shape[0]) - max(rows.start - around, 0)
    width = min(columns.stop + around, shape[1]) - max(columns.start - around, 0)
    if (height, width) == (rows.stop - rows.start, columns.stop - columns.start):
        return area
    down, right = min(around, rows.start), min(around, columns.start)
    inside = np.zeros((height, width), bool)
    inside[down : down + rows.stop - rows.start, right : right + columns.stop - columns.start] = (
        True if area.inside is None else area.inside
    )
    top, left = rows.start - down, columns.start - right
    return Cover((slice(top, top + height), slice(left, left + width)), inside)


def _at_least(extent: slice, least: int, length: int) -> slice:
    """Widen an extent to both sides alike (an odd pixel after it), within 0 … `length`."""
    size = max(extent.stop - extent.start, min(least, length))
    start = extent.start - (size - (extent.stop - extent.start)) // 2
    start = min(max(start, 0), length - size)
    return slice(start, start + size)


def _grow(points: Sequence[float], factor: float) -> list[float]:
    """Move points x, y, x, y, … away from their centre by `factor`.

    They are rounded to a millionth of a pixel, so that no error of arithmetic adds a pixel.
    """
    if factor == 1.0:
        return list(points)
    count = len(points) // 2
    centre = (sum(points[::2]) / count, sum(points[1::2]) / count)
    moved = (centre[i % 2] + factor * (value - centre[i % 2]) for i, value in enumerate(points))
    return [round(value, 6) for value in moved]


def _window(box: Sequence[float], shape: tuple[int, ...]) -> tuple[slice, slice] | None:
    """Return the rows and columns that a box touches, or None where it lies outside."""
    x0, y0 = max(math.floor(box[0]), 0), max(math.floor(box[1]), 0)
    x1, y1 = min(math.ceil(box[2]), shape[1]), min(math.ceil(box[3]), shape[0])
    return (slice(y0, y1), slice(x0, x1)) if x0 < x1 and y0 < y1 else None


def _touched(corners: np.ndarray, height: int, width: int) -> np.ndarray:
    """Return bool [height, width]: the pixels that the corners' convex hull touches.

    A pixel is a square: it is left out only where it lies beyond one of the edges as a whole, so
    that rounding never leaves a sliver of a region in sight.
    """
    hull = cv2.convexHull(corners.astype(np.float32))[:, 0].astype(np.float64)
    following = np.roll(hull, -1, axis=0)
    edges = following - hull
    doubled_area = np.sum(hull[:, 0] * following[:, 1] - hull[:, 1] * following[:, 0])
    across, down = np.arange(width) + 0.5, np.arange(height) + 0.5
    touched = np.ones((height, width), dtype=bool)
    for (x, y), (dx, dy) in zip(hull, edges * np.sign(doubled_area), strict=True):
        inward = dx * (down - y)[:, None] - dy * (across - x)[None, :]
        touched &= inward >= -(abs(dx) + abs(dy)) / 2
    return touched
