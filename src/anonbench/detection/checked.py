"""Check of all that a detector returns, whoever wrote it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from anonbench.core.boxes import Region
from anonbench.core.errors import UnreadableImage
from anonbench.core.region_check import region_fault
from anonbench.core.registries.detectors import Detector


class CheckedDetector:
    """A detector of which every region can be hidden; boxes are cut at the image's edge."""

    def __init__(self, detector: Detector) -> None:
        self._detector = detector

    @property
    def accepted(self) -> Sequence[bool] | None:
        """Which of the last images the detector `template` knows; None for all others."""
        return getattr(self._detector, "accepted", None)

    def detect(self, images: Sequence[np.ndarray]) -> list[list[Region]]:
        """See `Detector.detect`.

        Raises:
            UnreadableImage: it returned a region that cannot be hidden, so that what the image
                shows is not known.

        """
        found = self._detector.detect(images)
        return [
            [_checked(region, image.shape[0], image.shape[1]) for region in regions]
            for image, regions in zip(images, found, strict=True)
        ]


def _checked(region: Region, height: int, width: int) -> Region:
    if (fault := region_fault(region, width, height)) is not None:
        raise UnreadableImage(f"returned a region that {fault}")
    return replace(
        region,
        x0=max(region.x0, 0.0),
        y0=max(region.y0, 0.0),
        x1=min(region.x1, float(width)),
        y1=min(region.y1, float(height)),
    )
