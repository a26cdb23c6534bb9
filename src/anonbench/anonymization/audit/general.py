"""Checks of regions that several methods share in `is_hidden`; no `hide` calls them."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from anonbench.core.registries.methods import RegionWindow

_ROUNDING = 0.502
"""Grey levels between a mean and its integer: a half, and a little for single precision. Values
that may be rounded either way could carry a message, so the tolerance is as small as possible.
"""


def near(written: np.ndarray, expected: Iterable[Any], allowed: float = 0.5) -> np.ndarray:
    """Compare a region, uint8 [c, h, w], with a plane for each channel.

    They are best made one after the other: a large image has one of them at a time in memory.

    Returns:
        bool [h, w]: less than `allowed` grey levels away in all channels.

    """
    kept = np.ones(written.shape[1:], bool)
    for shown, plane in zip(written, expected, strict=True):
        off = np.subtract(shown, plane, dtype=np.result_type(plane, np.float32))
        kept &= np.abs(off, out=off) < allowed
    return kept


def constant_blocks(
    inside: RegionWindow,
    across: float,
    least: int,
    noise: Callable[[tuple[int, int]], np.ndarray] | None = None,
) -> np.ndarray:
    """Find the pixels of even blocks that show one value each: the original's mean.

    Args:
        inside: the region.
        across: blocks across its shorter side.
        least: side of a block in pixels.
        noise: of the number of blocks down and across; float64 [c, rows, columns] for their means.

    Returns:
        bool [h, w].

    """
    shape = inside.mask.shape
    side = max(least, math.ceil(min(shape) / across))
    counts = max(1, shape[0] // side), max(1, shape[1] // side)
    down, along = (block_of(*each) for each in zip(shape, counts, strict=True))
    means = np.array([block_means(plane, counts) for plane in inside.original])
    if noise is not None:
        means = np.clip(means + noise(counts), 0, 255)
    # of large blocks, OpenCV ignores parts of a pixel below a thousandth
    unsure = 2 * 0.255 / side if max(counts) > 1000 else 0.0
    planes = (each[down].take(along, axis=1) for each in means)
    kept = near(inside.written, planes, _ROUNDING + unsure)
    rows, columns = (np.flatnonzero(np.diff(each, prepend=-1)) for each in (down, along))
    for plane in inside.written:
        low, high = (
            reduce.reduceat(reduce.reduceat(np.where(inside.mask, plane, other), rows), columns, 1)
            for reduce, other in ((np.minimum, 255), (np.maximum, 0))
        )
        kept &= (high <= low)[down].take(along, axis=1)
    return kept


def block_means(plane: np.ndarray, counts: tuple[int, int]) -> np.ndarray:
    """Means of [h, w] over even blocks, float64 [rows, columns]; parts of pixels count."""
    down, along = (
        np.diff(np.clip(np.arange(count + 1)[:, None] * length / count - np.arange(length), 0, 1).T)
        for length, count in zip(plane.shape, counts, strict=True)
    )
    return np.asarray(down.T @ plane @ along) * (math.prod(counts) / plane.size)


def block_of(length: int, count: int) -> np.ndarray:
    """Return the block of each pixel: the one with its centre; on a border the later one."""
    starts = [-((count - 2 * number * length) // (2 * count)) for number in range(count)]
    return np.repeat(np.arange(count), np.diff([*starts, length]))
