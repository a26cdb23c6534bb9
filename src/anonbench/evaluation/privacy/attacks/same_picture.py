"""Copies that show another picture than their original, such as copies under wrong names."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np

from anonbench.core.boxes import Region
from anonbench.core.libraries.opencv import cv2
from anonbench.core.progress import track
from anonbench.evaluation.privacy.crops import Readable

_SIDE, _BLOCK = 64, 8
"""Pixels of a reduced picture, and of the blocks in which two are compared."""
_GROWN = 0.15
"""Share of its sides by which a region is enlarged all around: programs hide more than a box."""
_LEAST = 0.2
"""Least likeness of a copy. On 215 photographs, cards, codes, pages and receipts, no copy by mask,
blur or pixelation had less, also if it was darker, brighter, with another gamma, of JPEG quality
20, or masked boxes 1.6 times as large; one blurred all over had. Of pictures of other images with
the same boxes masked, 81 % had less."""
_BLOCKS = 4
"""Fewer blocks with structure, and likeness is not judged."""
_SPREAD = 2.0
"""Standard deviation of a block with structure, in grey levels."""
_SAME, _OTHER = 0.98, 0.05
"""Correlation with another original that says which it is, and how far the own one is below it."""


def other_pictures(
    originals: Readable, copies: Readable, regions: Mapping[str, Sequence[Region]]
) -> list[str]:
    """Ids of copies that show another picture than their original.

    Pictures are compared where no region is. If too little is left there, or it has no structure,
    a copy is a wrong one only if another original looks like it and its own does not.

    Args:
        originals: by id.
        copies: of the same sizes, with the same ids.
        regions: of each image.

    """
    reduced, unclear, wrong = {}, {}, []
    for name in track(sorted(regions), len(regions), "copies compared"):
        pixels = originals.read(name)
        reduced[name], shown = _reduced(pixels), _reduced(copies.read(name))
        free = _free(regions[name], pixels.shape) & ~_blank(reduced[name], shown)
        found = likeness(reduced[name], shown, free)
        if math.isnan(found):
            unclear[name] = shown
        elif found < _LEAST:
            wrong.append(name)
    own = {name: place for place, name in enumerate(reduced)}
    known = _standard(np.array([*reduced.values()], dtype=np.uint8))
    for name, shown in unclear.items():
        match = known @ _standard(shown[None])[0]
        if match.max() >= max(_SAME, match[own[name]] + _OTHER):
            wrong.append(name)
    return sorted(wrong)


def likeness(original: np.ndarray, copy: np.ndarray, free: np.ndarray) -> float:
    """Median correlation of blocks with structure in both pictures; NaN if there are too few.

    A median, since a program may hide more than the regions.

    Args:
        original: reduced, uint8 [64, 64].
        copy: the same.
        free: where no region is, bool [64, 64].

    """
    one, other, weight = (_blocks(each.astype(np.float64)) for each in (original, copy, free))
    count = weight.sum(axis=1, keepdims=True)
    used = count[:, 0] >= _BLOCK**2 / 4
    one, other, weight, count = one[used], other[used], weight[used], count[used]
    one, other = (
        weight * (each - (weight * each).sum(axis=1, keepdims=True) / count)
        for each in (one, other)
    )
    spread = np.sqrt(np.array([(each**2).sum(axis=1) for each in (one, other)]) / count[:, 0])
    clear = (spread > _SPREAD).all(axis=0)
    if np.count_nonzero(clear) < _BLOCKS:
        return math.nan
    products = (one * other).sum(axis=1) / count[:, 0]
    return float(np.median(products[clear] / spread.prod(axis=0)[clear]))


def _reduced(pixels: np.ndarray) -> np.ndarray:
    grey = pixels if pixels.ndim == 2 else cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY)
    return np.asarray(cv2.resize(grey, (_SIDE, _SIDE), interpolation=cv2.INTER_AREA))


def _free(regions: Sequence[Region], shape: tuple[int, ...]) -> np.ndarray:
    free = np.ones((_SIDE, _SIDE), dtype=bool)
    for each in regions:
        rows, columns = (
            _cells(low, high, size)
            for low, high, size in ((each.y0, each.y1, shape[0]), (each.x0, each.x1, shape[1]))
        )
        free[rows, columns] = False
    return free


def _blank(original: np.ndarray, copy: np.ndarray) -> np.ndarray:
    """Where, or next to where, a copy is of one shade and its original is not."""
    around = np.ones((3, 3), dtype=np.uint8)
    own, shown = (cv2.dilate(each, around) - cv2.erode(each, around) for each in (original, copy))
    hidden = ((shown <= _SPREAD) & (own > _SPREAD)).astype(np.uint8)
    return np.asarray(cv2.dilate(hidden, around, iterations=2), dtype=bool)


def _cells(low: float, high: float, size: int) -> slice:
    more = _GROWN * (high - low)
    first, last = (_SIDE * end / size for end in (low - more, high + more))
    return slice(max(0, math.floor(first)), max(0, math.ceil(last)))


def _blocks(picture: np.ndarray) -> np.ndarray:
    parts = _SIDE // _BLOCK
    tiles = picture.reshape(parts, _BLOCK, parts, _BLOCK).swapaxes(1, 2)
    return tiles.reshape(parts**2, _BLOCK**2)


def _standard(pictures: np.ndarray) -> np.ndarray:
    """Pictures [N, 64, 64] as vectors whose product is their correlation, float32 [N, 4096]."""
    rows = pictures.reshape(len(pictures), -1).astype(np.float32)
    rows -= rows.mean(axis=1, keepdims=True)
    norms = np.linalg.norm(rows, axis=1, keepdims=True)
    return np.asarray(rows / np.where(norms, norms, 1.0))
