"""Expected scores of a random ranking.

Exact expectations, not simulations: every metric but mnDCG depends on how many and which places two
random lists share, and mnDCG's is the mean gain of an image (see `metrics`).
"""

from __future__ import annotations

import numpy as np

from anonbench.config import Retrieval
from anonbench.evaluation.retrieval.metrics import chance_ap

AT_TOP = frozenset({"overlap_top", "tau", "unchanged"})
"""Metrics of the first `Retrieval.top` results; the others are of the first k."""


def levels(images: int, k: int, settings: Retrieval) -> dict[str, float]:
    """Return the expected score of a random ranking by metric, of all but mnDCG.

    Args:
        images: images in the database.
        k: relevant images of a query.
        settings: of the scores.

    """
    size = images if settings.include_self else images - 1
    top = min(settings.top, size)
    return {
        "map": chance_ap(images, k, settings),
        "overlap": k / size,
        "overlap_top": top / size,
        "rbo": _rbo(size, k, settings.persistence),
        "tau": _tau(size, top),
        "unchanged": _unchanged(size, top),
    }


def _rbo(size: int, k: int, persistence: float) -> float:
    """Two random lists share d²/N of their first d on average; RBO_ext is linear in that."""
    depths = np.arange(1, k + 1)
    weights = persistence**depths
    agreement = depths / size
    sums = float((weights * agreement).sum()) * (1.0 - persistence) / persistence
    return sums + k / size * persistence**k


def _unchanged(size: int, top: int) -> float:
    """One of the N! / (N - t)! ordered lists of t images: a number that no float may hold."""
    level = 1.0
    for left in range(size, size - top, -1):
        level /= left
        if level == 0.0:
            break
    return level


def _tau(size: int, top: int) -> float:
    """Fagin's distance is linear in the pairs: one in each list costs 1, any other 1/2 on average.

    z results are shared with E z = t²/N and E z² of the hypergeometric distribution.
    """
    mean = top * top / size
    variance = mean * (1 - top / size) * (size - top) / (size - 1) if size > 1 else 0.0
    square = variance + mean * mean
    apart = top * top - 2 * top * mean + square  # E (t - z)²
    pairs = (2 * top - mean) * (2 * top - mean - 1) / 2  # of the union of both lists, first term
    pairs += variance / 2  # E of a square is not the square of E
    distance = (pairs - apart) / 2 + apart
    largest = top * (3 * top - 1) / 2
    return 1.0 - 2.0 * distance / largest
