"""What keyed methods make of a region, by random numbers derived from the key once more."""

from __future__ import annotations

import hashlib
import hmac
import json
import math
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import numpy as np

from anonbench.anonymization.audit import Failure
from anonbench.anonymization.audit.formulas import (
    RegionWindow,
    block_means,
    even_blocks,
    owners,
    repeat_blocks,
)


def numbers(inside: RegionWindow, method: Any, count: int, size: int) -> np.ndarray:
    """Random whole numbers of `size` bytes each, as RFC 2104 and FIPS 202 define them, uint64.

    Raises:
        Failure: there is no key.

    """
    strengths = method.model_dump(mode="json", exclude={"key_file"})
    try:
        key = method.key_file.read_bytes()
    except OSError:
        raise Failure("the key of its random numbers cannot be read") from None
    pixels = inside.original.transpose(1, 2, 0) if len(inside.original) == 3 else inside.original[0]
    head = json.dumps([method.name, inside.entity, [*pixels.shape], strengths], sort_keys=True)
    message = head.encode() + b"\0" + pixels.tobytes()
    drawn = hmac.digest(key, message, "sha256")
    stream = hashlib.shake_256(drawn).digest(count * size)
    return np.frombuffer(stream, f"<u{size}").astype(np.uint64)


def noisy_values(inside: RegionWindow, method: Any) -> np.ndarray:
    """Noise: the added value has the drawn quantile of the normal distribution."""
    from scipy.special import ndtr  # for noise alone

    channels, height, width = inside.original.shape
    drawn = numbers(inside, method, inside.original.size, 2).reshape(height, width, channels)
    share = (drawn.transpose(2, 0, 1) + 0.5) / 2.0**16
    added = inside.written.astype(np.float64) - inside.original
    return _has_noise(inside, added, 0.5, share, lambda levels: ndtr(levels / method.deviation))


def noisy_blocks(inside: RegionWindow, method: Any) -> np.ndarray:
    """Private pixelation: blocks of one value, which is their mean and Laplace noise as drawn."""
    counts, slack, kept = even_blocks(inside, inside.strength(method.blocks), method.min_block)
    channels, pixels = len(inside.original), inside.mask.size
    drawn = numbers(inside, method, channels * math.prod(counts), 8) >> np.uint64(12)
    shares = ((drawn + 0.5) / 2.0**52).reshape(*counts, channels).transpose(2, 0, 1)
    sensitivity = 255.0 * min(method.pixels, pixels) * math.prod(counts) / pixels * channels
    scale = sensitivity / float(method.epsilon)

    def below(levels: np.ndarray) -> np.ndarray:
        tails = 0.5 * np.exp(-np.abs(levels) / scale)
        return np.where(levels < 0, tails, 1.0 - tails)

    shape = inside.mask.shape
    means = (block_means(plane, counts) for plane in inside.original)
    added = inside.written - np.array([repeat_blocks(each, shape) for each in means])
    share = np.array([repeat_blocks(each, shape) for each in shares])
    return np.asarray(kept & _has_noise(inside, added, slack, share, below))


def _has_noise(
    inside: RegionWindow,
    added: np.ndarray,
    slack: float,
    drawn: np.ndarray,
    below: Callable[[np.ndarray], np.ndarray],
) -> np.ndarray:
    """Compare drawn shares with those below and above what was added; values end at 0 and 255."""
    low = np.where(inside.written == 0, -1.0, below(added - slack))
    high = np.where(inside.written == 255, 2.0, below(added + slack))
    return np.asarray(((drawn > low - 1e-9) & (drawn < high + 1e-9)).all(axis=0))


def mixed_tiles(inside: RegionWindow, method: Any) -> np.ndarray:
    """Tile shuffle: tiles moved twice, in the order of their numbers."""
    height, width = inside.mask.shape
    side = max(1, min(height, width) // max(2, int(getattr(method.tiles, inside.entity))))
    rows, columns = height // side, width // side
    drawn = numbers(inside, method, 2 * rows * columns, 8).reshape(2, -1)
    down, across = np.arange(rows * side)[:, None], np.arange(columns * side)
    place = down // side * columns + across // side
    shown = inside.original.copy()
    for keys, top, left in (
        (drawn[0], 0, 0),
        (drawn[1], height - rows * side, width - columns * side),
    ):
        tile = np.lexsort((keys,))[place]
        y, x = tile // columns * side + down % side, tile % columns * side + across % side
        shown[:, top : top + rows * side, left : left + columns * side] = shown[
            :, top + y, left + x
        ]
    return inside.shows(shown)


def mixed_patches(inside: RegionWindow, method: Any) -> np.ndarray:
    """Patch shuffle: the pixels of each patch in the order of their numbers."""
    side = max(2, math.ceil(min(inside.mask.shape) / int(getattr(method.patches, inside.entity))))
    drawn = numbers(inside, method, inside.mask.size, 4).reshape(inside.mask.shape)
    mixed = inside.original.copy()
    rows, columns = (
        [-(-number * length // count) for number in range(count)] + [length]
        for length, count in ((length, max(1, length // side)) for length in inside.mask.shape)
    )
    for top, bottom in pairwise(rows):
        for left, right in pairwise(columns):
            patch = mixed[:, top:bottom, left:right]
            order = np.lexsort((drawn[top:bottom, left:right].ravel(),))
            patch[:] = patch.reshape(len(patch), -1)[:, order].reshape(patch.shape)
    return inside.shows(mixed)


def enlarged_part(inside: RegionWindow, method: Any) -> np.ndarray:
    """Random crop: a part of the region, each of whose pixels fills its share of the whole."""
    shown = inside.original
    for axis, number in enumerate(numbers(inside, method, 2, 8).tolist(), start=1):
        length = shown.shape[axis]
        size = max(1, math.floor(float(method.share) * length))
        start = number % (length - size + 1)
        shown = shown.take(start + owners(length, size), axis=axis)
    return inside.shows(shown)
