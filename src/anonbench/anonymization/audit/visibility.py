"""Check that regions are hidden at all, by whatever methods; and what such checks share.

Steps that are each right may leave the original: a negative of a negative, blocks of two pixels in
a large face. So regions are compared by detail, the difference of pixels from their neighbours'
mean. The share of its energy that is unchanged, `1 - |after - before|² / |before|²`, is 1 for the
original, even if it is brighter, and 0 for one colour (docs/explanation/threat-model.md).

Regions are uint8 [c, h, w], their own pixels bool [h, w]. OpenCV is imported where it is used: the
config is read with this module.
"""

import math
from collections.abc import Iterable, Iterator
from itertools import product
from typing import Any

import numpy as np

from anonbench.anonymization.audit import NotHidden

_ACROSS = 32  # shorter side, in pixels, of a thumbnail that shows no fine blocks and narrow blurs
_INSIDE = 0.999  # least share of a thumbnail's pixel that must belong to the region
_NEAR = 4.0  # grey levels of detail; a pixel that differs by no more counts as nearly unchanged
_LEAST = 64  # least number of pixels with detail for a verdict on a region
_COARSE = 0.97  # limit of the detail left by a method that promises to leave none
_WEAK, _MOST = 0.9, 0.5  # limits for others: of detail, and of the share of pixels nearly unchanged
_LIKE, _LIKE_NONE = 0.95, 0.5  # limits of the correlation of detail, see `check_custom_method`
_CROSS = np.array([[0, 1, 0], [1, 1, 1], [0, 1, 0]], np.uint8)
_DETAIL = np.array([[0, -0.25, 0], [-0.25, 1, -0.25], [0, -0.25, 0]], np.float32)
_RUN = 16  # number of changes between neighbouring pixels that make a row or column unique


def near(written: np.ndarray, expected: Iterable[Any], allowed: float = 0.5) -> np.ndarray:
    """Whether a region, uint8 [c, h, w], is near a plane for each channel; bool [h, w].

    That is less than `allowed` grey levels away: with half a level, an expected value that ends in
    .5 is near neither of its neighbours. Planes are best made one by one, for they may be large.
    """
    kept = np.ones(written.shape[1:], bool)
    for shown, plane in zip(written, expected, strict=True):
        off = np.subtract(shown, plane, dtype=np.result_type(plane, np.float32))
        kept &= np.abs(off, out=off) < allowed
    return kept


def block_means(planes: np.ndarray, counts: tuple[int, int]) -> np.ndarray:
    """Means of [c, h, w] over even blocks, float64 [c, rows, columns]; parts of pixels count."""
    weights = []
    for length, count in zip(planes.shape[1:], counts, strict=True):
        edges = np.arange(count + 1)[:, None] * length / count
        weights.append(np.diff(np.clip(edges - np.arange(length), 0, 1).T))
    means = np.empty((len(planes), *counts))
    for mean, plane in zip(means, planes, strict=True):
        mean[:] = weights[0].T @ plane @ weights[1]
    means *= math.prod(counts) / planes[0].size
    return means


def check_visibility(
    before: np.ndarray, after: np.ndarray, own: np.ndarray, entity: str, is_weak: bool
) -> None:
    """Refuse a region that is nearly unchanged (NotHidden); weak methods may leave most of it."""
    if is_weak:
        apart = np.maximum(before, after) - np.minimum(before, after)
        many = own.any() and np.mean((apart.max(axis=0) <= _NEAR)[own]) >= _MOST
        left, limit = _unchanged(before, after, own, together=True) if many else 0.0, _WEAK
    else:
        left, limit = _unchanged(before, after, own), _COARSE
        if min(own.shape) > _ACROSS:
            left = max(left, seen_in_thumbnail(before, after, own))
    if left >= limit:
        raise NotHidden(f"a region ({entity}) is not hidden: {left:.0%} of its detail is left")


def check_custom_method(
    before: np.ndarray, after: np.ndarray, own: np.ndarray, information_left: str
) -> None:
    """Refuse a region that another package's method left visible: raise NotHidden.

    Unless the method says that it is weak, the check searches for the region, upright or mirrored,
    in any channel, brighter, darker or as a negative, and for its rows and columns.
    """
    seen = before[:, own]
    if np.array_equal(seen, after[:, own]) and seen.size and np.ptp(seen, axis=1).any():
        raise NotHidden("a region is unchanged")
    if information_left in ("most", "all"):
        return
    differs = (before != after).any(axis=0) & own
    on_its_side = before.swapaxes(1, 2), differs.T, own.T
    for planes, changed, mask in ((before, differs, own), on_its_side):
        steps = (planes[:, :, 1:] != planes[:, :, :-1]).any(axis=0) & mask[:, 1:] & mask[:, :-1]
        if ((steps.sum(axis=1) >= _RUN) & ~changed.any(axis=1)).any():
            raise NotHidden("a row or a column of a region is unchanged")
    small, inside = _reduced(before), _reduced(own[None])
    shown, found = np.concatenate([_reduced(after), inside]), 0.0
    for turns, along in product(range(4), (1, -1)):
        *turned, its = np.rot90(shown, turns, axes=(1, 2))[:, :, ::along]
        if its.shape == inside[0].shape:
            found = max(found, _likeness(small, turned, np.minimum(inside[0], its) > _INSIDE))
    if found >= (_LIKE_NONE if information_left == "none" else _LIKE):
        raise NotHidden(
            f"a region is not hidden: its detail correlates with the original's ({found:.2f})"
        )


def seen_in_thumbnail(
    before: np.ndarray, after: np.ndarray, own: np.ndarray, across: int = _ACROSS
) -> float:
    """Share of detail left in a thumbnail with so many pixels across, of the channel with most."""
    inside = _reduced(own[None], across)[0] > _INSIDE
    return _unchanged(_reduced(before, across), _reduced(after, across), inside)


def _unchanged(
    before: np.ndarray, after: np.ndarray, own: np.ndarray, together: bool = False
) -> float:
    """Share of unchanged detail in all channels or in the one with most; 0 of too little detail."""
    sums = []
    for was, new in zip(_details(before, own), _details(after, own), strict=True):
        told = np.count_nonzero(np.abs(was) >= _NEAR)
        squares = (np.square(each).sum(dtype=np.float64) for each in (was, new - was))
        sums.append((told, *squares))
    counts, energies, changes = np.array(sums).T
    if together:
        counts, energies, changes = counts.max(keepdims=True), energies.sum(), changes.sum()
    shares = 1.0 - changes / np.maximum(energies, 1e-9)
    return float(np.where(counts >= _LEAST, shares, 0.0).max())


def _likeness(before: Iterable[np.ndarray], after: Iterable[np.ndarray], own: np.ndarray) -> float:
    """Greatest correlation of detail between any two channels, of either sign."""
    was, new = (np.array([*_details(each, own)], np.float64) for each in (before, after))
    told = (np.abs(was) >= _NEAR).sum(axis=1) >= _LEAST
    lengths = np.outer(np.linalg.norm(was, axis=1), np.linalg.norm(new, axis=1))
    return float((np.abs(was @ new.T) / np.maximum(lengths, 1e-9))[told].max(initial=0.0))


def _details(planes: Iterable[np.ndarray], own: np.ndarray) -> Iterator[np.ndarray]:
    """Detail of each channel, one at a time, at pixels whose neighbours belong to a region too."""
    import cv2

    inside = cv2.erode(own.view(np.uint8), _CROSS, borderValue=[0.0]).view(bool)
    for plane in planes:
        yield cv2.filter2D(plane, cv2.CV_32F, _DETAIL)[inside]


def _reduced(planes: np.ndarray, across: int = _ACROSS) -> np.ndarray:
    """Means over even parts, as a thumbnail has them, float32 [c, h, w]."""
    import cv2

    share = min(1.0, across / min(planes.shape[1:]))
    height, width = (max(1, round(side * share)) for side in planes.shape[1:])
    size, area = (width, height), cv2.INTER_AREA
    parts = (plane.astype(np.float32) for plane in planes)
    return np.stack([cv2.resize(each, size, interpolation=area) for each in parts])
