"""Median blur."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from anonbench.anonymization.methods.box_blur import LEAST_KERNEL, Kernel, odd
from anonbench.core.libraries.opencv import cv2
from anonbench.core.registries.methods import Method

LARGEST = 255
"""Side of OpenCV's largest kernel: the counts of its histograms have 16 bits."""


class Median(Method):
    """Median blur: every pixel becomes the median of the square around it, channel by channel.

    Strokes thinner than half the kernel vanish. Edges of larger shapes stay sharp, so a face's
    outline is still visible. Fine patterns of two colours in equal parts may survive.
    """

    name: ClassVar = "median"
    label: ClassVar = "Median blur"
    line_colour: ClassVar = "#56B4E9"
    information_left: ClassVar = "coarse"
    images_per_second: ClassVar = 15.0

    size: Kernel = Kernel(face=0.5, text=1.5, barcode=1.0, mrz=1.5, ink=1.5)
    """Side of the kernel as a share of a region's shorter side, by entity; at most 255 pixels."""

    def least_side(self) -> int:
        """See `Method.least_side`."""
        return LEAST_KERNEL

    def hide(self, pixels: np.ndarray, entity: str) -> np.ndarray:
        """Take medians; the window's border is repeated."""
        share = float(getattr(self.size, entity))
        side = min(odd(max(LEAST_KERNEL, share * min(pixels.shape[:2]))), LARGEST)
        return np.asarray(cv2.medianBlur(np.ascontiguousarray(pixels), side))
