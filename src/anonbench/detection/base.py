"""Steps that detectors share."""

import re
import weakref
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import cache, reduce
from pathlib import Path
from typing import cast

import numpy as np

from anonbench.core.boxes import Quad, Region, rectangle, region_fault
from anonbench.core.errors import UnreadableImage
from anonbench.core.libraries.opencv import cv2
from anonbench.core.registries.detectors import Detector
from anonbench.core.vocabulary import Entity

_INSIDE = 0.9  # share of a region inside another one from which it is dropped as redundant
_SAME_CODE = 0.8  # the same of codes, by their corners: the box around them may reach far beyond
_SAME_HEIGHT = 1.8  # greatest ratio of heights of two regions that are parts of one line
_SAME_ROWS = 0.6  # least share of the lower one's height that two parts of a line have in common
_STRONG, _STRONG_SHARE = (48, 128), 0.05
"""Darkest colour below which, and brightest from which, pixels are of a strong colour; their least
share in an image for it to show such paper. No identity document of 35 has more than 0.02."""
LARGE = 4_000_000  # pixels from which memory is reserved before a search in one piece
MOST_PIXELS = 100_000_000  # of an image, up to which recall was measured
_MEMORY = Path("/proc/meminfo")
_PLACE = 128  # side of squares that are examined for the grid of a screen
_PLACES, _FEWEST = 8, 16  # most of them along a side of an image, and fewest in an image
_PEAK, _WAVE, _ANGLE, _COARSEST = 3.5, 2.0, 30, 0.15
"""Least height of a peak over the spectrum around it (log2) and amplitude of its wave in grey
levels; angle between two peaks; their lowest frequency in cycles a pixel."""
_GRID = 0.15
"""Share of squares with a grid from which an image shows a screen. Of 2,198 photographs and scans
three have more, two of them pages with a coarse halftone. Of 24 drawn photographs of screens, 19.
"""
_DOT, _DOTTED = 128, 0.05
"""Grey levels by which a dot differs from its four neighbours, more than. Share of a square's
pixels that are dots, and of an image's squares, from which the image is dithered: 75 of 75 cards
and faces at 300 to 1,600 pixels; none of 168 pages, also if thresholded, and 2 of 173 thresholded
cards and photographs.
"""
_SQUARE = 32  # side of these squares
_PASS = 0.25  # cycles a pixel up to which an image without its grid is left as it is


def as_rgb(image: np.ndarray) -> np.ndarray:
    """An image as [H, W, 3], a grey one with three equal channels."""
    return np.repeat(image[:, :, None], 3, axis=2) if image.ndim == 2 else image


def as_grey(image: np.ndarray) -> np.ndarray:
    """An image as [H, W], of a colour one its luma."""
    return image if image.ndim == 2 else cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)


def darkest(image: np.ndarray) -> np.ndarray:
    """The darkest colour of each pixel, uint8 [H, W]; faster than NumPy along the last axis."""
    return image if image.ndim == 2 else reduce(cv2.min, cv2.split(image))


def brightest(image: np.ndarray) -> np.ndarray:
    """The brightest colour of each pixel, uint8 [H, W]."""
    return image if image.ndim == 2 else reduce(cv2.max, cv2.split(image))


def dark_planes(image: np.ndarray) -> list[np.ndarray]:
    """`darkest`, and for paper of a strong colour the mean of the two brighter colours.

    Such paper is black in its darkest colour, as ink on it is.
    """
    low, high = darkest(image), brightest(image)
    if float(((low < _STRONG[0]) & (high >= _STRONG[1])).mean()) < _STRONG_SHARE:
        return [low]
    return [low, ((image.sum(axis=2, dtype=np.uint16) - low) // 2).astype(np.uint8)]


def bounded(image: np.ndarray, longest: float) -> np.ndarray:
    """Shrink an image (uint8 [H, W] or [H, W, 3]) to a longer side of at most some pixels."""
    full = np.array(image.shape[1::-1])
    size = np.maximum(1, np.rint(full * min(1.0, longest / full.max()))).astype(int)
    if (size < full).any():
        image = cv2.resize(image, size.tolist(), interpolation=cv2.INTER_AREA)
    return image


def shows_screen(image: np.ndarray) -> bool:
    """Whether a fine grid, as of a photographed screen, or dither covers much of an image."""
    grey = as_grey(image)
    if _is_dithered(grey):
        return True
    rows, columns = (
        np.linspace(0, side - _PLACE, min(_PLACES, side // _PLACE)).round().astype(int)
        for side in grey.shape
    )
    if rows.size * columns.size < _FEWEST:
        return False
    squares = (grey[y : y + _PLACE, x : x + _PLACE] for y in rows for x in columns)
    return sum(map(_has_grid, squares)) >= _GRID * rows.size * columns.size


def _is_dithered(grey: np.ndarray) -> bool:
    """Whether much of an image has dots in place of grey levels, by ordered dither or diffusion."""
    across, down = (max(1, side // _SQUARE) for side in grey.shape[::-1])
    beside = np.array([[0, 1, 0], [1, 0, 1], [0, 1, 0]], np.uint8)
    above = cv2.subtract(grey, cv2.dilate(grey, beside))
    below = cv2.subtract(cv2.erode(grey, beside), grey)
    dots = cv2.threshold(cv2.max(above, below), _DOT, 255, cv2.THRESH_BINARY)[1]
    shares = cv2.resize(dots, (across, down), interpolation=cv2.INTER_AREA)
    return float((shares > 255 * _DOTTED).mean()) > _DOTTED


@cache
def _spectrum() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Weights of a square's pixels, where its spectrum may show a grid, and angles of its waves."""
    y, x = np.indices((_PLACE, _PLACE)) - _PLACE // 2
    near, far = np.sort(np.abs([x, y]), axis=0)
    # a JPEG's blocks of 8 pixels are no grid of a screen
    blocks = (near <= 1) & (np.abs((far + 1) % (_PLACE // 8) - 1) <= 1)
    fine = (np.hypot(y, x) > _COARSEST * _PLACE) & ~blocks
    return np.outer(np.hanning(_PLACE), np.hanning(_PLACE)), fine, np.degrees(np.arctan2(y, x))


def _has_grid(square: np.ndarray) -> bool:
    """Whether the spectrum of a square has isolated peaks in two directions."""
    window, fine, angles = _spectrum()
    waves = np.abs(np.fft.fft2((square - square.mean()) * window)) * (2 / window.sum())
    waves = np.fft.fftshift(waves)
    peaks = fine & (waves > _WAVE)
    if not peaks.any():  # as in most squares
        return False
    levels = np.clip(20 * np.log2(waves + 1e-3) + 200, 0, 255).astype(np.uint8)
    heights = levels.astype(np.float32) - cv2.medianBlur(levels, 11)
    peaks &= heights > 20 * _PEAK
    if not peaks.any():
        return False
    angles = angles[peaks]
    strongest = angles[heights[peaks].argmax()]
    return bool((np.abs((angles - strongest + 90) % 180 - 90) > _ANGLE).any())


def without_grid(image: np.ndarray) -> np.ndarray:
    """An image without its finest structures, such as the pixels of a screen."""
    places = np.arange(-12, 13)
    kernel = np.sinc(2 * _PASS * places) * np.hamming(places.size)
    kernel /= kernel.sum()
    return np.asarray(cv2.sepFilter2D(image, -1, kernel, kernel))


def require_finite(*numbers: np.ndarray) -> None:
    """Raise UnreadableImage for NaN or infinity: they are below thresholds, like "nothing here"."""
    if not all(np.isfinite(each).all() for each in numbers):
        raise UnreadableImage("gave numbers that are not finite")


def clipped(
    entity: Entity, places: Iterable[np.ndarray], scores: Iterable[float], image: np.ndarray
) -> list[Region]:
    """Parts of boxes (float [4]: x0, y0, x1, y1) inside the image; those outside are left out.

    A place may also be a quadrilateral (float [4, 2]), whose corners are kept.

    Raises:
        UnreadableImage: a number is not finite.
    """
    found = []
    for place, score in zip(places, scores, strict=True):
        require_finite(place)
        is_box = place.ndim == 1
        ends = place.reshape(2, 2) if is_box else (place.min(axis=0), place.max(axis=0))
        (x0, y0), (x1, y1) = (np.clip(end, 0, image.shape[1::-1]).tolist() for end in ends)
        if x0 < x1 and y0 < y1:
            quad = None if is_box else cast("Quad", tuple(place.ravel().tolist()))
            found.append(Region(entity, x0, y0, x1, y1, float(score), quad))
    return found


def united(regions: Sequence[Region], image: np.ndarray) -> list[Region]:
    """Regions that cover all given ones: if possible, one for each line or face.

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
            near = (-bounds[[2, 3, 0, 1], number] > bounds.T).all(axis=1)
            grown = False
            for other in np.flatnonzero(kept & near):
                if (both := _joined(pool[other], pool[number], image)) is not None:
                    pool[number], kept[other], grown = both, False, True
                    bounds[:, number] = both.x0, both.y0, -both.x1, -both.y1
                    break
        kept[number] = True
    return [pool[number] for number in np.flatnonzero(kept)]


def _joined(one: Region, other: Region, image: np.ndarray) -> Region | None:
    """The rectangle around two regions, or None if they are separate objects."""
    if one.entity != other.entity:
        return None
    larger, smaller = sorted((one, other), key=_area, reverse=True)
    score = max(one.score, other.score)
    axes = np.eye(2)  # unit vectors along the first edge and across it, as columns
    if larger.quad is not None:
        x, y = np.subtract(larger.quad[2:4], larger.quad[:2])
        if length := float(np.hypot(x, y)):
            axes = np.array([[x, -y], [y, x]]) / length
    own, its = corners_of(larger) @ axes, corners_of(smaller) @ axes
    low = np.minimum(own.min(axis=0), its.min(axis=0))
    high = np.maximum(own.max(axis=0), its.max(axis=0))
    sizes, its_sizes = np.ptp(own, axis=0), np.ptp(its, axis=0)
    shared = sizes + its_sizes - (high - low)
    if (shared <= 0).any():
        return None
    if larger.entity is Entity.BARCODE:
        its_hull = hull_of(smaller)
        both = cv2.intersectConvexConvex(hull_of(larger), its_hull)[0]
        inside = both >= _SAME_CODE * cv2.contourArea(its_hull)
        return replace(larger, score=score) if inside else None
    common = shared.prod()
    is_inside = common >= _INSIDE * its_sizes.prod()
    if larger.quad is None:
        whole = np.concatenate([low, high])
        return clipped(larger.entity, [whole], [score], image)[0] if is_inside else None
    across = int(sizes.argmin())
    lower, higher = sorted((sizes[across], its_sizes[across]))
    is_one_line = higher <= _SAME_HEIGHT * lower and shared[across] >= _SAME_ROWS * lower
    if not (is_inside or is_one_line or common >= 0.5 * (high - low).prod()):
        return None
    return clipped(larger.entity, [rectangle(*low, *high) @ axes.T], [score], image)[0]


def corners_of(region: Region) -> np.ndarray:
    """Corners of a region, float64 [4, 2]: x and y."""
    if region.quad is not None:
        return np.array(region.quad).reshape(4, 2)
    return rectangle(region.x0, region.y0, region.x1, region.y1)


def hull_of(region: Region) -> np.ndarray:
    """Convex hull of a region's corners, float32 [N, 1, 2]."""
    return np.asarray(cv2.convexHull(corners_of(region).astype(np.float32)))


def _area(region: Region) -> float:
    return float(cv2.contourArea(corners_of(region).astype(np.float32)))


def require_memory(image: np.ndarray, bytes_a_pixel: int) -> None:
    """Raise UnreadableImage where memory is too small: that would end the whole run."""
    pixels = image.shape[0] * image.shape[1]
    if pixels <= LARGE or not _MEMORY.exists():
        return
    free = re.search(r"MemAvailable: *(\d+)", _MEMORY.read_text(encoding="utf-8"))
    needed = pixels * bytes_a_pixel
    if free and int(free[1]) * 1024 < needed:
        raise UnreadableImage(
            f"to search {pixels / 1e6:.0f} megapixels takes {needed / 1e9:.0f} GB of memory, and "
            f"there are {int(free[1]) * 1024 / 1e9:.0f}"
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

    _detector: Detector | None = None  # whose regions are completed; its views are this one's
    _lines: Detector | None = None  # of lines of text
    _threads = 1  # images that are searched together, each by one thread, without effect on them
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
        self._detector, self._margin = detector, margin

    def _search(self, image: np.ndarray, regions: Sequence[Region]) -> Iterator[Region]:
        for region in regions:
            low, high = np.array([(region.x0, region.y0), (region.x1, region.y1)])
            more = (high - low) * ((self._margin - 1) / 2)
            box = np.concatenate([low - more, high + more])
            yield from clipped(region.entity, [box], [region.score], image)


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
