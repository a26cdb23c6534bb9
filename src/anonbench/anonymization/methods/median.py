"""Median blur."""

import math
from typing import ClassVar

import numpy as np

from anonbench.anonymization.audit.visibility import near
from anonbench.anonymization.methods.box_blur import LEAST_KERNEL, Kernel
from anonbench.core.libraries.opencv import cv2
from anonbench.core.registries.methods import Method

LARGEST = 255  # side of OpenCV's largest kernel: the counts of its histograms have 16 bits


class Median(Method):
    """Median blur: every pixel becomes the median of the square around it, channel by channel.

    Strokes thinner than half the kernel vanish. Edges of larger shapes stay sharp, so a face's
    outline is still visible. Fine patterns of two colours in equal parts may survive.
    """

    name: ClassVar = "median"
    label: ClassVar = "Median blur"
    line_colour: ClassVar = "#56B4E9"
    information_left: ClassVar = "coarse"
    least_side: ClassVar = LEAST_KERNEL
    seconds_an_image: ClassVar = (0.002, 0.15)

    size: Kernel = Kernel(face=0.5, text=1.5, barcode=1.0, mrz=1.5, ink=1.5)
    """Side of the kernel as a share of a region's shorter side, by entity; at most 255 pixels."""

    def hide(self, pixels: np.ndarray, entity: str) -> np.ndarray:
        """Take medians; the window's border is repeated."""
        side = min(self.size.side(pixels, entity), LARGEST)
        return np.asarray(cv2.medianBlur(np.ascontiguousarray(pixels), side))

    def is_hidden(self, original: np.ndarray, written: np.ndarray, entity: str) -> np.ndarray:
        """See `Method.is_hidden`: counts, for each level, the pixels around no brighter than it."""
        side = math.ceil(max(5, float(getattr(self.size, entity)) * min(original.shape[1:]))) | 1
        box, edge = [min(side, 255)] * 2, cv2.BORDER_REPLICATE
        expected = []
        for plane in original:
            levels, place = np.unique(plane), np.zeros(plane.shape, np.intp)
            for level in levels[:-1]:
                below = (plane <= level).astype(np.float32)
                count = cv2.boxFilter(below, -1, box, normalize=False, borderType=edge)
                place += np.asarray(count < box[0] ** 2 / 2)
            expected.append(levels[place])
        return near(written, expected)
