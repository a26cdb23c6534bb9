"""Variance components of scores, and the clusters that a paired test needs."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import nctdtr, stdtrit

from anonbench.core.numeric.clusters import MIN_CLUSTERS

_MOST = 1 << 30
"""Greatest number of clusters that is tried."""


@dataclass(frozen=True)
class Components:
    """Variance components of a score, or of a difference of scores.

    Estimates below zero count as zero. With only one seed, `seed` is NaN, and the interactions with
    it are part of `cluster` and `query`.
    """

    seed: float
    """Variance between trainings."""
    cluster: float
    """Variance between clusters, for example persons, common to all trainings."""
    query: float
    """Variance between queries of a cluster, common to all trainings."""
    seed_cluster: float
    """Interaction of trainings and clusters."""
    seed_query: float
    """Interaction of trainings and queries within a cluster."""


def variance_components(scores: np.ndarray, clusters: np.ndarray) -> Components:
    """Return the variance components of scores of the same queries in several trainings.

    Analysis of variance for unequal clusters: each mean square is set equal to its expectation
    (Searle, Casella and McCulloch 1992, Variance Components, chapter 3). Seeds are crossed with
    queries, and queries are nested in clusters.

    Args:
        scores: float [S, N] of S seeds and N queries, without NaN; for the planning of a
            comparison, differences of two systems.
        clusters: label of each query's cluster [N]. All is NaN for a single cluster. Where each
            cluster has one query, what is between clusters is part of `query`.

    """
    seeds, queries = scores.shape
    codes = np.unique(clusters, return_inverse=True)[1]
    sizes = np.bincount(codes)
    of_query, of_seed = scores.mean(axis=0), scores.mean(axis=1)
    cluster, query = _nested(of_query[None], codes, 1)
    if seeds == 1:
        return Components(float("nan"), max(cluster, 0.0), query, 0.0, 0.0)
    rest = scores - of_query - of_seed[:, None] + of_query.mean()
    seed_cluster, seed_query = _nested(rest, codes, seeds - 1)
    # share of the interactions in the means of queries and of seeds
    share = float(np.square(sizes).sum()) / queries**2
    seed = float(of_seed.var(ddof=1)) - seed_cluster * share - seed_query / queries
    return Components(
        seed=max(seed, 0.0),
        cluster=max(cluster - seed_cluster / seeds, 0.0),
        query=max(query - seed_query / seeds, 0.0),
        seed_cluster=max(seed_cluster, 0.0),
        seed_query=seed_query,
    )


def clusters_needed(
    parts: Components, queries: float, difference: float, confidence: float, wanted: float
) -> int | None:
    """Number of clusters that show a true difference with the wanted power.

    By a two-sided t test of trained models, from the noncentral t distribution (Cohen 1988,
    Statistical Power Analysis). Where clusters, rather than values, are sampled: Donner and Klar
    2000, Cluster Randomization Trials, chapter 5. None where no number is enough.

    Args:
        parts: variances of one query's difference, seen with one training.
        queries: of each cluster.
        difference: the true difference, in the unit of the scores; not zero.
        confidence: as a share; 1 - confidence is the level of the test.
        wanted: the power, as a share, for example 0.8.

    """
    spread = np.sqrt(parts.cluster + parts.query / queries)

    def enough(clusters: int) -> bool:
        if spread == 0.0:
            return True
        bound = stdtrit(clusters - 1, (1.0 + confidence) / 2.0)
        shift = abs(difference) * np.sqrt(clusters) / spread
        # ignore the opposite tail: it is negligible
        return bool(1.0 - nctdtr(clusters - 1, shift, bound) >= wanted)

    high = MIN_CLUSTERS
    while not enough(high):
        high *= 2
        if high > _MOST:
            return None
    low = max(high // 2, MIN_CLUSTERS - 1)
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if enough(middle) else (middle, high)
    return high


def _nested(values: np.ndarray, codes: np.ndarray, copies: int) -> tuple[float, float]:
    """Return the variances between and within clusters of values [S, N].

    Args:
        values: of mean zero in each row where there are several.
        codes: number of each value's cluster [N].
        copies: independent rows among the S.

    """
    sizes = np.bincount(codes)
    queries, groups = len(codes), len(sizes)
    centred = values - values.mean(axis=1, keepdims=True)
    totals = np.stack([np.bincount(codes, weights=row) for row in centred])
    between = float((np.square(totals) / sizes).sum())
    within = float(np.square(centred).sum()) - between
    if groups < 2:
        return float("nan"), float("nan")
    if queries == groups:
        return 0.0, between / (copies * (groups - 1))
    of_query = max(within, 0.0) / (copies * (queries - groups))
    typical = (queries - float(np.square(sizes).sum()) / queries) / (groups - 1)
    return (between / (copies * (groups - 1)) - of_query) / typical, of_query
