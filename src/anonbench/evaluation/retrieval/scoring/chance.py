"""Expected scores of a random ranking, and of one in which the own image always comes first.

An anonymized query that is the database's own vector finds itself first, whatever the model has
learned: that score is the floor. These are exact expectations: every metric except mnDCG depends on
how many and which places two random lists share, and mnDCG is the mean gain of an image.
"""

from functools import reduce
from operator import truediv
from typing import Any

import numpy as np

from anonbench.config import Retrieval
from anonbench.evaluation.retrieval.scoring.metrics import cutoff, retrievable

AT_TOP = frozenset({"overlap_top", "tau", "unchanged"})
"""Metrics of the first `Retrieval.top` results; the others are of the first k."""


Levels = dict[str, float | None]
"""Scores of a ranking without knowledge, by metric; None if undefined."""


def levels(
    images: int, settings: Retrieval, own_first: bool = False, ndcg: np.ndarray | None = None
) -> Levels:
    """Expected score of a random ranking of the database's images, by metric.

    Settings are those of `metrics.effective_settings`. With `own_first` the query's own image comes
    first in both rankings; it is ignored if own images do not count. `ndcg` is the expected nDCG of
    each query [Q], NaN if undefined; None: mnDCG is left out.
    """
    size, k = retrievable(images, settings), cutoff(images, settings)
    top = min(settings.top, size)
    first = int(own_first and settings.include_self)
    return {
        "map": chance_ap(images, settings, own_first),
        "overlap": _shared(size, k, first) / k,
        "overlap_top": _shared(size, top, first) / top,
        "rbo": _rbo(size, k, settings.persistence, first),
        "tau": _tau(size, top, first),
        "unchanged": _unchanged(size, top, first),
    } | ({} if ndcg is None else {"mndcg": mean(ndcg)})


def mean(values: np.ndarray) -> float | None:
    """Mean of the defined values; None if there are none (JSON has no NaN)."""
    defined = values[~np.isnan(values)]
    return float(defined.mean()) if len(defined) else None


def chance_ap(images: int, settings: Retrieval, own_first: bool = False) -> float:
    """Expected AP of a random ranking in which k of the images are relevant.

    The image at rank r is relevant with probability k/N, and there are (r - 1)(k - 1)/(N - 1)
    relevant images before it on average (Bestgen 2015, Prague Bulletin of Mathematical Linguistics
    103:131-138). If the own image comes first, it is relevant, and the same holds from rank 2 on
    for the others. `own_first` is ignored if own images do not count.
    """
    size, k = retrievable(images, settings), cutoff(images, settings)
    depth = size if settings.ap_depth == "full" else k
    first = int(own_first and settings.include_self)
    left, relevant = size - first, k - first
    if not left or not relevant:
        return 1.0
    ranks = np.arange(first + 1, depth + 1, dtype=np.float64)
    others = (relevant - 1) / (left - 1) if left > 1 else 0.0
    precision = (first + 1 + (ranks - first - 1) * others) / ranks
    return float(first + relevant / left * precision.sum()) / k


def _shared(size: int, depth: Any, first: int) -> Any:
    """Expected number of shared images at a depth: those first in both, t²/N of t others of N."""
    return first + (depth - first) ** 2 / max(size - first, 1)


def _rbo(size: int, k: int, persistence: float, first: int) -> float:
    """Expected RBO_ext, which is linear in the number of shared images at each depth."""
    depths = np.arange(1, k + 1)
    weights = persistence**depths
    agreement = _shared(size, depths, first) / depths
    sums = float((weights * agreement).sum()) * (1.0 - persistence) / persistence
    return sums + float(agreement[-1]) * persistence**k


def _unchanged(size: int, top: int, first: int) -> float:
    """Probability of one of the N! / (N - t)! ordered lists; their number may exceed a float."""
    return reduce(truediv, range(size - first, size - top, -1), 1.0)


def _tau(size: int, top: int, first: int) -> float:
    """Expected coefficient; an image that is first in both lists costs nothing."""
    largest = top * (3 * top - 1) / 2
    return 1.0 - 2.0 * _distance(size - first, top - first) / largest


def _distance(size: int, top: int) -> float:
    """Expected distance, linear in the pairs: one in each list costs 1, others 1/2 on average."""
    if not top:
        return 0.0
    # z images are shared, with E z = t²/N and E z² of the hypergeometric distribution
    mean = top * top / size
    variance = mean * (1 - top / size) * (size - top) / (size - 1) if size > 1 else 0.0
    square = variance + mean * mean
    apart = top * top - 2 * top * mean + square  # E (t - z)²
    pairs = (2 * top - mean) * (2 * top - mean - 1) / 2  # of the union of both lists, first term
    pairs += variance / 2  # E of a square is not the square of E
    return (pairs - apart) / 2 + apart
