"""What promises are stated about: the window of one region, and tools to compare it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import Protocol

import numpy as np

from anonbench.anonymization.audit.errors import Failure
from anonbench.anonymization.audit.promises.loops import block_sums, changes
from anonbench.config import Anonymization

ROUNDING = 0.502
"""Grey levels between a mean and its integer: a half, and a little for single precision. What may
be rounded either way is room for a message, so that this is no more than needed."""
_LEAST_SHARE = 1000
"""Parts of a pixel: smaller ones are left out by OpenCV where it computes means of blocks."""


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


def means(original: np.ndarray, counts: tuple[int, int]) -> np.ndarray:
    """Return float64 [c, rows, columns]: means over even blocks, with fractions of pixels."""
    return np.asarray(block_sums(original, *counts) / math.prod(original.shape[1:]))


def off_by(counts: tuple[int, int], least_side: int) -> float:
    """Return the grey levels that means of so many blocks may be away from their integers."""
    return ROUNDING + (2 * 0.255 / least_side if max(counts) > _LEAST_SHARE else 0.0)


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
    for differs in changes(inside.written, inside.mask):
        (borders,) = differs.nonzero()
        if not len(borders):
            continue
        ends = borders[0], len(differs) - borders[-1]
        if min(*ends, (borders[1:] - borders[:-1]).min(initial=least_side)) < least_side:
            raise Failure(f"blocks are narrower than the {least_side} pixels asked for")
