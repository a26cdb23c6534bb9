"""Steps that detectors share."""

from __future__ import annotations

import weakref
from collections.abc import Sequence

import numpy as np

from anonbench.core.boxes import Region
from anonbench.core.errors import UnreadableImage
from anonbench.core.registries.detectors import Detector
from anonbench.core.vocabulary import Entity


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
