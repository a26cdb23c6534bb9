"""Boxes from a file of the user's own."""

from __future__ import annotations

from typing import ClassVar

from anonbench.core.registries.detectors import Detector, DetectorKind, Loading
from anonbench.detection.base import NoDetector


class Boxes(DetectorKind):
    """Boxes from a file: nothing is looked for."""

    name: ClassVar = "boxes"
    label: ClassVar = "Boxes from a file"
    images_per_second: ClassVar = 45.0

    def load(self, loading: Loading) -> Detector:
        """See `DetectorKind.load`."""
        return NoDetector()
