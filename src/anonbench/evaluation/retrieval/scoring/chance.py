"""Expected scores of a random ranking, and of one in which the own image always comes first.

A query embedded by the database's model from the database's own version of its image meets itself
first, whatever the model has learned. What a model without any knowledge reaches then is the floor
of its scores; on a small database it lies far above chance.

Exact expectations, not simulations: every metric but mnDCG depends on how many and which places two
random lists share, and mnDCG's is the mean gain of an image (see `metrics`).
"""

from __future__ import annotations

from typing import Any

import numpy as np

from anonbench.config import Retrieval
from anonbench.evaluation.retrieval.scoring.metrics import chance_ap

AT_TOP = frozenset({"overlap_top", "tau", "unchanged"})
"""Metrics of the first `Retrieval.top` results; the others are of the first k."""


def levels(images: int, k: int, settings: Retrieval, own_first: bool = False) -> dict[str, float]:
    """Return the expected score of a random ranking by metric, of all but mnDCG.

    Args:
        images: images in the database.
        k: relevant images of a query.
        settings: of the scores.
        own_first: whether the query's own image always comes first in both rankings, and the others
            at random; without effect where own images do not count.

    """
    size = images if settings.include_self else images - 1
    top = min(settings.top, size)
    first = int(own_first and settings.include_self)
    return {
        "map": chance_ap(images, k, settings, own_first),
        "overlap": _shared(size, k, first) / k,
        "overlap_top": _shared(size, top, first) / top,
        "rbo": _rbo(size, k, settings.persistence, first),
        "tau": _tau(size, top, first),
        "unchanged": _unchanged(size, top, first),
    }


def _shared(size: int, depth: Any, first: int) -> Any:
    """Return how many of the first images two lists share on average, at one depth or several.

    They share what is first in both and, of t others among N, t²/N.
    """
    return first + (depth - first) ** 2 / max(size - first, 1)


def _rbo(size: int, k: int, persistence: float, first: int) -> float:
    """RBO_ext is linear in what the lists share at each depth."""
    depths = np.arange(1, k + 1)
    weights = persistence**depths
    agreement = _shared(size, depths, first) / depths
    sums = float((weights * agreement).sum()) * (1.0 - persistence) / persistence
    return sums + float(agreement[-1]) * persistence**k


def _unchanged(size: int, top: int, first: int) -> float:
    """One of the N! / (N - t)! ordered lists of t images: a number that no float may hold."""
    level = 1.0
    for left in range(size - first, size - top, -1):
        level /= left
        if level == 0.0:
            break
    return level


def _tau(size: int, top: int, first: int) -> float:
    """Return the expected coefficient; an image that is first in both lists costs nothing."""
    largest = top * (3 * top - 1) / 2
    return 1.0 - 2.0 * _distance(size - first, top - first) / largest


def _distance(size: int, top: int) -> float:
    """Fagin's distance is linear in the pairs: one in each list costs 1, any other 1/2 on average.

    z results are shared with E z = t²/N and E z² of the hypergeometric distribution.
    """
    if not top:
        return 0.0
    mean = top * top / size
    variance = mean * (1 - top / size) * (size - top) / (size - 1) if size > 1 else 0.0
    square = variance + mean * mean
    apart = top * top - 2 * top * mean + square  # E (t - z)²
    pairs = (2 * top - mean) * (2 * top - mean - 1) / 2  # of the union of both lists, first term
    pairs += variance / 2  # E of a square is not the square of E
    return (pairs - apart) / 2 + apart
