"""Uniform blur."""

import math
from typing import ClassVar

import numpy as np

from anonbench.anonymization.audit.visibility import near
from anonbench.core.libraries.opencv import cv2
from anonbench.core.registries.methods import Method
from anonbench.core.settings import Positive, Settings

LEAST_KERNEL = 5  # smallest side of a kernel, in pixels, so that small regions are hidden too


class Kernel(Settings):
    """Side of a square kernel as a share of a region's shorter side, by entity."""

    face: Positive = 0.42
    text: Positive = 3.5
    barcode: Positive = 3.5
    mrz: Positive = 3.5
    ink: Positive = 3.5

    def side(self, pixels: np.ndarray, entity: str) -> int:
        """Side of the kernel for a region in pixels: an odd number, rounded up."""
        side = max(LEAST_KERNEL, float(getattr(self, entity)) * min(pixels.shape[:2]))
        return int(2 * math.ceil((side - 1) / 2) + 1)


class BoxBlur(Method):
    """Uniform blur: every pixel becomes the mean of the square around it.

    It leaves some fine detail that a Gaussian blur does not. Like any blur, it can be reversed by
    deconvolution, as far as rounding allows.
    """

    name: ClassVar = "box_blur"
    label: ClassVar = "Uniform blur"
    line_colour: ClassVar = "#E69F00"
    information_left: ClassVar = "coarse"
    least_side: ClassVar = LEAST_KERNEL

    size: Kernel = Kernel()  # Side of the kernel as a share of a region's shorter side, by entity.

    def hide(self, pixels: np.ndarray, entity: str) -> np.ndarray:
        """Blur; nothing outside the window has a part in it: its border is mirrored."""
        side = self.size.side(pixels, entity)
        return np.asarray(cv2.blur(pixels, (side, side), borderType=cv2.BORDER_REFLECT))

    def is_hidden(self, original: np.ndarray, written: np.ndarray, entity: str) -> np.ndarray:
        """See `Method.is_hidden`: means, which are never x.5, of squares of the mirrored window."""
        from scipy.ndimage import uniform_filter  # for this alone

        side = math.ceil(max(5, float(getattr(self.size, entity)) * min(original.shape[1:]))) | 1
        planes = (
            uniform_filter(plane.astype(np.float64), side, mode="reflect") for plane in original
        )
        return near(written, planes, 0.5001)
