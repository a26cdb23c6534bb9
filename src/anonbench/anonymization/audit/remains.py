"""Check that regions are hidden at all, whatever the steps of their methods promise.

Each step is proved by itself, and yet their sum may be the original: a negative of a negative, a
swirl of a thousandth of a turn, blocks of two pixels in a large face. So a region is compared with
the original once more, by its detail: how far pixels are from the mean of their neighbours. The
share of its energy that is as it was, `1 - |after - before|² / |before|²`, is 1 for the original,
also where it is brighter, and 0 for one colour. Flat parts and even shades have no detail: white
paper may stay white, and a blur keeps what is smooth.

Limits and what was seen: docs/explanation/threat-model.md.
"""

from __future__ import annotations

from collections.abc import Iterator

import cv2
import numpy as np

from anonbench.anonymization.audit.errors import NotHidden
from anonbench.anonymization.audit.loops import detail

_ACROSS = 32
"""Pixels of the shorter side of a thumbnail, in which fine blocks and narrow blurs are not seen."""
_INSIDE = 0.999
"""Share of a thumbnail's pixel that is the region's."""
_NEAR = 4.0
"""Grey levels of detail; a pixel that differs by no more is nearly as it was."""
_LEAST = 64
"""Pixels with detail, below which too little is in a region to tell."""
_COARSE = 0.97
"""Detail that is too much for a method which promises to leave none."""
_WEAK, _MOST = 0.9, 0.5
"""Detail and share of pixels nearly as they were, that are too much for any other method."""
_LIKE, _LIKE_NONE = 0.95, 0.5
"""Correlation of detail that is too much for another package's method; and for one that claims to
leave nothing."""
_RUN = 16
"""Changes from pixel to pixel that make a row or a column no other one."""


def check_remains(
    before: np.ndarray, after: np.ndarray, own: np.ndarray, entity: str, is_weak: bool
) -> None:
    """Refuse a region that is nearly as it was.

    Args:
        before: uint8 [c, h, w], the original.
        after: of the same shape, as it was written.
        own: bool [h, w], the region's pixels.
        entity: what it shows.
        is_weak: whether its methods promise to leave most of it.

    Raises:
        NotHidden: it is.

    """
    sums, nearly = detail(before, after, own, _NEAR)
    if is_weak:
        together = np.array([sums[:, 0].max(), *sums[:, 1:].sum(axis=0)])
        left, limit = _kept(together) if nearly >= _MOST else 0.0, _WEAK
    else:
        left, limit = _most(sums), _COARSE
        if min(own.shape) > _ACROSS:
            left = max(left, seen_in_thumbnail(before, after, own))
    if left >= limit:
        raise NotHidden(f"a region ({entity}) is not hidden: {left:.0%} of its detail is left")


def check_unlike(before: np.ndarray, after: np.ndarray, own: np.ndarray, claims_none: bool) -> None:
    """Refuse a region that another package's method left, whatever that says of it.

    Looked for are the region, upright or mirrored, in any channel, brighter, darker or as a
    negative, and its rows and columns.

    Args:
        before: uint8 [c, h, w], the region before.
        after: of the same shape.
        own: bool [h, w], the region's pixels.
        claims_none: whether the method claims to leave nothing.

    Raises:
        NotHidden: it is there.

    """
    same = (before == after).all(axis=0)
    if any(_has_a_row(*each) for each in ((before, same, own), _on_its_side(before, same, own))):
        raise NotHidden("a row or a column of a region is as it was")
    small, shown, inside = map(_reduced, (before, after, own[None]))
    found = max(_likeness(small, inside[0], *each) for each in _mirrored(shown, inside[0]))
    if found >= (_LIKE_NONE if claims_none else _LIKE):
        raise NotHidden(
            f"a region is not hidden: its detail correlates with what it was ({found:.2f})"
        )


def seen_in_thumbnail(
    before: np.ndarray, after: np.ndarray, own: np.ndarray, across: int = _ACROSS
) -> float:
    """Return the share of detail that is left in a thumbnail, of the channel that has most of it.

    Args:
        before: uint8 [c, h, w].
        after: of the same shape.
        own: bool [h, w], the region's pixels.
        across: pixels of the thumbnail's shorter side.

    """
    if min(own.shape) <= across:
        return _most(detail(before, after, own, _NEAR)[0])
    small, shown, inside = (_reduced(each, across) for each in (before, after, own[None]))
    return _most(detail(small, shown, inside[0] > _INSIDE, _NEAR)[0])


def _most(sums: np.ndarray) -> float:
    return max(map(_kept, sums))


def _kept(sums: np.ndarray) -> float:
    """Return the share of detail that is as it was, 0 where there is too little of it."""
    count, energy, changed = sums.tolist()
    return 1.0 - changed / energy if count >= _LEAST else 0.0


def _reduced(planes: np.ndarray, across: int = _ACROSS) -> np.ndarray:
    """Return float32 [c, h, w]: means over even parts, as a thumbnail has them."""
    height, width = planes.shape[1:]
    share = min(1.0, across / min(height, width))
    size = max(1, round(width * share)), max(1, round(height * share))
    wide = planes.astype(np.float32)
    return np.stack([cv2.resize(plane, size, interpolation=cv2.INTER_AREA) for plane in wide])


def _has_a_row(before: np.ndarray, same: np.ndarray, own: np.ndarray) -> bool:
    """Tell whether a row of a region, of many values, is as it was."""
    changes = (before[:, :, 1:] != before[:, :, :-1]).any(axis=0) & own[:, 1:] & own[:, :-1]
    return bool(((same | ~own).all(axis=1) & (changes.sum(axis=1) >= _RUN)).any())


def _on_its_side(planes: np.ndarray, *masks: np.ndarray) -> tuple[np.ndarray, ...]:
    return planes.transpose(0, 2, 1), *(mask.T for mask in masks)


def _mirrored(planes: np.ndarray, own: np.ndarray) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yield images and their masks in all mirror images of the same shape."""
    ways = [(planes, own)]
    if own.shape[0] == own.shape[1]:
        ways.append((planes.transpose(0, 2, 1), own.T))
    for image, mask in ways:
        for down in (1, -1):
            for across in (1, -1):
                yield image[:, ::down, ::across], mask[::down, ::across]


def _likeness(before: np.ndarray, own: np.ndarray, after: np.ndarray, its: np.ndarray) -> float:
    """Return the greatest correlation of detail between any two channels, of either sign."""
    both = np.minimum(own, its) > _INSIDE
    inner = both[1:-1, 1:-1] & both[:-2, 1:-1] & both[2:, 1:-1] & both[1:-1, :-2] & both[1:-1, 2:]
    was, new = (_laplacian(planes)[:, inner] for planes in (before, after))
    told = (np.abs(was) >= _NEAR).sum(axis=1) >= _LEAST
    lengths = np.outer(np.linalg.norm(was, axis=1), np.linalg.norm(new, axis=1))
    found = np.abs(was @ new.T) / np.maximum(lengths, 1e-9)
    return float(found[told].max(initial=0.0))


def _laplacian(planes: np.ndarray) -> np.ndarray:
    beside = planes[:, 1:-1, :-2] + planes[:, 1:-1, 2:]
    above = planes[:, :-2, 1:-1] + planes[:, 2:, 1:-1]
    return np.asarray(planes[:, 1:-1, 1:-1] - (beside + above) / 4, np.float64)
