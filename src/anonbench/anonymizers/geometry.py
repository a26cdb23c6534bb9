"""From a region in floating-point pixels to the pixels that are hidden."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from anonbench.boxes import Region


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
    corners = _corners(region)
    centre = corners.mean(axis=0)
    corners = centre + (corners - centre) * margin
    height, width = shape[:2]
    x0, y0 = np.maximum(np.floor(corners.min(axis=0)), 0).astype(int).tolist()
    x1, y1 = np.minimum(np.ceil(corners.max(axis=0)), (width, height)).astype(int).tolist()
    if x0 >= x1 or y0 >= y1:
        return None
    window = (slice(y0, y1), slice(x0, x1))
    if region.quad is None:
        return Cover(window, None)
    return Cover(window, _touched(corners - (x0, y0), y1 - y0, x1 - x0))


def _corners(region: Region) -> np.ndarray:
    if region.quad is not None:
        return np.array(region.quad, dtype=np.float64).reshape(4, 2)
    x0, y0, x1, y1 = region.x0, region.y0, region.x1, region.y1
    return np.array([(x0, y0), (x1, y0), (x1, y1), (x0, y1)], dtype=np.float64)


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
