"""Expected scores of a random ranking, and of one in which the own image always comes first.

A query that is embedded by the database's model, from the database's own version of its image,
finds itself first, whatever the model has learned. The score that a model without any knowledge
reaches then is the floor of the scores; on a small database it is far above chance.

These are exact expectations, not simulations: every metric except mnDCG depends on how many and
which places two random lists share, and mnDCG is the mean gain of an image (see `metrics`).
"""

from __future__ import annotations

from typing import Any

import numpy as np

from anonbench.config import Retrieval
from anonbench.evaluation.retrieval.scoring.metrics import chance_ap

AT_TOP = frozenset({"overlap_top", "tau", "unchanged"})
"""Metrics of the first `Retrieval.top` results; the others are of the first k."""


def levels(images: int, k: int, settings: Retrieval, own_first: bool = False) -> dict[str, float]:
    """Expected score of a random ranking by metric, for all metrics except mnDCG.

    Args:
        images: images in the database.
        k: relevant images of a query.
        settings: of the scores.
        own_first: whether the query's own image always comes first in both rankings, and the others
            in random order; ignored if own images do not count.

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
    """Expected number of shared images among the first ones, at one depth or several.

    Two lists share the images that are first in both, and on average t²/N of t others among N.
    """
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
    level = 1.0
    for left in range(size - first, size - top, -1):
        level /= left
        if level == 0.0:
            break
    return level


def _tau(size: int, top: int, first: int) -> float:
    """Expected coefficient; an image that is first in both lists costs nothing."""
    largest = top * (3 * top - 1) / 2
    return 1.0 - 2.0 * _distance(size - first, top - first) / largest


def _distance(size: int, top: int) -> float:
    """Expected distance, linear in the pairs: one in each list costs 1, others 1/2 on average.

    z images are shared, with E z = t²/N and E z² of the hypergeometric distribution.
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
