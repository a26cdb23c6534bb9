"""Promises of the methods that change values pixel by pixel."""

from __future__ import annotations

from operator import mul

import cv2
import numpy as np

from anonbench.anonymization.audit.promises.inside import Inside, Promise, refuse_single
from anonbench.config import Anonymization

_LUMA, _RED, _BLUE = (4899, 9617, 1868), 11682, 9241
"""OpenCV's shares of YCrCb, in parts of 2^14."""


class OneColour(Promise):
    """Mask: every pixel has the one colour, so that nothing of the original is left."""

    def least(self, settings: Anonymization) -> int:
        """Return 1, or for the mean colour 4: the mean of a single pixel would be that pixel."""
        return 4 if settings.mask.colour == "mean" else 1

    def plain(self, pixels: np.ndarray, settings: Anonymization) -> np.ndarray | None:
        """Compare with the colour, in a grey image with its luma, a half of it rounded up."""
        colour = settings.mask.colour
        if colour == "mean":
            return None
        level = colour
        if pixels.ndim == 2:
            level = (sum(map(mul, colour, (299, 587, 114))) + 500) // 1000
        return np.asarray(cv2.inRange(pixels, level, level) > 0)

    def kept(self, inside: Inside, settings: Anonymization) -> np.ndarray:
        """Compare with the colour, or with the region's mean, rounded in one way."""
        planes = inside.written
        shown = planes[0] if len(planes) == 1 else np.ascontiguousarray(planes.transpose(1, 2, 0))
        if (plain := self.plain(shown, settings)) is not None:
            return plain
        refuse_single(inside)
        count = inside.original[0].size
        means = inside.original.sum(axis=(1, 2), dtype=np.int64) / count
        return np.asarray((inside.written == np.rint(means)[:, None, None]).all(axis=0))


class EvenHistogram(Promise):
    """Equalization: each value becomes the share of the window's values that are no larger."""

    def least(self, settings: Anonymization) -> int:
        """Return the least side that has values to spread."""
        return 4

    def kept(self, inside: Inside, settings: Anonymization) -> np.ndarray:
        """Compare with ranks, in the single precision that the method has."""
        right = np.ones(inside.mask.shape, bool)
        for plane, written in zip(inside.original, inside.written, strict=True):
            counts = np.bincount(plane.ravel(), minlength=256)
            lowest = counts[counts > 0][0]
            rest = plane.size - lowest
            if rest == 0:
                right &= written == plane
                continue
            ranks = np.clip(counts.cumsum() - lowest, 0, None).astype(np.float32)
            levels = np.rint(ranks * (np.float32(255) / np.float32(rest)))
            right &= written == np.clip(levels, 0, 255).astype(np.uint8).take(plane)
        return right


class OtherSpace(Promise):
    """Colour space: the textbook's formulas, rounded as OpenCV's whole numbers are."""

    def least(self, settings: Anonymization) -> int:
        """Return 1."""
        return 1

    def kept(self, inside: Inside, settings: Anonymization) -> np.ndarray:
        """Compare exactly: a level more or less would be room for anything in every pixel."""
        written, original = inside.written, inside.original.astype(np.int64)
        if len(written) == 1 or settings.recolour.space == "negative":
            return np.asarray((written + original == 255).all(axis=0))
        red, green, blue = original
        if settings.recolour.space == "ycrcb":
            luma = _parts(sum(map(mul, original, _LUMA)), 14)
            shifted = [
                _parts((each - luma) * by + (128 << 14), 14)
                for each, by in ((red, _RED), (blue, _BLUE))
            ]
            return np.asarray((written == np.clip([luma, *shifted], 0, 255)).all(axis=0))
        value = original.max(axis=0)
        spread = value - original.min(axis=0)
        sixths = np.select(
            [value == red, value == green],
            [green - blue, 2 * spread + blue - red],
            4 * spread + red - green,
        )
        hue = _parts(sixths * _quotients(180 << 12, 6).take(spread), 12)
        saturation = _parts(spread * _quotients(255 << 12, 1).take(value), 12)
        return np.asarray((written == [hue + 180 * (hue < 0), saturation, value]).all(axis=0))


def _parts(values: np.ndarray | int, bits: int) -> np.ndarray:
    """Return numbers in parts of a power of two as whole ones; a half goes up."""
    return np.asarray((values + (1 << (bits - 1))) >> bits)


def _quotients(dividend: int, factor: int) -> np.ndarray:
    """Return rounded shares of 0 (which has none) to 255 times a factor."""
    return np.array([0, *(np.rint(dividend / (factor * np.arange(1, 256.0))))], np.int64)
