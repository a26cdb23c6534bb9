"""Margin about faces."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from anonbench.core.boxes import Region
from anonbench.core.registries.detectors import Detector
from anonbench.detection.base import clipped_box


class Grown:
    """A detector whose boxes are grown about their centres."""

    def __init__(self, detector: Detector, margin: float) -> None:
        """Take a detector of boxes without corners, and the factor by which they are grown."""
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
