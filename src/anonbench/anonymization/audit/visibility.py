"""Check that regions are hidden at all, by whatever methods.

Each step is checked by itself, and yet the result of all may be the original: a negative of a
negative, a swirl of a thousandth of a turn, blocks of two pixels in a large face. So a region is
compared with the original once more, by its detail: the difference of pixels from the mean of their
neighbours.
The share of its energy that is unchanged, `1 - |after - before|² / |before|²`, is 1 for the
original, even if it is brighter, and 0 for one colour. Flat parts and even shades have no detail:
white paper may stay white, and a blur keeps smooth parts.

Limits and measurements: docs/explanation/threat-model.md. Regions are uint8 [c, h, w], their own
pixels bool [h, w].
"""

from __future__ import annotations

from collections.abc import Iterator

import cv2
import numpy as np

from anonbench.anonymization.audit import NotHidden

_ACROSS = 32
"""Shorter side, in pixels, of a thumbnail that shows no fine blocks and narrow blurs."""
_INSIDE = 0.999
"""Least share of a thumbnail's pixel that must belong to the region."""
_NEAR = 4.0
"""Grey levels of detail; a pixel that differs by no more counts as nearly unchanged."""
_LEAST = 64
"""Least number of pixels with detail for a verdict on a region."""
_COARSE = 0.97
"""Limit of the detail left by a method that promises to leave none."""
_WEAK, _MOST = 0.9, 0.5
"""Limits of detail, and of the share of nearly unchanged pixels, for any other method."""
_LIKE, _LIKE_NONE = 0.95, 0.5
"""Limits of the correlation of detail: for another package's method, and for one that claims to
leave nothing.
"""
_CROSS = np.array([[0, 1, 0], [1, 1, 1], [0, 1, 0]], np.uint8)
_DETAIL = np.array([[0, -0.25, 0], [-0.25, 1, -0.25], [0, -0.25, 0]], np.float32)
_RUN = 16
"""Number of changes between neighbouring pixels that make a row or column unique."""


def check_visibility(
    before: np.ndarray, after: np.ndarray, own: np.ndarray, entity: str, is_weak: bool
) -> None:
    """Refuse a region that is nearly unchanged: raise NotHidden.

    `is_weak`: whether its methods promise to leave most of it.
    """
    if is_weak:
        apart = np.maximum(before, after) - np.minimum(before, after)
        nearly = (apart.max(axis=0) <= _NEAR)[own]
        many = nearly.size and nearly.mean() >= _MOST
        left, limit = _unchanged(before, after, own, together=True) if many else 0.0, _WEAK
    else:
        left, limit = _unchanged(before, after, own), _COARSE
        if min(own.shape) > _ACROSS:
            left = max(left, seen_in_thumbnail(before, after, own))
    if left >= limit:
        raise NotHidden(f"a region ({entity}) is not hidden: {left:.0%} of its detail is left")


def check_custom_method(
    before: np.ndarray, after: np.ndarray, own: np.ndarray, claims_none: bool
) -> None:
    """Refuse a region that another package's method left visible, whatever that claims.

    The check searches for the region, upright or mirrored, in any channel, brighter, darker or as a
    negative, and for its rows and columns. It raises NotHidden. `claims_none`: whether the method
    claims to leave nothing.
    """
    differs = (before != after).any(axis=0) & own
    on_its_side = before.swapaxes(1, 2), differs.T, own.T
    for planes, changed, mask in ((before, differs, own), on_its_side):
        steps = (planes[:, :, 1:] != planes[:, :, :-1]).any(axis=0) & mask[:, 1:] & mask[:, :-1]
        if ((steps.sum(axis=1) >= _RUN) & ~changed.any(axis=1)).any():
            raise NotHidden("a row or a column of a region is unchanged")
    small, shown, inside = (_reduced(each) for each in (before, after, own[None]))
    upright = [(shown, inside[0])]
    on_side = [(shown.swapaxes(1, 2), inside[0].T)] if own.shape[0] == own.shape[1] else []
    found = max(
        _likeness(small, image[:, ::down, ::along], np.minimum(inside[0], its[::down, ::along]))
        for image, its in upright + on_side
        for down in (1, -1)
        for along in (1, -1)
    )
    if found >= (_LIKE_NONE if claims_none else _LIKE):
        raise NotHidden(
            f"a region is not hidden: its detail correlates with the original's ({found:.2f})"
        )


def seen_in_thumbnail(
    before: np.ndarray, after: np.ndarray, own: np.ndarray, across: int = _ACROSS
) -> float:
    """Share of detail left in a thumbnail with so many pixels across, of the channel with most."""
    small, shown, inside = (_reduced(each, across) for each in (before, after, own[None]))
    return _unchanged(small, shown, inside[0] > _INSIDE)


def _unchanged(
    before: np.ndarray, after: np.ndarray, own: np.ndarray, together: bool = False
) -> float:
    """Share of unchanged detail in all channels or in the one with most; 0 of too little detail."""
    sums = []
    for was, new in zip(_details(before, own), _details(after, own), strict=True):
        squares = (np.square(each).sum(dtype=np.float64) for each in (was, new - was))
        sums.append((np.count_nonzero(np.abs(was) >= _NEAR), *squares))
    counts, energy, changed = np.array(sums).T
    if together:
        counts, energy, changed = counts.max(keepdims=True), energy.sum(), changed.sum()
    shares = 1.0 - changed / np.maximum(energy, 1e-9)
    return float(np.where(counts >= _LEAST, shares, 0.0).max())


def _likeness(before: np.ndarray, after: np.ndarray, own: np.ndarray) -> float:
    """Greatest correlation of detail between any two channels, of either sign."""
    own = own > _INSIDE
    was, new = (np.array([*_details(each, own)], np.float64) for each in (before, after))
    told = (np.abs(was) >= _NEAR).sum(axis=1) >= _LEAST
    lengths = np.outer(np.linalg.norm(was, axis=1), np.linalg.norm(new, axis=1))
    return float((np.abs(was @ new.T) / np.maximum(lengths, 1e-9))[told].max(initial=0.0))


def _details(planes: np.ndarray, own: np.ndarray) -> Iterator[np.ndarray]:
    """Yield differences to the mean of four neighbours, where all belong to a mask, float32 [n].

    One channel at a time: images may be large.
    """
    inside = cv2.erode(own.view(np.uint8), _CROSS, borderValue=[0.0]).view(bool)
    for plane in planes:
        yield np.asarray(cv2.filter2D(plane, cv2.CV_32F, _DETAIL))[inside]


def _reduced(planes: np.ndarray, across: int = _ACROSS) -> np.ndarray:
    """Means over even parts, as a thumbnail has them, float32 [c, h, w]."""
    share = min(1.0, across / min(planes.shape[1:]))
    height, width = (max(1, round(side * share)) for side in planes.shape[1:])
    size = width, height
    wide = (plane.astype(np.float32) for plane in planes)
    return np.stack([cv2.resize(plane, size, interpolation=cv2.INTER_AREA) for plane in wide])
