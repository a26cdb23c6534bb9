"""Window of one region, before and after, with tools to compare it."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np

from anonbench.anonymization.audit.errors import Failure, NotHidden

ROUNDING = 0.502
"""Grey levels between a mean and its integer: a half, and a little for single precision. Values
that may be rounded either way could carry a message, so the tolerance is as small as possible.
"""
_LEAST_SHARE = 1000
"""Parts of a pixel: OpenCV ignores smaller ones in the means of blocks."""


@dataclass(frozen=True)
class RegionWindow:
    """The window of one region, before and after anonymization."""

    original: np.ndarray
    """uint8 [c, h, w]."""
    written: np.ndarray
    """uint8 [c, h, w]."""
    mask: np.ndarray
    """bool [h, w]: the pixels that show this region and no other one."""
    entity: str
    hidden: np.ndarray | None = None
    """bool [h, w]: upright boxes of all regions that are hidden in the image, if the method sees
    the surroundings of its region.
    """
    edge: np.ndarray | None = None
    """bool [h, w]: pixels beside `mask`, on slanted edges, that may show the region or not."""


def refuse_one_pixel(inside: RegionWindow) -> None:
    """Refuse a window of one pixel.

    Raises:
        NotHidden: it is one.

    """
    if inside.mask.size == 1:
        raise NotHidden("an image of one pixel has nothing to average it with")


def near(inside: RegionWindow, expected: Iterable[np.ndarray], allowed: float) -> np.ndarray:
    """Compare with planes, bool [h, w]: less than `allowed` grey levels away in all channels.

    They are best made one after the other: a large image has one of them at a time in memory.
    """
    kept = np.ones(inside.mask.shape, bool)
    for written, plane in zip(inside.written, expected, strict=True):
        off = written - plane
        kept &= np.abs(off, out=off) < allowed
    return kept


def same(inside: RegionWindow, expected: np.ndarray) -> np.ndarray:
    """Compare exactly with [c, h, w], bool [h, w]."""
    return np.asarray((inside.written == expected).all(axis=0))


def means(planes: np.ndarray, counts: tuple[int, int]) -> np.ndarray:
    """Means of [c, h, w] over even blocks, float64 [c, rows, columns]; parts of pixels count.

    They are differences of sums above and to the left of blocks' corners, interpolated linearly
    within a pixel.
    """
    found = []
    for plane in planes:
        sums = np.asarray(cv2.integral(plane, sdepth=cv2.CV_64F))
        for axis, (length, count) in enumerate(zip(plane.shape, counts, strict=True)):
            whole, part = np.divmod(np.arange(count + 1) * length, count)
            low, high = sums.take(whole, axis), sums.take(whole + (part > 0), axis)
            share = part / count
            sums = low + (high - low) * (share[:, None] if axis == 0 else share)
        found.append(np.diff(np.diff(sums, axis=0), axis=1))
    return np.asarray(np.array(found) * (math.prod(counts) / planes[0].size))


def repeat_blocks(values: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """Repeat [..., rows, columns] over the pixels of a window, [..., h, w]."""
    for axis, length in zip((-2, -1), shape, strict=True):
        values = values.take(owners(length, values.shape[axis]), axis=axis)
    return values


@lru_cache(maxsize=1024)
def owners(length: int, count: int) -> np.ndarray:
    """Return the block of each pixel: the one with its centre; on a border the later one."""
    starts = [-((count - 2 * number * length) // (2 * count)) for number in range(count)]
    return np.repeat(np.arange(count), np.diff([*starts, length]))


def mean_tolerance(counts: tuple[int, int], least_side: int) -> float:
    """Greatest difference in grey levels between means of so many blocks and their integers."""
    return ROUNDING + (2 * 0.255 / least_side if max(counts) > _LEAST_SHARE else 0.0)


def even_blocks(inside: RegionWindow, blocks: float, least: int) -> tuple[tuple[int, int], int]:
    """Refuse blocks of one value that are narrower than asked for.

    Args:
        inside: the region.
        blocks: across its shorter side.
        least: side of a block.

    Returns:
        The number of blocks down and across, and the least side.

    Raises:
        Failure: a block is narrower.

    """
    refuse_one_pixel(inside)
    side = max(least, math.ceil(min(inside.mask.shape) / blocks))
    for axis, differs in enumerate(_steps(inside)):
        changes = np.flatnonzero((differs > 0).any(axis=1 - axis)) + 1
        ends = [0, *changes.tolist(), inside.mask.shape[axis]]
        if len(changes) and np.diff(ends).min() < side:
            raise Failure(f"blocks are narrower than the {side} pixels asked for")
    return (max(1, inside.mask.shape[0] // side), max(1, inside.mask.shape[1] // side)), side


def steepest(inside: RegionWindow) -> int:
    """Greatest difference between neighbours in a region."""
    return max(int(each.max(initial=0)) for each in _steps(inside))


def _steps(inside: RegionWindow) -> list[np.ndarray]:
    """Differences of a region's pixels to those above and to the left, [h - 1, w], [h, w - 1]."""
    found = []
    for axis in (0, 1):
        later, before = ([slice(None)] * 3 for _ in range(2))
        later[axis + 1], before[axis + 1] = slice(1, None), slice(-1)
        one, other = (inside.written[tuple(each)] for each in (later, before))
        both = inside.mask[tuple(later[1:])] & inside.mask[tuple(before[1:])]
        found.append(np.where(both, (np.maximum(one, other) - np.minimum(one, other)).max(0), 0))
    return found
