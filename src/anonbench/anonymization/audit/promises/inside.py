"""What promises are stated about: the window of one region, and tools to compare it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Protocol

import numpy as np

from anonbench.anonymization.audit.errors import Failure
from anonbench.config import Anonymization

ROUNDING = 0.52
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
    hidden: np.ndarray | None = None
    """bool [h, w]: upright boxes of all regions that are hidden in the image, where the method sees
    what is around its region."""
    edge: np.ndarray | None = None
    """bool [h, w]: pixels beside `mask`, on slanted edges, that the region may show or not; None if
    there is none."""


class Promise(Protocol):
    """What must be true of a method."""

    def least(self, settings: Anonymization) -> int:
        """Return the sides that the window has at least, where the image is that large."""

    def around(self, settings: Anonymization) -> int:
        """Return how many pixels about a region have a part in it, on each side."""
        return 0

    def plain(self, pixels: np.ndarray, settings: Anonymization) -> np.ndarray | None:
        """Return bool [h, w]: pixels of a part of an image that are hidden, whatever was there.

        None where that cannot be told from a pixel: then `kept` is asked, region by region.
        """
        return None

    def kept(self, inside: Inside, settings: Anonymization) -> np.ndarray:
        """Return bool [h, w]: the pixels that hold what the method makes of the original.

        Only those of `mask` and `edge` are looked at.

        Raises:
            Failure: a property that the region's own pixels have together does not hold.

        """


def refuse_single(inside: Inside) -> None:
    """Refuse a window of one pixel.

    Raises:
        Failure: it is one.

    """
    if inside.mask.size == 1:
        raise Failure("an image of one pixel has nothing to average it with; mask it")


def all_near(written: np.ndarray, expected: np.ndarray, allowed: float = ROUNDING) -> np.ndarray:
    """Return bool [h, w]: whether float32 [c, h, w] differ by no more than rounding explains."""
    difference = written - expected
    np.abs(difference, out=difference)
    near = difference < allowed
    return np.asarray(near[0] if len(near) == 1 else near.all(axis=0), dtype=bool)


def steps(written: np.ndarray, mask: np.ndarray, axis: int) -> np.ndarray:
    """Return the largest difference over channels of neighbours, 0 where one is not the region's.

    Returns:
        int [h-1, w] for axis 0, [h, w-1] for axis 1.

    """
    after, before, both = _neighbours(written, mask, axis)
    larger = np.maximum(after, before)
    larger -= np.minimum(after, before)
    return np.asarray(larger.max(axis=0) * both)


def _neighbours(
    written: np.ndarray, mask: np.ndarray, axis: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return pixels, those before them, and whether both are the region's."""
    if axis == 0:
        return written[:, 1:], written[:, :-1], mask[1:] & mask[:-1]
    return written[:, :, 1:], written[:, :, :-1], mask[:, 1:] & mask[:, :-1]


def means(original: np.ndarray, counts: tuple[int, int]) -> np.ndarray:
    """Return float32 [c, rows, columns]: means over even blocks, with fractions of pixels."""
    height, width = original.shape[1:]
    down, across = _shares(height, counts[0]), _shares(width, counts[1])
    return np.asarray(down.T @ original.astype(np.float32) @ across)


@lru_cache(maxsize=128)
def _shares(length: int, count: int) -> np.ndarray:
    """Return float32 [length, count]: each pixel's share of the mean of each even part."""
    size = length / count
    starts = np.arange(count) * size
    pixel = np.arange(length)[:, None]
    common = np.minimum(pixel + 1, starts + size) - np.maximum(pixel, starts)
    return np.asarray(np.clip(common, 0.0, None) / size, dtype=np.float32)


@lru_cache(maxsize=1024)
def owners(length: int, count: int) -> np.ndarray:
    """Return the block of each pixel: the one that its centre lies in, on a border the later."""
    starts = [-((count - 2 * number * length) // (2 * count)) for number in range(count)]
    return np.repeat(np.arange(count), np.diff([*starts, length]))


def narrow_blocks(inside: Inside, least_side: int) -> None:
    """Refuse blocks of one value that are narrower than asked for.

    Raises:
        Failure: one is.

    """
    for axis in (0, 1):
        after, before, both = _neighbours(inside.written, inside.mask, axis)
        differs = after != before
        in_any = differs[0] if len(differs) == 1 else differs.any(axis=0)
        in_any &= both
        (ends_of_blocks,) = in_any.any(axis=1 - axis).nonzero()
        if not len(ends_of_blocks):
            continue
        borders = ends_of_blocks + 1
        ends = borders[0], inside.mask.shape[axis] - borders[-1]
        if min(*ends, (borders[1:] - borders[:-1]).min(initial=least_side)) < least_side:
            raise Failure(f"blocks are narrower than the {least_side} pixels asked for")
