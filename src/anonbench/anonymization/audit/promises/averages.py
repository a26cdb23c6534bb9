"""Promises of the methods that average: pixelation and blurs."""

from __future__ import annotations

import math
from functools import lru_cache

import cv2
import numpy as np

from anonbench.anonymization.audit.errors import Failure
from anonbench.anonymization.audit.promises.gaussian import OFF, blurred, gaussian
from anonbench.anonymization.audit.promises.inside import (
    Inside,
    Promise,
    means,
    narrow_blocks,
    off_by,
    owners,
    refuse_single,
)
from anonbench.anonymization.audit.promises.loops import near, near_blocks, steepest
from anonbench.config import Anonymization

_SINGLE = 1e-4
"""Grey levels that a mean in single precision may be off by."""


class ConstantBlocks(Promise):
    """Pixelate: constant blocks, none narrower than asked for, of the original's mean colour."""

    def least(self, settings: Anonymization) -> int:
        """Return the smallest block: a narrower region is averaged with what is beside it."""
        least: int = settings.pixelate.min_block
        return least

    def kept(self, inside: Inside, settings: Anonymization) -> np.ndarray:
        """Check the distance of all edges between blocks, then compare with the blocks' means."""
        height, width = inside.mask.shape
        refuse_single(inside)
        blocks = float(getattr(settings.pixelate.blocks, inside.entity))
        least_side = max(settings.pixelate.min_block, math.ceil(min(height, width) / blocks))
        narrow_blocks(inside, least_side)
        counts = (max(1, height // least_side), max(1, width // least_side))
        expected = means(inside.original, counts)
        of_pixels = owners(height, counts[0]), owners(width, counts[1])
        allowed = off_by(counts, least_side)
        return np.asarray(near_blocks(inside.written, expected, *of_pixels, allowed))


class LowPass(Promise):
    """Blur: the Gaussian's shares of the original's pixels, and no steeper edge than it leaves."""

    def least(self, settings: Anonymization) -> int:
        """Return the core of the narrowest Gaussian: a smaller region is blurred with more."""
        return 2 * math.ceil(float(settings.blur.min_sigma)) + 1

    def kept(self, inside: Inside, settings: Anonymization) -> np.ndarray:
        """Check the steepest step between neighbours, then compare with weighted sums."""
        height, width = inside.mask.shape
        refuse_single(inside)
        share = float(getattr(settings.blur.sigma, inside.entity))
        sigma = max(float(settings.blur.min_sigma), share * min(height, width))
        # a step is a sum of the original's values, weighted by the kernel's own steps
        weights = gaussian(sigma)
        least, greatest, *_ = cv2.minMaxLoc(inside.original.reshape(-1, width))
        left = (greatest - least) * float(weights[len(weights) // 2]) + 1.0
        if steepest(inside.written, inside.mask) > left:
            raise Failure("a blurred region has steeper edges than its kernel leaves")
        return np.asarray(near(inside.written, blurred(inside.original, sigma), 0.5 + OFF))


class BoxMeans(Promise):
    """Uniform blur: sums over squares of the mirrored window, from running totals."""

    def least(self, settings: Anonymization) -> int:
        """Return the smallest kernel."""
        least: int = settings.box_blur.min_size
        return least

    def kept(self, inside: Inside, settings: Anonymization) -> np.ndarray:
        """Compare with exact sums of whole numbers: no mean of an odd count is half-way."""
        refuse_single(inside)
        asked = settings.box_blur
        side = _odd(asked.min_size, float(getattr(asked.size, inside.entity)), inside.mask.shape)
        reach = side // 2
        pads = ((0, 0), (reach, reach), (reach, reach))
        padded = np.pad(inside.original, pads, mode="symmetric")
        means = np.array([_sums(plane, side) / side**2 for plane in padded])
        return np.asarray(near(inside.written, means, 0.5 + _SINGLE))


class Medians(Promise):
    """Median blur: half of the square is no brighter than its pixel, and no more is darker."""

    def least(self, settings: Anonymization) -> int:
        """Return the smallest kernel."""
        least: int = settings.median.min_size
        return least

    def kept(self, inside: Inside, settings: Anonymization) -> np.ndarray:
        """Count, for each value that was written, how many in its square are no brighter."""
        refuse_single(inside)
        asked = settings.median
        side = _odd(asked.min_size, float(getattr(asked.size, inside.entity)), inside.mask.shape)
        side = min(side, 255)
        looked_at = inside.mask if inside.edge is None else inside.mask | inside.edge
        places, right = looked_at.nonzero(), looked_at.copy()
        for plane, written in zip(inside.original, inside.written, strict=True):
            right[places] &= _are_medians(plane, places, written[places], side)
        return right


def _are_medians(
    plane: np.ndarray, places: tuple[np.ndarray, ...], values: np.ndarray, side: int
) -> np.ndarray:
    """Return bool [n]: whether values are medians of the squares about places, rows and columns."""
    padded = np.pad(plane, side // 2, mode="edge")
    order = np.argsort(values, kind="stable")
    y, x = (each[order] for each in places)
    # corners of the squares in running totals, which have a row and a column more
    top, bottom = (rows * (padded.shape[1] + 1) for rows in (y, y + side))
    corners = np.array([bottom + x + side, top + x, top + x + side, bottom + x])

    @lru_cache(maxsize=2)  # of a level, and of the next one, for which the first is what is darker
    def totals(level: int) -> np.ndarray:
        return np.asarray(cv2.integral((padded <= level).view(np.uint8))).ravel()

    def no_brighter(level: int, group: slice) -> np.ndarray:
        whole, corner, above, beside = totals(level).take(corners[:, group])
        return np.asarray(whole + corner - above - beside)

    half = side * side // 2
    levels, starts = np.unique(values[order], return_index=True)
    right = np.empty(len(values), bool)
    for level, group in zip(levels.tolist(), map(slice, starts, [*starts[1:], None]), strict=True):
        right[order[group]] = (no_brighter(level, group) > half) & (
            no_brighter(level - 1, group) <= half
        )
    return right


def _odd(least: int, share: float, shape: tuple[int, ...]) -> int:
    """Return the kernel's side: what the share asks for, up to the next odd number."""
    side = math.ceil(max(float(least), share * min(shape)))
    return side if side % 2 else side + 1


def _sums(plane: np.ndarray, side: int) -> np.ndarray:
    """Return float64 [h - side + 1, w - side + 1]: sums over all squares of a side.

    They are whole numbers, and exact: far below 2^53.
    """
    totals = cv2.integral(plane, sdepth=cv2.CV_64F)
    sums = totals[side:, side:] - totals[:-side, side:]
    sums -= totals[side:, :-side]
    sums += totals[:-side, :-side]
    return np.asarray(sums)
