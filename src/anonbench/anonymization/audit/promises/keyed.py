"""Promises of the keyed methods, whose random numbers the audit makes from the key by itself."""

from __future__ import annotations

import hashlib
import json
import math
from functools import lru_cache
from pathlib import Path

import numpy as np

from anonbench.anonymization.audit.errors import Failure
from anonbench.anonymization.audit.promises.inside import (
    Inside,
    Promise,
    means,
    narrow_blocks,
    off_by,
    owners,
    refuse_single,
)
from anonbench.config import Anonymization

_BLOCK = 64
"""Bytes that SHA-256 takes at a time."""


def numbers(inside: Inside, settings: Anonymization, name: str, count: int, size: int) -> list[int]:
    """Return random whole numbers of `size` bytes each, as RFC 2104 and FIPS 202 define them.

    Raises:
        Failure: there is no key.

    """
    return [int.from_bytes(each, "little") for each in _pieces(inside, settings, name, count, size)]


def _array(inside: Inside, settings: Anonymization, name: str, count: int, size: int) -> np.ndarray:
    joined = _stream(inside, settings, name, count * size)
    return np.frombuffer(joined, f"<u{size}").astype(np.uint64)


def _pieces(
    inside: Inside, settings: Anonymization, name: str, count: int, size: int
) -> list[bytes]:
    joined = _stream(inside, settings, name, count * size)
    return [joined[start : start + size] for start in range(0, len(joined), size)]


def _stream(inside: Inside, settings: Anonymization, name: str, length: int) -> bytes:
    asked = getattr(settings, name)
    strengths = asked.model_dump(mode="json")
    try:
        key = Path(strengths.pop("key_file")).read_bytes()
    except OSError:
        raise Failure("the key of its random numbers cannot be read") from None
    planes = inside.original
    shape = list(planes.shape[1:]) + ([3] if len(planes) == 3 else [])
    head = json.dumps([name, inside.entity, shape, strengths], sort_keys=True)
    pixels = planes[0] if len(planes) == 1 else np.stack(list(planes), axis=-1)
    message = head.encode() + b"\0" + pixels.tobytes()
    if len(key) > _BLOCK:
        key = hashlib.sha256(key).digest()
    padded = key.ljust(_BLOCK, b"\0")
    inner = hashlib.sha256(bytes(byte ^ 0x36 for byte in padded) + message).digest()
    outer = hashlib.sha256(bytes(byte ^ 0x5C for byte in padded) + inner).digest()
    return hashlib.shake_256(outer).digest(length)


class NoisyValues(Promise):
    """Noise: what was added has the place in the normal distribution that was drawn for it."""

    def least(self, settings: Anonymization) -> int:
        """Return 1."""
        return 1

    def kept(self, inside: Inside, settings: Anonymization) -> np.ndarray:
        """Compare the drawn share with those of half a level less and more."""
        channels, height, width = inside.original.shape
        drawn = _array(inside, settings, "noise", inside.original.size, 2)
        share = (drawn.reshape(height, width, channels).transpose(2, 0, 1) + 0.5) / 65536.0
        below = _normal_shares(float(settings.noise.deviation))
        written = inside.written.astype(np.int64)
        added = written - inside.original + 256
        low = np.where(written == 0, 0.0, below.take(added))
        high = np.where(written == 255, 1.0, below.take(added + 1))
        return np.asarray(((share > low - 1e-9) & (share < high + 1e-9)).all(axis=0))


@lru_cache(maxsize=8)
def _normal_shares(deviation: float) -> np.ndarray:
    """Return float64 [514]: the share of the noise below -256.5, -255.5, … 256.5 levels."""
    levels = np.arange(514) - 256.5
    return np.array([math.erfc(-x / (deviation * math.sqrt(2.0))) / 2.0 for x in levels])


class NoisyBlocks(Promise):
    """Private pixelation: blocks of one value, which is their mean and Laplace noise as drawn."""

    def least(self, settings: Anonymization) -> int:
        """Return the smallest block."""
        least: int = settings.dp_pixelate.min_block
        return least

    def kept(self, inside: Inside, settings: Anonymization) -> np.ndarray:
        """Compare the drawn share with the Laplace distribution's, half a level less and more."""
        refuse_single(inside)
        asked = settings.dp_pixelate
        channels, height, width = inside.original.shape
        across = float(getattr(asked.blocks, inside.entity))
        side = max(asked.min_block, math.ceil(min(height, width) / across))
        narrow_blocks(inside, side)
        counts = (max(1, height // side), max(1, width // side))
        drawn = _array(inside, settings, "dp_pixelate", channels * math.prod(counts), 8)
        share = ((drawn >> np.uint64(12)).reshape(*counts, channels) + 0.5) / 4503599627370496.0
        area = height * width / math.prod(counts)
        sensitivity = 255.0 * min(asked.pixels, height * width) / area * channels
        scale = sensitivity / float(asked.epsilon)
        down, along = owners(height, counts[0]), owners(width, counts[1])
        centre, share = (
            blocks.take(along, axis=2).take(down, axis=1)
            for blocks in (means(inside.original, counts), share.transpose(2, 0, 1))
        )
        added, slack = inside.written - centre.astype(np.float64), off_by(counts, side)
        low = np.where(inside.written == 0, 0.0, _laplace((added - slack) / scale))
        high = np.where(inside.written == 255, 1.0, _laplace((added + slack) / scale))
        return np.asarray(((share > low - 1e-12) & (share < high + 1e-12)).all(axis=0))


def _laplace(values: np.ndarray) -> np.ndarray:
    """Return the share of the Laplace distribution of scale 1 below values."""
    tails = 0.5 * np.exp(-np.abs(values))
    return np.where(values < 0, tails, 1.0 - tails)


class MixedTiles(Promise):
    """Tile shuffle: tiles moved twice, in the order of their numbers."""

    def least(self, settings: Anonymization) -> int:
        """Return the least side that has tiles to change places."""
        return 4

    def kept(self, inside: Inside, settings: Anonymization) -> np.ndarray:
        """Take each pixel from its place in the tile that comes there, and compare."""
        height, width = inside.mask.shape
        count = max(2, int(getattr(settings.tile_shuffle.tiles, inside.entity)))
        side = max(1, min(height, width) // count)
        rows, columns = height // side, width // side
        drawn = _array(inside, settings, "tile_shuffle", 2 * rows * columns, 8).reshape(2, -1)
        down, across = np.arange(rows * side)[:, None], np.arange(columns * side)
        place = down // side * columns + across // side
        shown = inside.original.copy()
        pixels = shown.reshape(len(shown), -1)
        for keys, top, left in (
            (drawn[0], 0, 0),
            (drawn[1], height - rows * side, width - columns * side),
        ):
            tile = np.lexsort((keys,))[place]
            y, x = tile // columns * side + down % side, tile % columns * side + across % side
            moved = pixels.take((top + y) * width + left + x, axis=1)
            shown[:, top : top + rows * side, left : left + columns * side] = moved
        return np.asarray((inside.written == shown).all(axis=0))


class MixedPatches(Promise):
    """Patch shuffle: the pixels of each patch in the order of their numbers."""

    def least(self, settings: Anonymization) -> int:
        """Return the least side that has pixels to change places."""
        return 2

    def kept(self, inside: Inside, settings: Anonymization) -> np.ndarray:
        """Mix a copy patch by patch, and compare."""
        height, width = inside.mask.shape
        across = int(getattr(settings.patch_shuffle.patches, inside.entity))
        side = max(2, math.ceil(min(height, width) / across))
        drawn = _array(inside, settings, "patch_shuffle", height * width, 4).reshape(height, width)
        mixed = inside.original.copy()
        starts = [
            [-(-number * length // count) for number in range(count)] + [length]
            for length, count in ((height, max(1, height // side)), (width, max(1, width // side)))
        ]
        for top, bottom in zip(starts[0], starts[0][1:], strict=False):
            for left, right in zip(starts[1], starts[1][1:], strict=False):
                here = np.s_[top:bottom, left:right]
                order = np.lexsort((drawn[here].ravel(),))
                patch = inside.original[(slice(None), *here)]
                flat = patch.reshape(len(patch), -1)[:, order]
                mixed[(slice(None), *here)] = flat.reshape(patch.shape)
        return np.asarray((inside.written == mixed).all(axis=0))


class EnlargedPart(Promise):
    """Random crop: a part of the region, each of whose pixels fills its share of the whole."""

    def least(self, settings: Anonymization) -> int:
        """Return the least side that a part is taken of."""
        return 4

    def kept(self, inside: Inside, settings: Anonymization) -> np.ndarray:
        """Repeat the rows and columns of the part, and compare."""
        shown = inside.original
        for axis, number in zip(
            (1, 2), numbers(inside, settings, "random_crop", 2, 8), strict=True
        ):
            length = shown.shape[axis]
            size = max(1, math.floor(float(settings.random_crop.share) * length))
            start = number % (length - size + 1)
            part = shown.take(range(start, start + size), axis=axis)
            shown = part.take(owners(length, size), axis=axis)
        return np.asarray((inside.written == shown).all(axis=0))
