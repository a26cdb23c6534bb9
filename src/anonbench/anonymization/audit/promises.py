"""Promises of the anonymization methods about the pixels inside a region.

Promises of the built-in methods are stated in the config's terms and computed in another way than
the anonymizer does. Another package's method states its own
(`anonbench.core.registries.methods.Method.is_hidden`). Without a promise an image is refused.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import Protocol

import numpy as np

from anonbench.anonymization.audit.errors import Failure
from anonbench.anonymization.audit.redrawn import Redrawn
from anonbench.config import Anonymization
from anonbench.core.registries.methods import METHODS
from anonbench.core.registries.methods import Method as AnyMethod
from anonbench.core.vocabulary import Method

_ROUNDING = 0.52
"""Grey levels between a value and its integer; a little more than a half for float32."""


@dataclass(frozen=True)
class Inside:
    """The window of one region, before and after."""

    original: np.ndarray
    """uint8 [c, h, w]."""
    written: np.ndarray
    """uint8 [c, h, w]."""
    mask: np.ndarray
    """bool [h, w]: the pixels that show this region and no other one."""
    entity: str


class Promise(Protocol):
    """What must be true of a method."""

    def least(self, settings: Anonymization) -> int:
        """Return the sides that the window has at least, where the image is that large."""

    def kept(self, inside: Inside, settings: Anonymization) -> np.ndarray:
        """Return bool [h, w]: the pixels that hold what the method makes of the original.

        Raises:
            Failure: a property that the region's own pixels have together does not hold.

        """


class OneColour:
    """Mask: every pixel has the one colour, so that nothing of the original is left."""

    def least(self, settings: Anonymization) -> int:
        """Return 1: a mask needs nothing of its surroundings."""
        return 1

    def kept(self, inside: Inside, settings: Anonymization) -> np.ndarray:
        """Compare with the colour, in a grey image with its luma, rounded either way."""
        colour = np.array(settings.mask.colour)
        if len(inside.written) == 1:
            luma = float(colour @ (0.299, 0.587, 0.114))
            levels = [{math.floor(luma + 0.5), math.ceil(luma - 0.5)}]
        else:
            levels = [{level} for level in colour.tolist()]
        right = np.ones(inside.mask.shape, bool)
        for plane, allowed in zip(inside.written, levels, strict=True):
            right &= np.isin(plane, list(allowed)) if len(allowed) > 1 else plane == min(allowed)
        return right


class ConstantBlocks:
    """Pixelate: constant blocks, none narrower than asked for, of the original's mean colour."""

    def least(self, settings: Anonymization) -> int:
        """Return the smallest block: a narrower region is averaged with what is beside it."""
        least: int = settings.pixelate.min_block
        return least

    def kept(self, inside: Inside, settings: Anonymization) -> np.ndarray:
        """Check the distance of all edges between blocks, then compare with the blocks' means."""
        height, width = inside.mask.shape
        _refuse_single(inside)
        blocks = int(getattr(settings.pixelate.blocks, inside.entity))
        least_side = max(settings.pixelate.min_block, math.ceil(min(height, width) / blocks))
        for axis in (0, 1):
            edges = _edges(inside.written, inside.mask, axis)
            gaps = np.diff([0, *edges, inside.mask.shape[axis]])
            if len(edges) and gaps.min() < least_side:
                raise Failure(f"blocks are narrower than the {least_side} pixels asked for")
        counts = (max(1, height // least_side), max(1, width // least_side))
        means = _means(inside.original, counts)
        shown = means[:, _blocks(height, counts[0])][:, :, _blocks(width, counts[1])]
        written = inside.written.astype(np.float32)
        # OpenCV leaves out shares of under a thousandth of a pixel, on either axis
        return _all_near(written, shown, _ROUNDING + 2 * 0.255 / least_side)


class LowPass:
    """Blur: the original's spectrum times the Gaussian's, and no steeper edge than it leaves."""

    def least(self, settings: Anonymization) -> int:
        """Return the core of the narrowest Gaussian: a smaller region is blurred with more."""
        return 2 * math.ceil(float(settings.blur.min_sigma)) + 1

    def kept(self, inside: Inside, settings: Anonymization) -> np.ndarray:
        """Check the steepest step between neighbours, then compare with the filtered spectrum."""
        from scipy import fft  # for blur alone: it takes a third of a second

        height, width = inside.mask.shape
        _refuse_single(inside)
        share = float(getattr(settings.blur.sigma, inside.entity))
        sigma = max(float(settings.blur.min_sigma), share * min(height, width))
        # a step is a sum of the original's values, weighted by the kernel's own steps
        steepest = float(np.ptp(inside.original)) * _gaussian(sigma)[math.ceil(3 * sigma)] + 1.0
        for axis in (0, 1):
            if _steps(inside.written, inside.mask, axis).max(initial=0) > steepest:
                raise Failure("a blurred region has steeper edges than its kernel leaves")
        # mirrored at its border, the window's cosine transform is its spectrum
        spectrum = fft.dctn(inside.original.astype(np.float32), axes=(1, 2), overwrite_x=True)
        spectrum *= _response(height, sigma)[:, None] * _response(width, sigma)
        blurred = fft.idctn(spectrum, axes=(1, 2), overwrite_x=True)
        return _all_near(inside.written.astype(np.float32), blurred)


class StatedPromise:
    """Another package's method: what its own `is_hidden` says."""

    def __init__(self, method: type[AnyMethod]) -> None:
        self._method = method

    def least(self, settings: Anonymization) -> int:
        """Return what the method asks for."""
        return settings.of(self._method).least_side()

    def kept(self, inside: Inside, settings: Anonymization) -> np.ndarray:
        """Refuse a region that is as it was, whatever the method says; then ask the method."""
        original, written = inside.original[:, inside.mask], inside.written[:, inside.mask]
        if np.ptp(original, axis=1).any() and np.array_equal(original, written):
            raise Failure("a region is as it was")
        is_hidden = settings.of(self._method).is_hidden
        return np.asarray(is_hidden(inside.original, inside.written, inside.entity), bool)


PROMISES: dict[str, Promise] = {
    Method.MASK: OneColour(),
    Method.PIXELATE: ConstantBlocks(),
    Method.BLUR: LowPass(),
    "replace": Redrawn(),
}


def promise_of(name: str) -> Promise:
    """Return what a method promises.

    Raises:
        Failure: it promises nothing.

    """
    if name in PROMISES:
        return PROMISES[name]
    method = METHODS[name]
    if method.is_hidden is AnyMethod.is_hidden:
        raise Failure("its method declares no promise to the audit")
    return StatedPromise(method)


def _refuse_single(inside: Inside) -> None:
    if inside.mask.size == 1:
        raise Failure("an image of one pixel has nothing to average it with; mask it")


def _all_near(written: np.ndarray, expected: np.ndarray, allowed: float = _ROUNDING) -> np.ndarray:
    """Return bool [h, w]: whether float32 [c, h, w] differ by no more than rounding explains."""
    difference = written - expected
    np.abs(difference, out=difference)
    return np.asarray((difference < allowed).all(axis=0), dtype=bool)


def _steps(written: np.ndarray, mask: np.ndarray, axis: int) -> np.ndarray:
    """Return the largest difference over channels of neighbours, 0 where one is not the region's.

    Returns:
        int [h-1, w] for axis 0, [h, w-1] for axis 1.

    """
    if axis == 0:
        after, before, both = written[:, 1:], written[:, :-1], mask[1:] & mask[:-1]
    else:
        after, before, both = written[:, :, 1:], written[:, :, :-1], mask[:, 1:] & mask[:, :-1]
    larger = np.maximum(after, before)
    larger -= np.minimum(after, before)
    return np.asarray(larger.max(axis=0) * both)


def _edges(written: np.ndarray, mask: np.ndarray, axis: int) -> list[int]:
    """Return the rows (axis 0) or columns (1) that differ anywhere from the one before."""
    differs = _steps(written, mask, axis).any(axis=1 - axis)
    return [int(index) + 1 for index in np.flatnonzero(differs)]


@lru_cache(maxsize=256)
def _shares(length: int, count: int) -> np.ndarray:
    """Return float32 [count, length]: the part of each of `count` even blocks in each pixel."""
    edges = np.linspace(0.0, length, count + 1)
    covered = np.clip(np.arange(length + 1) - edges[:, None], 0.0, None)
    below = np.minimum(covered, length / count)[:-1]
    return np.asarray(np.diff(below, axis=1) * (count / length), dtype=np.float32)


def _means(original: np.ndarray, counts: tuple[int, int]) -> np.ndarray:
    """Return float32 [c, rows, columns]: means over even blocks, with fractions of pixels."""
    height, width = original.shape[1:]
    down = _shares(height, counts[0]) @ original.astype(np.float32)
    return np.asarray(down @ _shares(width, counts[1]).T)


def _blocks(length: int, count: int) -> np.ndarray:
    """Return the block of each pixel: the one that its centre lies in, on a border the later."""
    starts = [-((count - 2 * number * length) // (2 * count)) for number in range(count)]
    return np.repeat(np.arange(count), np.diff([*starts, length]))


@lru_cache(maxsize=256)
def _gaussian(sigma: float) -> np.ndarray:
    """Return the Gaussian's weights as far as three times sigma, float64 [2r + 1], of sum 1."""
    reach = math.ceil(3 * sigma)
    weights = np.exp(-0.5 * (np.arange(-reach, reach + 1) / sigma) ** 2)
    return np.asarray(weights / weights.sum())


@lru_cache(maxsize=256)
def _response(length: int, sigma: float) -> np.ndarray:
    """Return the Gaussian's share of each cosine of a mirrored line, float32 [length]."""
    weights = _gaussian(sigma)
    period = 2 * length
    place = (np.arange(len(weights)) - len(weights) // 2) % period
    folded = np.bincount(place, weights, minlength=period)
    return np.asarray(np.fft.rfft(folded).real[:length], dtype=np.float32)
