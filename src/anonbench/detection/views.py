"""Search of an image at several scales and in tiles.

A network finds what lies within its range of sizes: CenterFace no face of more than some 500
pixels, PP-OCR no line that is a few pixels high once a long image is scaled down. So an image is
searched at full size, at half of it, at a quarter and so on; and where it is large, in overlapping
tiles, which also bounds memory. What is cut by the edges of tiles is whole at a smaller scale.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product
from math import ceil
from typing import Any, cast

import numpy as np

from anonbench.core.boxes import Quad, Region
from anonbench.core.libraries.opencv import cv2
from anonbench.core.registries.detectors import Detector
from anonbench.detection.base import clipped_box, clipped_quad

_INSIDE = 0.9
"""Share of a region inside another one from which it adds nothing."""
_SAME_HEIGHT = 1.8
"""Ratio of heights up to which two regions may be parts of one line."""
_SAME_ROWS = 0.6
"""Share of the lower one's height that two parts of a line have in common."""


@dataclass(frozen=True)
class Reach:
    """Sizes at which a detector searches, in pixels."""

    whole: int
    """Longest side of an image that is searched in one piece."""
    tile: int
    """Longest side of a tile of a larger one."""
    overlap: int
    """Of neighbouring tiles."""
    least: int | None = None
    """Longest side of the smallest scale that is searched; None: the first in one piece."""


class Views:
    """A detector that searches all scales of an image, in tiles where it is large."""

    def __init__(self, detector: Detector, reach: Reach) -> None:
        self._detector = detector
        self._reach = reach

    def detect(self, images: Sequence[np.ndarray]) -> list[list[Region]]:
        """See `Detector.detect`."""
        found: list[list[Region]] = [[] for _ in images]
        once = [i for i, image in enumerate(images) if len(scales(image.shape, self._reach)) == 1]
        if once:  # together: a detector may use several threads
            regions = self._detector.detect([images[i] for i in once])
            for i, each in zip(once, regions, strict=True):
                found[i] = each
        for i in sorted(set(range(len(images))) - set(once)):
            found[i] = united(self._search(images[i]), images[i])
        return found

    def views(self, shape: Sequence[int]) -> dict[str, Any]:
        """Scales, tiles and turns at which an image of a shape is searched."""
        sizes = scales(shape, self._reach)
        return {
            "scales": [round(max(size) / max(shape[:2]), 4) for size in sizes],
            "tiles": [len(tiles(size, self._reach)) for size in sizes],
            "turns": [0],
        }

    def _search(self, image: np.ndarray) -> list[Region]:
        """Return the regions of all scales and tiles, in pixels of the image."""
        height, width = image.shape[:2]
        found: list[Region] = []
        for rows, columns in scales(image.shape, self._reach):
            view = image  # of the scale before: as exact as the original, and faster
            if view.shape[:2] != (rows, columns):
                view = cv2.resize(view, (columns, rows), interpolation=cv2.INTER_AREA)
            image = view
            down, across = height / rows, width / columns
            places = tiles(view.shape, self._reach)
            parts = [np.ascontiguousarray(view[place]) for place in places]
            for place, regions in zip(places, self._detector.detect(parts), strict=True):
                top, left = place[0].start, place[1].start
                found += [_moved(each, left, top, across, down) for each in regions]
        return found


def scales(shape: Sequence[int], reach: Reach) -> list[tuple[int, int]]:
    """Return the heights and widths at which an image is searched, the largest first."""
    sizes = [(shape[0], shape[1])]
    while max(sizes[-1]) > reach.whole or (reach.least and max(sizes[-1]) >= 2 * reach.least):
        rows, columns = sizes[-1]
        sizes.append((ceil(rows / 2), ceil(columns / 2)))
    return sizes


def tiles(shape: Sequence[int], reach: Reach) -> list[tuple[slice, slice]]:
    """Return the rows and columns of tiles of about equal size that cover an image."""
    if max(shape[:2]) <= reach.whole:
        return [(slice(0, shape[0]), slice(0, shape[1]))]
    return list(product(_parts(shape[0], reach), _parts(shape[1], reach)))


def _parts(length: int, reach: Reach) -> list[slice]:
    """Return the overlapping parts of a side."""
    count = max(1, ceil((length - reach.overlap) / (reach.tile - reach.overlap)))
    size = ceil((length + (count - 1) * reach.overlap) / count)
    starts = [round(number * (length - size) / max(count - 1, 1)) for number in range(count)]
    return [slice(start, start + size) for start in starts]


def united(regions: Sequence[Region], image: np.ndarray) -> list[Region]:
    """Return regions that cover all given ones: where it can be, one for each line or face.

    A region inside another one goes. Parts of one line, and a region that was found at two scales,
    become the rectangle around both. The order of the given regions is no matter.
    """
    pool = sorted(regions, key=lambda r: (-_area(r), r.y0, r.x0, r.y1, r.x1, r.entity, r.score))
    bounds = np.array([(r.x0, r.y0, r.x1, r.y1) for r in pool]).reshape(-1, 4)
    kept = np.zeros(len(pool), bool)
    for number in range(len(pool)):
        grown = True
        while grown:  # a larger one may meet others
            low, high = bounds[number, :2], bounds[number, 2:]
            near = kept & (bounds[:, :2] < high).all(axis=1) & (bounds[:, 2:] > low).all(axis=1)
            grown = False
            for other in np.flatnonzero(near):
                both = _joined(pool[other], pool[number], image)
                if both is not None:
                    pool[number], kept[other], grown = both, False, True
                    bounds[number] = both.x0, both.y0, both.x1, both.y1
                    break
        kept[number] = True
    return [pool[number] for number in np.flatnonzero(kept)]


def _joined(one: Region, other: Region, image: np.ndarray) -> Region | None:
    """Return the rectangle around two regions, or None where they are two things."""
    if one.entity != other.entity:
        return None
    larger, smaller = sorted((one, other), key=_area, reverse=True)
    axes = _axes(larger)
    own, its = _corners(larger) @ axes, _corners(smaller) @ axes
    low = np.minimum(own.min(axis=0), its.min(axis=0))
    high = np.maximum(own.max(axis=0), its.max(axis=0))
    sizes, its_sizes = np.ptp(own, axis=0), np.ptp(its, axis=0)
    shared = sizes + its_sizes - (high - low)
    if (shared <= 0).any():
        return None
    common = shared.prod()
    same = common >= _INSIDE * its_sizes.prod() or common >= 0.5 * (high - low).prod()
    if not same and (larger.quad is None or not _is_one_line(sizes, its_sizes, shared)):
        return None
    corners = np.array([low, (high[0], low[1]), high, (low[0], high[1])]) @ axes.T
    score = max(one.score, other.score)
    if larger.quad is None:
        return clipped_box(larger.entity, corners[[0, 2]].ravel(), score, image)[0]
    return clipped_quad(larger.entity, corners, score, image)[0]


def _is_one_line(sizes: np.ndarray, its_sizes: np.ndarray, shared: np.ndarray) -> bool:
    """Tell whether two regions, in the axes of the larger one, are parts of one line of text."""
    across = int(sizes.argmin())
    lower, higher = sorted((sizes[across], its_sizes[across]))
    return bool(higher <= _SAME_HEIGHT * lower and shared[across] >= _SAME_ROWS * lower)


def _corners(region: Region) -> np.ndarray:
    """Return float64 [4, 2]: x and y."""
    if region.quad is not None:
        return np.array(region.quad).reshape(4, 2)
    x0, y0, x1, y1 = region.x0, region.y0, region.x1, region.y1
    return np.array([(x0, y0), (x1, y0), (x1, y1), (x0, y1)])


def _axes(region: Region) -> np.ndarray:
    """Return float64 [2, 2]: unit vectors along a region's first edge and across it, as columns."""
    if region.quad is None:
        return np.eye(2)
    x, y = _corners(region)[1] - _corners(region)[0]
    length = float(np.hypot(x, y))
    return np.array([[x, -y], [y, x]]) / length if length else np.eye(2)


def _area(region: Region) -> float:
    return float(cv2.contourArea(_corners(region).astype(np.float32)))


def _moved(region: Region, left: int, top: int, across: float, down: float) -> Region:
    """Return a region of a tile in pixels of the whole image."""
    x0, x1 = ((left + x) * across for x in (region.x0, region.x1))
    y0, y1 = ((top + y) * down for y in (region.y0, region.y1))
    quad = region.quad and tuple(
        (top + value) * down if number % 2 else (left + value) * across
        for number, value in enumerate(region.quad)
    )
    return Region(region.entity, x0, y0, x1, y1, region.score, cast("Quad | None", quad))
