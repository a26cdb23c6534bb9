"""Promises of the methods that change values pixel by pixel."""

from __future__ import annotations

import math
from operator import mul

import cv2
import numpy as np

from anonbench.anonymization.audit.promises.inside import Inside, Promise, refuse_single
from anonbench.config import Anonymization

_HALF = 0.501
"""Grey levels between a share and its integer, a little more for errors of arithmetic."""


class OneColour(Promise):
    """Mask: every pixel has the one colour, so that nothing of the original is left."""

    def least(self, settings: Anonymization) -> int:
        """Return 1, or for the mean colour 4: the mean of a single pixel would be that pixel."""
        return 4 if settings.mask.colour == "mean" else 1

    def plain(self, pixels: np.ndarray, settings: Anonymization) -> np.ndarray | None:
        """Compare with the colour, in a grey image with its luma, rounded either way."""
        colour = settings.mask.colour
        if colour == "mean":
            return None
        lowest = highest = colour
        if pixels.ndim == 2:
            luma = sum(map(mul, colour, (0.299, 0.587, 0.114)))
            lowest, highest = math.ceil(luma - 0.5), math.floor(luma + 0.5)
        return np.asarray(cv2.inRange(pixels, lowest, highest) > 0)

    def kept(self, inside: Inside, settings: Anonymization) -> np.ndarray:
        """Compare with the colour, or with the region's mean."""
        planes = inside.written
        shown = planes[0] if len(planes) == 1 else np.ascontiguousarray(planes.transpose(1, 2, 0))
        if (plain := self.plain(shown, settings)) is not None:
            return plain
        refuse_single(inside)
        count = inside.original[0].size
        means = inside.original.sum(axis=(1, 2), dtype=np.int64) / count
        return np.asarray((np.abs(inside.written - means[:, None, None]) <= 0.5).all(axis=0))


class EvenHistogram(Promise):
    """Equalization: each value becomes the share of the window's values that are no larger."""

    def least(self, settings: Anonymization) -> int:
        """Return the least side that has values to spread."""
        return 4

    def kept(self, inside: Inside, settings: Anonymization) -> np.ndarray:
        """Compare with ranks, in exact fractions of whole numbers."""
        right = np.ones(inside.mask.shape, bool)
        for plane, written in zip(inside.original, inside.written, strict=True):
            counts = np.bincount(plane.ravel(), minlength=256)
            lowest = counts[counts > 0][0]
            rest = plane.size - lowest
            if rest == 0:
                right &= written == plane
                continue
            shares = 255.0 * np.clip(counts.cumsum() - lowest, 0, None) / rest
            least = np.clip(np.ceil(shares - _HALF), 0, 255).astype(np.uint8)
            most = np.clip(np.floor(shares + _HALF), 0, 255).astype(np.uint8)
            right &= (written >= least.take(plane)) & (written <= most.take(plane))
        return right


class OtherSpace(Promise):
    """Colour space: the textbook's formulas, in floating point."""

    def least(self, settings: Anonymization) -> int:
        """Return 1."""
        return 1

    def kept(self, inside: Inside, settings: Anonymization) -> np.ndarray:
        """Compare to within a level, for OpenCV computes in fixed point; hues go round."""
        written = inside.written.astype(np.float64)
        if len(written) == 1 or settings.recolour.space == "negative":
            return np.asarray((written + inside.original == 255).all(axis=0))
        red, green, blue = inside.original.astype(np.float64)
        if settings.recolour.space == "ycrcb":
            luma = 0.299 * red + 0.587 * green + 0.114 * blue
            expected = (luma, 128 + 0.713 * (red - luma), 128 + 0.564 * (blue - luma))
            off = [np.abs(w - np.clip(e, 0, 255)) for w, e in zip(written, expected, strict=True)]
            return np.asarray(np.max(off, axis=0) <= 1.2)
        value = inside.original.max(axis=0).astype(np.float64)
        spread = value - inside.original.min(axis=0)
        with np.errstate(divide="ignore", invalid="ignore"):
            saturation = np.where(value > 0, 255.0 * spread / value, 0.0)
            sixths = np.select(
                [spread == 0, value == red, value == green],
                [0.0, (green - blue) / spread, 2.0 + (blue - red) / spread],
                4.0 + (red - green) / spread,
            )
        around = np.abs(written[0] - (30.0 * sixths) % 180.0)
        right = np.minimum(around, 180.0 - around) <= 1.0
        right &= np.abs(written[1] - saturation) <= 1.0
        return np.asarray(right & (written[2] == value))
