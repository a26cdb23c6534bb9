"""From a region in floating-point pixels to the pixels that are hidden."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from anonbench.boxes import Region
from anonbench.opencv import cv2


@dataclass(frozen=True)
class Cover:
    """The pixels of one region: a window of the image and, inside it, which pixels belong."""

    window: tuple[slice, slice]
    """Rows and columns of the image."""
    inside: np.ndarray | None
    """bool [h, w] of the window; None where the whole window belongs to the region."""


def cover(region: Region, shape: tuple[int, ...], margin: float = 1.0) -> Cover | None:
    """Return every pixel that the region touches, or None where it lies outside the image.

    Args:
        region: box or quadrilateral in pixels.
        shape: the image's, [H, W] or [H, W, 3].
        margin: factor about the region's centre.

    """
    box = (region.x0, region.y0, region.x1, region.y1)
    if region.quad is None:
        window = _window(_grow(box, margin), shape)
        return None if window is None else Cover(window, None)
    quad = _grow(region.quad, margin)
    window = _window((min(quad[::2]), min(quad[1::2]), max(quad[::2]), max(quad[1::2])), shape)
    if window is None:
        return None
    rows, columns = window
    corners = np.array(quad).reshape(4, 2) - (columns.start, rows.start)
    return Cover(window, _touched(corners, rows.stop - rows.start, columns.stop - columns.start))


def _grow(points: Sequence[float], factor: float) -> list[float]:
    """Move points x, y, x, y, … away from their centre by `factor`."""
    count = len(points) // 2
    centre = (sum(points[::2]) / count, sum(points[1::2]) / count)
    return [centre[i % 2] + factor * (value - centre[i % 2]) for i, value in enumerate(points)]


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
