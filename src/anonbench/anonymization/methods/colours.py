"""Other values for the same picture: histogram equalization, another colour space."""

from typing import ClassVar, Literal

import numpy as np

from anonbench.anonymization.audit.visibility import near
from anonbench.core.libraries.opencv import cv2
from anonbench.core.registries.methods import Method


class Equalize(Method):
    """Histogram equalization, channel by channel.

    Weak by design: shapes stay, and values keep their order. Only differences between levels that
    are merged are lost. It hides skin colour and light, not the person.
    """

    name: ClassVar = "equalize"
    label: ClassVar = "Equalization"
    line_colour: ClassVar = "#17BECF"
    information_left: ClassVar = "most"
    least_side: ClassVar = 4  # a single value has nothing to spread

    def hide(self, pixels: np.ndarray, entity: str) -> np.ndarray:
        """Spread each channel's values evenly over 0 … 255."""
        if pixels.ndim == 2:
            return np.asarray(cv2.equalizeHist(np.ascontiguousarray(pixels)))
        return np.asarray(cv2.merge([cv2.equalizeHist(plane) for plane in cv2.split(pixels)]))

    def is_hidden(self, original: np.ndarray, written: np.ndarray, entity: str) -> np.ndarray:
        """See `Method.is_hidden`: the share of values that are no larger, in single precision."""
        expected = []
        for plane in original:
            counts = np.bincount(plane.ravel(), minlength=256)
            lowest = counts[counts > 0][0]
            ranks = np.clip(counts.cumsum() - lowest, 0, None).astype(np.float32)
            rest = np.float32(plane.size - lowest)
            levels = np.rint(ranks * (np.float32(255) / rest)) if rest else np.arange(256)
            expected.append(np.clip(levels, 0, 255)[plane])
        return near(written, expected)


class Recolour(Method):
    """The region's values in another colour space, shown as if they were red, green and blue.

    Weak by design: anyone who knows the colour space can convert it back, except for rounding.
    """

    name: ClassVar = "recolour"
    label: ClassVar = "Colour space"
    line_colour: ClassVar = "#98DF8A"
    information_left: ClassVar = "all"

    space: Literal["hsv", "ycrcb", "negative"] = "hsv"
    """Colour space of the new values; `negative`, and every grey image, is 255 less each value."""

    def hide(self, pixels: np.ndarray, entity: str) -> np.ndarray:
        """Convert (OpenCV's 8-bit HSV and YCrCb)."""
        if pixels.ndim == 2 or self.space == "negative":
            return 255 - pixels
        code = cv2.COLOR_RGB2HSV if self.space == "hsv" else cv2.COLOR_RGB2YCrCb
        return np.asarray(cv2.cvtColor(pixels, code))

    def is_hidden(self, original: np.ndarray, written: np.ndarray, entity: str) -> np.ndarray:
        """See `Method.is_hidden`: exactly OpenCV's conversion; for a grey image the negative."""
        if len(written) == 1 or self.space == "negative":
            return near(written, ~original)
        way = {"hsv": cv2.COLOR_RGB2HSV, "ycrcb": cv2.COLOR_RGB2YCrCb}[self.space]
        return near(written, cv2.split(cv2.cvtColor(cv2.merge([*original]), way)))
