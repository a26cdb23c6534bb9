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

ACROSS = 32  # shorter side, in pixels, of a thumbnail that shows no fine blocks and narrow blurs
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
    means = np.stack([weights[0].T @ plane @ weights[1] for plane in planes])
    return np.asarray(means * (math.prod(counts) / planes[0].size))


def check_visibility(
    before: np.ndarray, after: np.ndarray, own: np.ndarray, entity: str, is_weak: bool
) -> None:
    """Refuse a region that is nearly unchanged (NotHidden); weak methods may leave most of it."""
    if is_weak:
        apart = np.maximum(before, after) - np.minimum(before, after)
        many = own.any() and np.mean((apart.max(axis=0) <= _NEAR)[own]) >= _MOST
        left, limit = detail_left(before, after, own, together=True) if many else 0.0, _WEAK
    else:
        left, limit = detail_left(before, after, own), _COARSE
        if min(own.shape) > ACROSS:
            left = max(left, detail_left(before, after, own, ACROSS))
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
    small, shown, inside = _thumbnails(before, after, own, ACROSS)
    found = 0.0
    for turns, along in product(range(4), (1, -1)):
        turned, its = (np.rot90(a, turns, (-2, -1))[..., ::along] for a in (shown, inside))
        if its.shape == inside.shape:
            found = max(found, _likeness(small, turned, inside & its))
    if found >= (_LIKE_NONE if information_left == "none" else _LIKE):
        raise NotHidden(
            f"a region is not hidden: its detail correlates with the original's ({found:.2f})"
        )


def detail_left(
    before: np.ndarray, after: np.ndarray, own: np.ndarray, across: int = 0, together: bool = False
) -> float:
    """Share of unchanged detail; 0 where there is too little of it.

    It is that of the channel with most, or of all `together`; or that of a thumbnail with so many
    pixels `across` its shorter side.
    """
    if across:
        before, after, own = _thumbnails(before, after, own, across)
    sums = []
    for was, new in _details(before, after, own):
        squares = (np.square(each).sum(dtype=float) for each in (was, new - was))
        sums.append((np.count_nonzero(np.abs(was) >= _NEAR), *squares))
    counts, energies, changes = np.array(sums).T
    if together:
        counts, energies, changes = counts.max(keepdims=True), energies.sum(), changes.sum()
    shares = 1.0 - changes / np.maximum(energies, 1e-9)
    return float(np.where(counts >= _LEAST, shares, 0.0).max())


def _likeness(before: np.ndarray, after: np.ndarray, own: np.ndarray) -> float:
    """Greatest correlation of detail between any two channels, of either sign."""
    was, new = np.transpose([*_details(before, after, own)], (1, 0, 2)).astype(np.float64)
    told = np.count_nonzero(np.abs(was) >= _NEAR, axis=1) >= _LEAST
    lengths = np.outer(np.linalg.norm(was, axis=1), np.linalg.norm(new, axis=1))
    return float((np.abs(was @ new.T) / np.maximum(lengths, 1e-9))[told].max(initial=0.0))


def _details(before: np.ndarray, after: np.ndarray, own: np.ndarray) -> Iterator[Any]:
    """Detail of each channel of both, at pixels whose neighbours belong to a region too."""
    import cv2

    inside = cv2.erode(own.view(np.uint8), _CROSS, borderValue=[0.0]).view(bool)
    return (
        tuple(cv2.filter2D(each, cv2.CV_32F, _DETAIL)[inside] for each in channel)
        for channel in zip(before, after, strict=True)
    )


def _thumbnails(
    before: np.ndarray, after: np.ndarray, own: np.ndarray, across: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Means over even parts, float32 [c, h, w], and which of them are a region's, bool [h, w]."""
    import cv2

    share = min(1.0, across / min(own.shape))
    height, width = (max(1, round(side * share)) for side in own.shape)
    *planes, inside = (
        cv2.resize(each.astype(np.float32), (width, height), interpolation=cv2.INTER_AREA)
        for each in (*before, *after, own)
    )
    small, shown = np.split(np.stack(planes), 2)
    return small, shown, inside > _INSIDE
