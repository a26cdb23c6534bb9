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
    outline is still visible. Fine patterns of two colours in equal parts may survive. Kernels of
    more than 255 pixels look at every second, third and so on pixel across and down.
    """

    name: ClassVar = "median"
    label: ClassVar = "Median blur"
    line_colour: ClassVar = "#56B4E9"
    information_left: ClassVar = "coarse"
    least_side: ClassVar = LEAST_KERNEL
    seconds_an_image: ClassVar = (0.002, 0.15)

    size: Kernel = Kernel(face=0.5, text=1.5, barcode=1.5, mrz=1.5, ink=1.5)
    """Side of the kernel as a share of a region's shorter side, by entity."""

    def hide(self, pixels: np.ndarray, entity: str) -> np.ndarray:
        """Take medians; the window's border is repeated."""
        height, width = pixels.shape[:2]
        side = min(self.size.side(pixels, entity), 2 * max(height, width) + 1)
        step = -(-side // LARGEST)
        few = np.ascontiguousarray(pixels[::step, ::step])
        medians = cv2.medianBlur(few, -(-side // step) | 1)
        return medians.repeat(step, axis=0)[:height].repeat(step, axis=1)[:, :width]

    def is_hidden(self, original: np.ndarray, written: np.ndarray, entity: str) -> np.ndarray:
        """See `Method.is_hidden`: counts, for each level, the pixels around no brighter than it."""
        share, (height, width) = float(getattr(self.size, entity)), original.shape[1:]
        side = math.ceil(min(max(5, share * min(height, width)), 2 * max(height, width))) | 1
        step = math.ceil(side / 255)
        box, edge = [math.ceil(side / step) | 1] * 2, cv2.BORDER_REPLICATE
        down, across = np.arange(height) // step, np.arange(width) // step
        expected = []
        for plane in original[:, ::step, ::step]:
            levels, place = np.unique(plane), np.zeros(plane.shape, np.intp)
            for level in levels[:-1]:
                below = (plane <= level).astype(np.float32)
                count = cv2.boxFilter(below, -1, box, normalize=False, borderType=edge)
                place += np.asarray(count < box[0] ** 2 / 2)
            expected.append(levels[place][down].take(across, axis=1))
        return near(written, expected)
