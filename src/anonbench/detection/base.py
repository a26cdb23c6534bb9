"""Steps that detectors share."""

from __future__ import annotations

import weakref
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np

from anonbench.core.boxes import Region, rectangle, region_fault
from anonbench.core.errors import UnreadableImage
from anonbench.core.libraries.opencv import cv2
from anonbench.core.registries.detectors import Detector
from anonbench.core.vocabulary import Entity

_INSIDE = 0.9  # share of a region inside another one from which it is dropped as redundant
_SAME_CODE = 0.8
"""The same of codes, by their very corners: the rectangle around them may reach far beyond."""
_SAME_HEIGHT = 1.8  # greatest ratio of heights of two regions that are parts of one line
_SAME_ROWS = 0.6  # least share of the lower one's height that two parts of a line have in common
LARGE = 4_000_000
"""Number of pixels from which memory is reserved before an image is searched in one piece."""
_MEMORY = Path("/proc/meminfo")
_PLACE, _PLACES, _FEWEST = 128, 8, 16
"""Side of squares that are examined for a grid, greatest number of them along a side of an image,
and least number in an image that may show a screen.
"""
_PEAK, _WAVE, _ANGLE, _COARSEST = 3.5, 2.0, 30, 0.15
"""Least height of a peak over the spectrum around it (log2) and amplitude of its wave in grey
levels; angle between two peaks; their lowest frequency in cycles a pixel."""
_GRID = 0.15
"""Share of squares with a grid from which an image shows a screen. Of 2,198 photographs and scans
three have more, two of them pages with a coarse halftone. Of 24 drawn photographs of screens, 19.
"""
_PASS = 0.25  # cycles a pixel up to which an image without its grid is left as it is


def as_rgb(image: np.ndarray) -> np.ndarray:
    """Return an image as [H, W, 3], a grey one with three equal channels."""
    return np.repeat(image[:, :, None], 3, axis=2) if image.ndim == 2 else image


def as_grey(image: np.ndarray) -> np.ndarray:
    """Return an image as [H, W], of a colour one its luma."""
    return image if image.ndim == 2 else cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)


def shows_screen(image: np.ndarray) -> bool:
    """Whether a fine regular grid covers much of an image, as in a photograph of a screen."""
    grey = as_grey(image)
    rows, columns = (
        np.linspace(0, side - _PLACE, min(_PLACES, side // _PLACE)).round().astype(int)
        for side in grey.shape
    )
    if rows.size * columns.size < _FEWEST:
        return False
    squares = (grey[y : y + _PLACE, x : x + _PLACE] for y in rows for x in columns)
    return sum(map(_has_grid, squares)) >= _GRID * rows.size * columns.size


def _has_grid(square: np.ndarray) -> bool:
    """Whether the spectrum of a square has isolated peaks in two directions."""
    window = np.outer(np.hanning(_PLACE), np.hanning(_PLACE))
    waves = np.abs(np.fft.fft2((square - square.mean()) * window)) * (2 / window.sum())
    waves = np.fft.fftshift(waves)
    levels = np.clip(20 * np.log2(waves + 1e-3) + 200, 0, 255).astype(np.uint8)
    heights = levels.astype(np.float32) - cv2.medianBlur(levels, 11)
    y, x = np.indices(waves.shape) - _PLACE // 2
    # a JPEG's blocks of 8 pixels are no grid of a screen
    blocks = np.minimum(np.abs(x), np.abs(y)) <= 1
    blocks &= (np.abs((np.maximum(np.abs(x), np.abs(y)) + 1) % (_PLACE // 8) - 1)) <= 1
    peaks = (heights > 20 * _PEAK) & (waves > _WAVE) & ~blocks
    peaks &= np.hypot(y, x) > _COARSEST * _PLACE
    angles = np.degrees(np.arctan2(y[peaks], x[peaks]))
    if not angles.size:
        return False
    strongest = angles[heights[peaks].argmax()]
    return bool((np.abs((angles - strongest + 90) % 180 - 90) > _ANGLE).any())


def without_grid(image: np.ndarray) -> np.ndarray:
    """Return an image without its finest structures, such as the pixels of a screen."""
    places = np.arange(-12, 13)
    kernel = np.sinc(2 * _PASS * places) * np.hamming(places.size)
    kernel /= kernel.sum()
    return np.asarray(cv2.sepFilter2D(image, -1, kernel, kernel))


def require_finite(*numbers: np.ndarray) -> None:
    """Raise UnreadableImage for NaN or infinity: they are below thresholds, like "nothing here"."""
    if not all(np.isfinite(each).all() for each in numbers):
        raise UnreadableImage("gave numbers that are not finite")


def clipped_box(entity: Entity, box: np.ndarray, score: float, image: np.ndarray) -> list[Region]:
    """Return the part of a box (x0, y0, x1, y1) inside the image, if there is any."""
    require_finite(box)
    height, width = image.shape[:2]
    x0, x1 = (float(x) for x in np.clip(box[[0, 2]], 0, width))
    y0, y1 = (float(y) for y in np.clip(box[[1, 3]], 0, height))
    if not (x0 < x1 and y0 < y1):
        return []
    return [Region(entity, x0, y0, x1, y1, float(score))]


def clipped_boxes(
    entity: Entity, boxes: np.ndarray, scores: np.ndarray, image: np.ndarray
) -> list[Region]:
    """Return the parts of boxes ([N, 4]) inside the image; those outside are left out."""
    pairs = zip(boxes, scores, strict=True)
    return [part for box, score in pairs for part in clipped_box(entity, box, score, image)]


def clipped_quad(
    entity: Entity, corners: np.ndarray, score: float, image: np.ndarray
) -> list[Region]:
    """Return a quadrilateral (float [4, 2], kept) with its box inside the image, if any."""
    box = np.concatenate([corners.min(axis=0), corners.max(axis=0)])
    x0, y0, x1, y1, x2, y2, x3, y3 = (float(value) for value in corners.ravel())
    return [
        Region(entity, r.x0, r.y0, r.x1, r.y1, r.score, (x0, y0, x1, y1, x2, y2, x3, y3))
        for r in clipped_box(entity, box, score, image)
    ]


def united(regions: Sequence[Region], image: np.ndarray) -> list[Region]:
    """Return regions that cover all given ones: if possible, one for each line or face.

    A region nearly inside another one is merged into it. Parts of one line, and a line found at two
    scales, become the rectangle around both. Other boxes of one face stay separate: the rectangle
    around those of four turns would hide more beyond it. The order of the given regions does not
    matter.
    """
    pool = sorted(regions, key=lambda r: (-_area(r), r.y0, r.x0, r.y1, r.x1, r.entity, r.score))
    bounds = np.array([(r.x0, r.y0, -r.x1, -r.y1) for r in pool]).reshape(-1, 4).T.copy()
    kept = np.zeros(len(pool), bool)
    for number in range(len(pool)):
        grown = True
        while grown:  # the merged rectangle may overlap others
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
    """Return the rectangle around two regions, or None if they are separate objects."""
    if one.entity != other.entity:
        return None
    larger, smaller = sorted((one, other), key=_area, reverse=True)
    score = max(one.score, other.score)
    axes = _axes(larger)
    own, its = corners_of(larger) @ axes, corners_of(smaller) @ axes
    low = np.minimum(own.min(axis=0), its.min(axis=0))
    high = np.maximum(own.max(axis=0), its.max(axis=0))
    sizes, its_sizes = np.ptp(own, axis=0), np.ptp(its, axis=0)
    shared = sizes + its_sizes - (high - low)
    if (shared <= 0).any():
        return None
    common = shared.prod()
    if larger.entity is Entity.BARCODE:
        one_hull, its_hull = (
            cv2.convexHull(corners_of(each).astype(np.float32)) for each in (larger, smaller)
        )
        both = cv2.intersectConvexConvex(one_hull, its_hull)[0]
        inside = both >= _SAME_CODE * cv2.contourArea(its_hull)
        return replace(larger, score=score) if inside else None
    if larger.quad is None:
        if common < _INSIDE * its_sizes.prod():
            return None
        return clipped_box(larger.entity, np.concatenate([low, high]), score, image)[0]
    same = common >= _INSIDE * its_sizes.prod() or common >= 0.5 * (high - low).prod()
    if not same and not _is_one_line(sizes, its_sizes, shared):
        return None
    corners = rectangle(*low, *high) @ axes.T
    return clipped_quad(larger.entity, corners, score, image)[0]


def _is_one_line(sizes: np.ndarray, its_sizes: np.ndarray, shared: np.ndarray) -> bool:
    """Check whether two regions, in the axes of the larger one, are parts of one text line."""
    across = int(sizes.argmin())
    lower, higher = sorted((sizes[across], its_sizes[across]))
    return bool(higher <= _SAME_HEIGHT * lower and shared[across] >= _SAME_ROWS * lower)


def corners_of(region: Region) -> np.ndarray:
    """Corners of a region, float64 [4, 2]: x and y."""
    if region.quad is not None:
        return np.array(region.quad).reshape(4, 2)
    return rectangle(region.x0, region.y0, region.x1, region.y1)


def _axes(region: Region) -> np.ndarray:
    """Return float64 [2, 2]: unit vectors along a region's first edge and across it, as columns."""
    if region.quad is None:
        return np.eye(2)
    x, y = corners_of(region)[1] - corners_of(region)[0]
    length = float(np.hypot(x, y))
    return np.array([[x, -y], [y, x]]) / length if length else np.eye(2)


def _area(region: Region) -> float:
    return float(cv2.contourArea(corners_of(region).astype(np.float32)))


def require_memory(image: np.ndarray, bytes_a_pixel: int) -> None:
    """Raise UnreadableImage where memory is too small: that would end the whole run."""
    pixels = image.shape[0] * image.shape[1]
    if pixels <= LARGE or not _MEMORY.exists():
        return
    lines = _MEMORY.read_text(encoding="utf-8").splitlines()
    free = [int(line.split()[1]) * 1024 for line in lines if line.startswith("MemAvailable:")]
    needed = pixels * bytes_a_pixel
    if free and free[0] < needed:
        raise UnreadableImage(
            f"to search {pixels / 1e6:.0f} megapixels takes {needed / 1e9:.0f} GB of memory, and "
            f"there are {free[0] / 1e9:.0f}"
        )


def suppressed(boxes: np.ndarray, scores: np.ndarray, overlap: float) -> list[int]:
    """Indices of boxes (x0, y0, x1, y1; [N, 4]) that OpenCV keeps, by falling score.

    A box goes if its intersection over union with a better one is larger than `overlap`.
    """
    require_finite(boxes)
    sides = np.hstack([boxes[:, :2], boxes[:, 2:] - boxes[:, :2]])
    return [int(kept) for kept in cv2.dnn.NMSBoxes(sides.tolist(), scores.tolist(), 0.0, overlap)]


class PerImage:
    """A detector that searches each image by itself, after other detectors searched all of them."""

    _detector: Detector | None = None
    """One whose regions are completed or changed; its views are those of this one."""
    _lines: Detector | None = None
    """One of lines of text."""
    _threads = 1
    """Images that are searched together, each by one thread: their number has no effect."""
    _search: Callable[..., Iterable[Region]]
    """From an image, and the regions of these detectors in it, to its regions."""

    def detect(self, images: Sequence[np.ndarray]) -> list[list[Region]]:
        """See `Detector.detect`."""
        others = [each for each in (self._detector, self._lines) if each is not None]
        given = zip(images, *(each.detect(images) for each in others), strict=True)
        if self._threads == 1:
            return [list(self._search(*each)) for each in given]
        with ThreadPoolExecutor(self._threads) as pool:
            return list(pool.map(lambda each: list(self._search(*each)), given))


class Grown(PerImage):
    """A detector of boxes without corners, which enlarges them about their centres by a factor."""

    def __init__(self, detector: Detector, margin: float) -> None:
        self._detector = detector
        self._margin = margin

    def _search(self, image: np.ndarray, regions: Sequence[Region]) -> Iterator[Region]:
        for region in regions:
            low, high = np.array([(region.x0, region.y0), (region.x1, region.y1)])
            more = (high - low) * ((self._margin - 1) / 2)
            box = np.concatenate([low - more, high + more])
            yield from clipped_box(region.entity, box, region.score, image)


class CachedDetector:
    """A detector that searches an image once if it gets it twice in a row."""

    def __init__(self, detector: Detector) -> None:
        self._detector = detector
        self._seen: list[weakref.ref[np.ndarray]] = []
        self._found: list[list[Region]] = []

    def detect(self, images: Sequence[np.ndarray]) -> list[list[Region]]:
        """See `Detector.detect`."""
        known = len(images) == len(self._seen) and all(
            seen() is image for seen, image in zip(self._seen, images, strict=True)
        )
        if not known:
            self._seen = []  # if the detector fails
            self._found = self._detector.detect(images)
            self._seen = [weakref.ref(image) for image in images]
        return [list(regions) for regions in self._found]


class CheckedDetector(PerImage):
    """A detector whose regions are all checked; boxes are cut at the image's edge.

    It raises UnreadableImage for a region that cannot be hidden.
    """

    def __init__(self, detector: Detector) -> None:
        self._detector = detector

    def _search(self, image: np.ndarray, regions: Sequence[Region]) -> Iterator[Region]:
        height, width = image.shape[:2]
        for region in regions:
            if (fault := region_fault(region, width, height)) is not None:
                raise UnreadableImage(f"returned a region that {fault}")
            x0, y0 = max(region.x0, 0.0), max(region.y0, 0.0)
            x1, y1 = min(region.x1, float(width)), min(region.y1, float(height))
            yield replace(region, x0=x0, y0=y0, x1=x1, y1=y1)
