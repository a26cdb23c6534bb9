"""Search of an image as a person sees it: at several scales, in tiles, and turned.

A network finds what lies within its range of sizes and directions: CenterFace no face of more than
some 500 pixels and few of those that lie on their side, PP-OCR no line that is a few pixels high
once a long image is scaled down. So an image is searched at full or half size, at half of that and
so on; where it is large, in overlapping tiles, which also bounds memory; and turned. What is cut by
the edges of tiles is whole at a smaller scale.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, product
from math import ceil
from typing import Any, NamedTuple, cast

import numpy as np

from anonbench.core.boxes import Quad, Region
from anonbench.core.libraries.opencv import cv2
from anonbench.core.registries.detectors import Detector
from anonbench.detection.base import clipped_box, clipped_quad

UPRIGHT, ALL_TURNS = (0,), (0, 1, 2, 3)
"""Quarter turns."""
_INSIDE = 0.9
"""Share of a region inside another one from which it adds nothing."""
_SAME_HEIGHT = 1.8
"""Ratio of heights up to which two regions may be parts of one line."""
_SAME_ROWS = 0.6
"""Share of the lower one's height that two parts of a line have in common."""
_CROP = 128
"""Side of the crops of a second look, in pixels."""
_TOGETHER = 4_000_000
"""Pixels of the views that are handed to a detector together."""


@dataclass(frozen=True)
class SecondLook:
    """Search for small regions of low score once more, at twice the largest scale.

    In the turn in which each was found; in all of them where the largest scale is searched upright.
    """

    below: int
    """Sides up to which a region is small, in pixels of the largest scale."""
    score: float
    """That the detector must give at the second look; of other regions, at the first."""


@dataclass(frozen=True)
class Reach:
    """Views in which a detector searches; lengths are in pixels."""

    whole: int
    """Longest side of an image that is searched in one piece."""
    tile: int
    """Longest side of a tile of a larger one."""
    overlap: int
    """Of neighbouring tiles."""
    least: int | None = None
    """Longest side of the smallest scale that is searched; None: the first in one piece."""
    doubled: int | None = None
    """Longest side up to which images are searched at double size, too; None: never."""
    halved: int | None = None
    """Longest side from which images are searched from half size; None: never."""
    turns: tuple[int, ...] = UPRIGHT
    """Quarter turns in which each scale is searched."""
    upright: int | None = None
    """Pixels of an image from which its largest scale is searched upright only."""
    second: SecondLook | None = None
    versions: Callable[[np.ndarray], Iterable[np.ndarray]] | None = None
    """Other versions of an image that are searched beside it, such as its colour planes."""


class View(NamedTuple):
    """An image as a detector gets it."""

    pixels: np.ndarray
    back: np.ndarray
    """float64 [2, 3]: from a place in the view to that in the image."""
    turn: int = 0


class Views:
    """A detector that searches all views of an image."""

    def __init__(self, detector: Detector, reach: Reach) -> None:
        self._detector = detector
        self._reach = reach

    def detect(self, images: Sequence[np.ndarray]) -> list[list[Region]]:
        """See `Detector.detect`."""
        plain = [i for i, image in enumerate(images) if self._is_plain(image)]
        found: list[list[Region]] = [[] for _ in images]
        if plain:  # together: a detector may use several threads
            regions = self._detector.detect([images[i] for i in plain])
            for i, each in zip(plain, regions, strict=True):
                found[i] = each
        for i in sorted(set(range(len(images))) - set(plain)):
            found[i] = united(self._search(images[i]), images[i])
        return found

    def _is_plain(self, image: np.ndarray) -> bool:
        """Whether an image is searched once, as it is."""
        reach = self._reach
        sizes = scales(image.shape, reach)
        several = len(sizes) > 1 or sizes[0] != image.shape[:2] or len(reach.turns) > 1
        return not (several or reach.second or reach.versions)

    def views(self, shape: Sequence[int]) -> dict[str, Any]:
        """Scales, tiles and turns (degrees) at which an image of a shape is searched."""
        sizes = scales(shape, self._reach)
        return {
            "scales": [round(max(size) / max(shape[:2]), 4) for size in sizes],
            "tiles": [len(tiles(size, self._reach)) for size in sizes],
            "turns": [90 * turn for turn in self._reach.turns],
        }

    def _search(self, image: np.ndarray) -> list[Region]:
        """Return the regions of all views, in pixels of the image."""
        found: list[Region] = []
        for version in (image, *(self._reach.versions(image) if self._reach.versions else ())):
            found += self._in_pyramid(version)
        return found

    def _in_pyramid(self, image: np.ndarray) -> list[Region]:
        second, upright = self._reach.second, self._reach.upright
        is_large = upright is not None and image.shape[0] * image.shape[1] > upright
        found: list[Region] = []
        unsure: list[tuple[View, Region]] = []
        for number, pixels in enumerate(_pyramid(image, self._reach)):
            turns = UPRIGHT if is_large and not number else self._reach.turns
            for view, region in self._in_views(_views(pixels, image.shape, turns, self._reach)):
                if second is None or region.score >= second.score:
                    found.append(moved(region, view.back))
                elif not number and max(_sides(region)) < second.below:
                    unsure.append((view, moved(region, view.back)))
        if second is not None and unsure:
            factor = scales(image.shape, self._reach)[0][0] / image.shape[0]
            unsure = [(view, region) for view, region in unsure if not _is_inside(region, found)]
            crops = _crops(
                image, unsure, min(2 * factor, 1.0), self._reach.turns if is_large else None
            )
            found += [
                moved(region, view.back)
                for view, region in self._in_views(crops)
                if region.score >= second.score
            ]
        return found

    def _in_views(self, views: Iterable[View]) -> Iterator[tuple[View, Region]]:
        """Yield what is found in views, in their own pixels."""
        batch: list[View] = []
        for view in chain(views, [None]):
            if view is not None:
                batch.append(view)
            if batch and (view is None or sum(v.pixels.size for v in batch) > _TOGETHER):
                regions = self._detector.detect([each.pixels for each in batch])
                for each, of_view in zip(batch, regions, strict=True):
                    yield from ((each, region) for region in of_view)
                batch = []


def scales(shape: Sequence[int], reach: Reach) -> list[tuple[int, int]]:
    """Heights and widths at which an image is searched, the largest first."""
    halved = reach.halved is not None and max(shape[:2]) >= reach.halved
    sizes = [_half(shape) if halved else (shape[0], shape[1])]
    if reach.doubled is not None and max(shape[:2]) <= reach.doubled:
        sizes.insert(0, (2 * shape[0], 2 * shape[1]))
    while max(sizes[-1]) > reach.whole or (reach.least and max(sizes[-1]) >= 2 * reach.least):
        sizes.append(_half(sizes[-1]))
    return sizes


def _half(shape: Sequence[int]) -> tuple[int, int]:
    return ceil(shape[0] / 2), ceil(shape[1] / 2)


def _pyramid(image: np.ndarray, reach: Reach) -> Iterator[np.ndarray]:
    """Yield an image at all scales."""
    for rows, columns in scales(image.shape, reach):
        if rows > image.shape[0]:
            yield cv2.resize(image, (columns, rows), interpolation=cv2.INTER_CUBIC)
            continue
        if image.shape[:2] != (rows, columns):  # of the one before: as exact, and faster
            image = cv2.resize(image, (columns, rows), interpolation=cv2.INTER_AREA)
        yield image


def _views(
    pixels: np.ndarray, shape: Sequence[int], turns: Sequence[int], reach: Reach
) -> Iterator[View]:
    """Yield the turned tiles of one scale of an image of a shape."""
    down, across = shape[0] / pixels.shape[0], shape[1] / pixels.shape[1]
    for rows, columns in tiles(pixels.shape, reach):
        tile = pixels[rows, columns]
        for turn in turns:
            back = turned_back(tile.shape, turn)
            back[:, 2] += columns.start, rows.start
            back *= np.array([[across], [down]])
            yield View(np.ascontiguousarray(np.rot90(tile, turn)), back, turn)


def _crops(
    image: np.ndarray,
    unsure: Sequence[tuple[View, Region]],
    scale: float,
    turns: Sequence[int] | None,
) -> Iterator[View]:
    """Yield squares of an image about regions, each region in one of them at least."""
    side = round(_CROP / scale)
    centres: dict[int, list[tuple[float, float]]] = {}
    for view, region in sorted(unsure, key=lambda pair: -pair[1].score):
        x, y = (region.x0 + region.x1) / 2, (region.y0 + region.y1) / 2
        for turn in (view.turn,) if turns is None else turns:
            near = centres.setdefault(turn, [])
            if any(max(abs(x - u), abs(y - v)) < side / 4 for u, v in near):
                continue
            near.append((x, y))
            left, top = (
                max(0, min(round(middle - side / 2), length - side))
                for middle, length in ((x, image.shape[1]), (y, image.shape[0]))
            )
            crop = image[top : top + side, left : left + side]
            back = turned_back(crop.shape, turn)
            back[:, 2] += left, top
            yield View(np.ascontiguousarray(np.rot90(crop, turn)), back, turn)


def turned_back(shape: Sequence[int], turn: int) -> np.ndarray:
    """Way back from an image turned by quarters (`numpy.rot90`) to itself: float64 [2, 3]."""
    height, width = shape[:2]
    ways = (
        ((1, 0, 0), (0, 1, 0)),
        ((0, -1, width), (1, 0, 0)),
        ((-1, 0, width), (0, -1, height)),
        ((0, 1, 0), (-1, 0, height)),
    )
    return np.array(ways[turn % 4], np.float64)


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

    A region nearly inside another one joins it. Parts of one line, and a line found at two scales,
    become the rectangle around both; other boxes of one face stay, since the rectangle around those
    of four turns hides more beyond it. The order of the given regions is no matter.
    """
    pool = sorted(regions, key=lambda r: (-_area(r), r.y0, r.x0, r.y1, r.x1, r.entity, r.score))
    bounds = np.array([(r.x0, r.y0, -r.x1, -r.y1) for r in pool]).reshape(-1, 4).T.copy()
    kept = np.zeros(len(pool), bool)
    for number in range(len(pool)):
        grown = True
        while grown:  # a larger one may meet others
            left, top, right, bottom = bounds[:, number]
            near = kept & (bounds[0] < -right) & (bounds[2] < -left)
            near &= (bounds[1] < -bottom) & (bounds[3] < -top)
            grown = False
            for other in np.flatnonzero(near):
                both = _joined(pool[other], pool[number], image)
                if both is not None:
                    pool[number], kept[other], grown = both, False, True
                    bounds[:, number] = both.x0, both.y0, -both.x1, -both.y1
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
    if larger.quad is None:
        if common < _INSIDE * its_sizes.prod():
            return None
        box = np.concatenate([low, high])
        return clipped_box(larger.entity, box, max(one.score, other.score), image)[0]
    same = common >= _INSIDE * its_sizes.prod() or common >= 0.5 * (high - low).prod()
    if not same and not _is_one_line(sizes, its_sizes, shared):
        return None
    corners = np.array([low, (high[0], low[1]), high, (low[0], high[1])]) @ axes.T
    score = max(one.score, other.score)
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


def moved(region: Region, back: np.ndarray) -> Region:
    """Region of a view in pixels of the image; turned by other than quarters, it has corners."""
    corners = _corners(region) @ back[:, :2].T + back[:, 2]
    (x0, y0), (x1, y1) = corners.min(axis=0).tolist(), corners.max(axis=0).tolist()
    slanted = np.count_nonzero(back[:, :2]) > 2
    quad = tuple(corners.ravel().tolist()) if region.quad is not None or slanted else None
    return Region(region.entity, x0, y0, x1, y1, region.score, cast("Quad | None", quad))


def _is_inside(region: Region, others: Sequence[Region]) -> bool:
    """Whether a region's centre is inside one of other boxes."""
    x, y = (region.x0 + region.x1) / 2, (region.y0 + region.y1) / 2
    return any(each.x0 < x < each.x1 and each.y0 < y < each.y1 for each in others)


def _sides(region: Region) -> tuple[float, float]:
    return region.x1 - region.x0, region.y1 - region.y0
