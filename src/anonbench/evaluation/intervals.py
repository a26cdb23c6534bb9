"""Intervals of scores over clusters of queries or images, within the range that a score has."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from anonbench.core.numeric.clusters import Estimate, clustered_mean, t_estimate
from anonbench.core.numeric.rates import clustered_rate

MIN_SEEDS = 3
"""Smallest number of seeds for an interval of retrained models. If trainings differ much more than
queries, an interval from two seeds covers about 90 of 100, where it should cover 95."""


LOWEST = {"tau": -1.0, "mndcg": -1.0}
"""Least possible value of a metric, if it is not 0: gains of nDCG may be negative."""


def metric_interval(
    metric: str, values: np.ndarray, clusters: np.ndarray, confidence: float
) -> Estimate:
    """Mean of a column of `PER_QUERY` by `mean_interval`, or the share of unchanged results."""
    if metric == "unchanged":
        return clustered_rate(values, clusters, confidence)
    return mean_interval(values, clusters, confidence, LOWEST.get(metric, 0.0))


def mean_interval(
    values: np.ndarray, clusters: np.ndarray, confidence: float, lowest: float = 0.0
) -> Estimate:
    """Return the mean of a score and its interval (`clustered_mean`).

    Args:
        values: float [N] of at most 1, NaN where undefined: those are left out.
        clusters: label of each query's cluster [N].
        confidence: coverage of the interval, as a share.
        lowest: the least value that the score can have; the interval ends there.

    """
    return _within(clustered_mean(values, clusters, confidence), lowest)


def retrained_interval(scores: np.ndarray, clusters: np.ndarray, confidence: float) -> Estimate:
    """Mean over trainings, with its interval for newly trained models.

    The variance is that of the mean over queries, by clusters, plus that between trainings; the
    degrees of freedom are Satterthwaite's (1946, Biometrics Bull. 2:110-114). The effect of a
    training on single queries is part of both, so the interval is rather too wide.

    Args:
        scores: float [S, N] of S trainings on the same N queries; a query that is NaN in one of
            them is left out.
        clusters: label of each query's cluster [N].
        confidence: coverage of the interval, as a share.

    """
    seeds = len(scores)
    found = clustered_mean(scores.mean(axis=0), clusters, confidence)
    if seeds < MIN_SEEDS or found.reason:
        seen = "1 seed" if seeds == 1 else f"{seeds} seeds"
        few = f"{seen}, and at least {MIN_SEEDS} are needed for an interval of new trainings"
        nan, reason = float("nan"), found.reason or few
        return replace(found, se=nan, df=nan, low=nan, high=nan, reason=reason)
    defined = scores[:, ~np.isnan(scores).any(axis=0)]
    of_queries, of_seeds = found.se**2, float(defined.mean(axis=1).var(ddof=1)) / seeds
    variance = of_queries + of_seeds
    weighted = of_queries**2 / found.df + of_seeds**2 / (seeds - 1)
    df = variance**2 / weighted if weighted else found.df
    return t_estimate(found.value, variance, df, confidence, found.n, found.clusters)


def _within(estimate: Estimate, lowest: float) -> Estimate:
    low, high = np.clip([estimate.low, estimate.high], lowest, 1.0)
    return replace(estimate, low=float(low), high=float(high))
