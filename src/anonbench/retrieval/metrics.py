"""Average precision and nDCG of rankings against a reference ranking, exact and without a sort.

All similarities are blocks [queries, N] whose columns are the database in id order. AP is
Σ_r P(r)·Δrecall(r); nDCG@k takes the reference similarity of whatever was retrieved as gain, the
only reading under which the values published in arXiv 2602.19641 are possible.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from anonbench.config import Retrieval
from anonbench.errors import InputError
from anonbench.ranking import Order, row_chunks, threads


def cutoff(images: int, settings: Retrieval) -> int:
    """Return k = floor(fraction · N), N the images that can be retrieved for a query.

    Raises:
        InputError: k is 0; the message says how many images are needed.

    """
    share = Fraction(str(settings.fraction))  # 0.29 · 100 is 29, not 28.999…
    own = 0 if settings.include_self else 1
    k = math.floor(share * (images - own))
    if k < 1:
        raise InputError(
            f"retrieval.fraction {settings.fraction} of {images} images is no image at all; "
            f"it needs at least {math.ceil(1 / share) + own} images or a larger fraction"
        )
    return k


def gains(similarity: np.ndarray, settings: Retrieval) -> np.ndarray:
    """Return the gain of images with these reference similarities, float64, same shape."""
    values = similarity.astype(np.float64)
    if settings.negative_gain == "clip":
        values = np.maximum(values, 0.0)
    elif settings.negative_gain == "shift":
        values = (values + 1.0) / 2.0
    return np.exp2(values) - 1.0 if settings.gain == "exponential" else values


def discounts(k: int) -> np.ndarray:
    """Return 1 / log2(r + 1) for the ranks r = 1 … k."""
    return np.asarray(1.0 / np.log2(np.arange(2, k + 2)))


@dataclass(frozen=True)
class Reference:
    """What the reference ranking says about a block of queries."""

    similarity: np.ndarray
    """Reference similarities [queries, N]."""
    relevant: np.ndarray
    """The relevant images of each query in reference order [queries, k]."""
    ideal: np.ndarray
    """DCG of the reference ranking [queries]."""
    chance: np.ndarray
    """Expected nDCG of a random ranking [queries]; NaN where nDCG is undefined."""


def exclude_own(similarity: np.ndarray, first: int) -> None:
    """Put each query's own image last, in place: row i's own column is `first` + i."""
    rows = np.arange(len(similarity))
    lowest = similarity.min(axis=1)
    similarity[rows, first + rows] = np.nextafter(lowest, np.float32(-np.inf))


def reference(similarity: np.ndarray, k: int, first: int, settings: Retrieval) -> Reference:
    """Rank a block of reference similarities [queries, N].

    Where a query's own image does not count, `exclude_own` comes before; `first` is the column of
    the first query's own image.
    """
    rows, size = similarity.shape
    weights = discounts(k)
    relevant = np.empty((rows, k), dtype=np.int64)
    ideal, total = np.empty(rows), np.empty(rows)
    plain = settings.gain == "linear" and settings.negative_gain == "keep"

    def rank(part: range) -> None:
        for row in part:
            values = similarity[row]
            relevant[row] = Order(values).first(k)
            ideal[row] = _dcg(values, relevant[row], weights, settings)
            # a sum of float32 in float64 equals the sum of the linear gains, without the copy
            total[row] = (values if plain else gains(values, settings)).sum(dtype=np.float64)

    _over_rows(rank, rows)
    if not settings.include_self:
        own = similarity[np.arange(rows), first + np.arange(rows)]
        total -= gains(own, settings)
        size -= 1
    chance = _ratio(total / size * weights.sum(), ideal)
    return Reference(similarity, relevant, ideal, chance)


def score(
    truth: Reference, similarity: np.ndarray, settings: Retrieval
) -> tuple[np.ndarray, np.ndarray]:
    """Score a block of similarities [queries, N] against the reference.

    Returns:
        AP and nDCG@k of each query, float64 [queries]. nDCG is NaN where the ideal gain is not
        positive: a share of nothing, or of a loss, says nothing.

    """
    rows, k = truth.relevant.shape
    weights, hits = discounts(k), np.arange(1, k + 1)
    ap, dcg = np.empty(rows), np.empty(rows)

    def rank(part: range) -> None:
        for row in part:
            order = Order(similarity[row])
            if settings.ap_depth == "full":
                found, ranks = order.first_and_ranks(k, truth.relevant[row])
            else:
                found = order.first(k)
                ranks = np.flatnonzero(np.isin(found, truth.relevant[row])) + 1
            ap[row] = (hits[: len(ranks)] / ranks).sum() / k
            dcg[row] = _dcg(truth.similarity[row], found, weights, settings)

    _over_rows(rank, rows)
    return ap, _ratio(dcg, truth.ideal)


def chance_ap(images: int, k: int, settings: Retrieval) -> float:
    """Return the expected AP of a random ranking in which k of the images are relevant.

    The image at rank r is relevant with probability k/N, and those before it hold
    (r - 1)(k - 1)/(N - 1) relevant ones on average; summed over the ranks r ≤ depth.
    """
    size = images if settings.include_self else images - 1
    depth = size if settings.ap_depth == "full" else k
    harmonic = float(np.sum(1.0 / np.arange(1, depth + 1)))
    others = (k - 1) / (size - 1) if size > 1 else 0.0
    return (harmonic + others * (depth - harmonic)) / size


def _dcg(
    similarity: np.ndarray, positions: np.ndarray, weights: np.ndarray, settings: Retrieval
) -> float:
    # summed by NumPy and not by BLAS: the same gains in the same order give the same bits
    return float((gains(similarity.take(positions), settings) * weights).sum())


def _ratio(values: np.ndarray, ideal: np.ndarray) -> np.ndarray:
    defined = ideal > 0
    return np.where(defined, values / np.where(defined, ideal, 1.0), np.nan)


def _over_rows(work: Callable[[range], None], rows: int) -> None:
    count = threads()
    if count == 1:
        work(range(rows))
        return
    with ThreadPoolExecutor(count) as pool:
        list(pool.map(work, row_chunks(rows, count)))
