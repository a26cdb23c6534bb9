"""Grey images that show what an image shows: its planes, and versions of a plane.

Detectors that read only grey levels search them.
"""

from collections.abc import Iterator, Sequence
from itertools import chain
from math import ceil

import numpy as np

from anonbench.core.boxes import Region
from anonbench.core.libraries.opencv import cv2
from anonbench.core.registries.detectors import Detector
from anonbench.detection.base import united
from anonbench.detection.views import moved

_TILE = 8  # sides, in pixels, of the squares whose contrasts are compared
_CONTRAST = 12.0  # least standard deviation in a colour for something to be visible
_MORE = 3.0  # least multiple of the deviation in grey for a colour to show what grey hides
_TILES = 4  # least number of such neighbouring squares for a colour to be searched
_LEAST_MARGIN = 400  # pixels around them that are searched, too: grey may show the rest of a code
_LOCAL = 80  # pixels within which contrast is raised
_NARROW = 128  # span of nearly all grey levels of a plane below which they are spread
_WINDOW, _LEAST_SPAN = 33, 8  # pixels within which pale print is spread; grey levels that are less


class InPlanes:
    """A detector of grey images that searches the planes of images."""

    def __init__(self, detector: Detector) -> None:
        self._detector = detector

    def detect(self, images: Sequence[np.ndarray]) -> list[list[Region]]:
        """See `Detector.detect`."""
        return [self._search(image) for image in images]

    def _search(self, image: np.ndarray) -> list[Region]:
        seen = [self._in_part(plane, *place) for plane, place in planes(image)]
        return seen[0] if len(seen) == 1 else united([*chain(*seen)], image)

    def _in_part(self, plane: np.ndarray, rows: slice, columns: slice) -> list[Region]:
        back = np.array([(1.0, 0.0, columns.start), (0.0, 1.0, rows.start)])
        (found,) = self._detector.detect([np.ascontiguousarray(plane[rows, columns])])
        return [moved(region, back) for region in found]


def planes(image: np.ndarray) -> Iterator[tuple[np.ndarray, tuple[slice, slice]]]:
    """Yield an image's grey plane, then each colour that shows what is hidden in it, and where.

    People distinguish red from green of the same luminance. Such places are rare, and for most
    images only the grey plane is needed.
    """
    whole = np.s_[0 : image.shape[0], 0 : image.shape[1]]
    if image.ndim == 2:
        yield np.ascontiguousarray(image), whole
        return
    grey = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)
    yield grey, whole
    seen = _contrasts(grey)
    colours = [np.ascontiguousarray(image[..., number]) for number in range(3)]
    found = [_contrasts(colour) for colour in colours]
    while True:
        hidden = [_grouped((own > _CONTRAST) & (own > _MORE * seen)) for own in found]
        most = int(np.argmax([each.sum() for each in hidden]))
        if not hidden[most].any():
            return
        yield colours[most], _around(hidden[most], image.shape)
        seen = np.maximum(seen, found[most])


def _grouped(squares: np.ndarray) -> np.ndarray:
    """Squares, bool [h, w], without those of small groups."""
    near = cv2.dilate(squares.astype(np.uint8), np.ones((3, 3), np.uint8))
    count, groups = cv2.connectedComponents(near)
    sizes = np.bincount(groups[squares], minlength=count)
    return np.asarray(squares & (sizes >= _TILES)[groups])


def _around(squares: np.ndarray, shape: Sequence[int]) -> tuple[slice, slice]:
    """Rows and columns of an image around squares, and on each side as much again."""
    at, side = np.argwhere(squares), np.divide(shape[:2], squares.shape)
    low, high = at.min(axis=0) * side, (at.max(axis=0) + 1) * side
    margin = max(_LEAST_MARGIN, *(high - low))
    first = np.maximum(low - margin, 0).astype(int).tolist()
    last = np.minimum(np.ceil(high + margin), shape[:2]).astype(int).tolist()
    return slice(first[0], last[0]), slice(first[1], last[1])


def _contrasts(plane: np.ndarray) -> np.ndarray:
    """Standard deviations in squares of a plane, float32 [h, w]."""
    size = (max(1, plane.shape[1] // _TILE), max(1, plane.shape[0] // _TILE))
    values = plane.astype(np.float32)
    means = cv2.resize(values, size, interpolation=cv2.INTER_AREA)
    squares = cv2.resize(values * values, size, interpolation=cv2.INTER_AREA)
    return np.asarray(np.sqrt(np.maximum(squares - means * means, 0.0)))


def with_contrast(plane: np.ndarray) -> Iterator[np.ndarray]:
    """Yield a plane, then it with its local contrast raised, for shadows and glare.

    Contrast is raised within eighths of the plane, or in smaller squares if it is large.
    """
    height, width = plane.shape
    grids = [(8, 8)]
    if max(height, width) > 16 * _LOCAL:
        grids.append((ceil(width / _LOCAL), ceil(height / _LOCAL)))
    yield plane
    for grid in grids:
        yield cv2.createCLAHE(clipLimit=3.0, tileGridSize=grid).apply(plane)


def sharpened(plane: np.ndarray) -> Iterator[np.ndarray]:
    """Yield a plane sharpened, for what is out of focus by up to some six pixels.

    Then smoothed, for codes that are drawn as separate dots.
    """
    yield cv2.addWeighted(plane, 4.0, cv2.GaussianBlur(plane, (0, 0), 3.0), -3.0, 0)
    yield cv2.GaussianBlur(plane, (0, 0), 2.0)
    yield cv2.GaussianBlur(plane, (0, 0), 4.0)


def pale(plane: np.ndarray) -> Iterator[np.ndarray]:
    """Yield a plane with the levels around each pixel spread, for pale print."""
    near = np.ones((_WINDOW, _WINDOW), np.uint8)
    low, high = (
        cv2.blur(extreme(plane, near).astype(np.float32), near.shape)
        for extreme in (cv2.erode, cv2.dilate)
    )
    below = (high - plane) * (255 / np.maximum(high - low, _LEAST_SPAN))
    yield np.clip(255 - below, 0, 255).astype(np.uint8)


def spread_planes(image: np.ndarray) -> Iterator[np.ndarray]:
    """Yield each of `planes`, then its grey levels spread if they are few."""
    for plane, _ in planes(image):
        yield plane
        low, high = np.percentile(plane, (1, 99))
        if 0 < high - low < _NARROW:
            spread = (plane - low) * (255 / (high - low))
            yield np.clip(spread, 0, 255).astype(np.uint8)
