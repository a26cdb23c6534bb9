"""Steps that detectors share."""

from __future__ import annotations

import weakref
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np

from anonbench.core.boxes import Region
from anonbench.core.errors import UnreadableImage
from anonbench.core.registries.detectors import Detector
from anonbench.core.vocabulary import Entity

LARGE = 4_000_000
"""Pixels from which memory is asked for before an image is searched in one piece."""
_MEMORY = Path("/proc/meminfo")


class NoDetector:
    """Finds nothing: for data sets whose regions all come from a file."""

    def detect(self, images: Sequence[np.ndarray]) -> list[list[Region]]:
        """See `Detector.detect`."""
        return [[] for _ in images]


def as_rgb(image: np.ndarray) -> np.ndarray:
    """Return an image as [H, W, 3], a grey one with three equal channels."""
    return np.repeat(image[:, :, None], 3, axis=2) if image.ndim == 2 else image


def require_finite(*numbers: np.ndarray) -> None:
    """Check that a model gave numbers.

    NaN is below every threshold, and would be taken for "nothing here".

    Raises:
        UnreadableImage: a number is NaN or infinite, so that nothing is known of the image.

    """
    if not all(np.isfinite(each).all() for each in numbers):
        raise UnreadableImage("gave numbers that are not finite")


def clipped_box(entity: Entity, box: np.ndarray, score: float, image: np.ndarray) -> list[Region]:
    """Return the part of a box (x0, y0, x1, y1) inside the image, or nothing if none is.

    Raises:
        UnreadableImage: see `require_finite`.

    """
    require_finite(box)
    height, width = image.shape[:2]
    x0, x1 = (float(x) for x in np.clip(box[[0, 2]], 0, width))
    y0, y1 = (float(y) for y in np.clip(box[[1, 3]], 0, height))
    if not (x0 < x1 and y0 < y1):
        return []
    return [Region(entity, x0, y0, x1, y1, float(score))]


def clipped_quad(
    entity: Entity, corners: np.ndarray, score: float, image: np.ndarray
) -> list[Region]:
    """Return a quadrilateral with the box that encloses it inside the image, or nothing.

    Args:
        entity: what it holds.
        corners: float [4, 2], x and y in pixels; kept as they are.
        score: the detector's confidence.
        image: the image that it was found in.

    """
    box = np.concatenate([corners.min(axis=0), corners.max(axis=0)])
    x0, y0, x1, y1, x2, y2, x3, y3 = (float(value) for value in corners.ravel())
    return [
        Region(entity, r.x0, r.y0, r.x1, r.y1, r.score, (x0, y0, x1, y1, x2, y2, x3, y3))
        for r in clipped_box(entity, box, score, image)
    ]


def require_memory(image: np.ndarray, bytes_a_pixel: int) -> None:
    """Check that a large image can be searched in one piece; being killed would end the whole run.

    Raises:
        UnreadableImage: there is too little memory.

    """
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


def in_threads(
    detect_one: Callable[[np.ndarray], list[Region]], images: Sequence[np.ndarray], threads: int
) -> list[list[Region]]:
    """Regions of images, each searched by one thread, so that they do not depend on the number."""
    if threads == 1:
        return [detect_one(image) for image in images]
    with ThreadPoolExecutor(threads) as pool:
        return list(pool.map(detect_one, images))


def suppressed(boxes: np.ndarray, scores: np.ndarray, overlap: float) -> list[int]:
    """Indices of the boxes that OpenCV's non-maximum suppression keeps, by falling score.

    Args:
        boxes: float [N, 4], corners x0, y0, x1, y1.
        scores: float [N], above 0.
        overlap: a box goes if its intersection over union with a better one is larger.

    Raises:
        UnreadableImage: see `require_finite`.

    """
    from anonbench.core.libraries.opencv import cv2

    require_finite(boxes)
    sides = np.hstack([boxes[:, :2], boxes[:, 2:] - boxes[:, :2]])
    return [int(kept) for kept in cv2.dnn.NMSBoxes(sides.tolist(), scores.tolist(), 0.0, overlap)]


class Grown:
    """A detector of boxes without corners, which are grown about their centres by a factor."""

    def __init__(self, detector: Detector, margin: float) -> None:
        self._detector = detector
        self._margin = margin

    def detect(self, images: Sequence[np.ndarray]) -> list[list[Region]]:
        """See `Detector.detect`."""
        return [
            [grown for region in regions for grown in self._grown(region, image)]
            for image, regions in zip(images, self._detector.detect(images), strict=True)
        ]

    def _grown(self, region: Region, image: np.ndarray) -> list[Region]:
        low, high = np.array([(region.x0, region.y0), (region.x1, region.y1)])
        more = (high - low) * ((self._margin - 1) / 2)
        box = np.concatenate([low - more, high + more])
        return clipped_box(region.entity, box, region.score, image)


class CachedDetector:
    """A detector that looks once at images which it is asked for twice in a row."""

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
