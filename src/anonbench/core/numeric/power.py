"""Sample sizes: variance components of scores seen, power of a design, clusters that are needed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from scipy.special import nctdtr, nctdtrinc, stdtrit

from anonbench.core.numeric.clusters import MIN_CLUSTERS

_MOST = 1 << 30
"""Clusters, or queries of one, beyond which no design is looked for."""


@dataclass(frozen=True)
class Components:
    """Variances of what a score, or a difference of scores, is the sum of.

    Estimates below zero count as zero. Where only one seed was seen, `seed` is NaN and the
    interactions with it are part of `cluster` and `query`.
    """

    seed: float
    """Between trainings."""
    cluster: float
    """Between clusters, for example persons, in all trainings alike."""
    query: float
    """Between queries of a cluster, in all trainings alike."""
    seed_cluster: float
    """What a training does to one cluster and not to others."""
    seed_query: float
    """What a training does to one query and not to others of its cluster."""


@dataclass(frozen=True)
class Design:
    """How much is measured."""

    clusters: float
    """Of equal size; for unequal ones, their effective number."""
    queries: float
    """Queries of each cluster."""
    seeds: int = 1
    """Trainings that are averaged."""


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
    # what is left of the interactions in the means of queries and of seeds
    share = float(np.square(sizes).sum()) / queries**2
    seed = float(of_seed.var(ddof=1)) - seed_cluster * share - seed_query / queries
    return Components(
        seed=max(seed, 0.0),
        cluster=max(cluster - seed_cluster / seeds, 0.0),
        query=max(query - seed_query / seeds, 0.0),
        seed_cluster=max(seed_cluster, 0.0),
        seed_query=seed_query,
    )


def standard_error(parts: Components, design: Design, new_trainings: bool) -> tuple[float, float]:
    """Return the standard error of a mean in a design, and its degrees of freedom.

    Args:
        parts: variances of one score.
        design: clusters of equal size.
        new_trainings: whether the statement is on models that are trained anew, so that the
            variance between seeds counts, or on the trained models and new queries only.

    Returns:
        NaN both where seeds count and their variance is not known. The degrees of freedom are
        Satterthwaite's (1946, Biometrics Bull. 2:110-114) where seeds count, else the clusters less
        one.

    """
    groups, seeds = design.clusters, design.seeds
    interaction = (parts.seed_cluster + parts.seed_query / design.queries) / seeds
    of_clusters = (parts.cluster + parts.query / design.queries + interaction) / groups
    if not new_trainings:
        return float(np.sqrt(of_clusters)), groups - 1.0
    of_seeds = parts.seed / seeds
    total = of_clusters + of_seeds
    if seeds < 2 or np.isnan(total):
        return float("nan"), float("nan")
    weighted = of_clusters**2 / (groups - 1) + of_seeds**2 / (seeds - 1)
    return float(np.sqrt(total)), total**2 / weighted if weighted else groups - 1.0


def power(
    parts: Components,
    design: Design,
    difference: float,
    confidence: float,
    new_trainings: bool = False,
) -> float:
    """Return the chance that a design shows a true difference, by a two-sided t test.

    From the noncentral t distribution (Cohen 1988, Statistical Power Analysis). Where clusters,
    rather than values, are sampled: Donner and Klar 2000, Cluster Randomization Trials, chapter 5.

    Args:
        parts: variances of one query's difference.
        design: what is measured; below `MIN_CLUSTERS` clusters nothing is shown.
        difference: the true difference, in the unit of the scores.
        confidence: as a share; 1 - confidence is the level of the test.
        new_trainings: as `standard_error`.

    """
    if design.clusters < MIN_CLUSTERS:
        return 0.0
    se, df = standard_error(parts, design, new_trainings)
    if se == 0.0:
        return float(difference != 0.0)
    bound = stdtrit(df, (1.0 + confidence) / 2.0)
    shift = abs(difference) / se
    # the other tail is as rare as it is wrong
    return float(1.0 - nctdtr(df, shift, bound))


def equivalence_power(
    parts: Components,
    design: Design,
    margin: float,
    confidence: float,
    new_trainings: bool = False,
) -> float:
    """Return the chance that a design shows two equal systems to be equivalent within a margin.

    Of the two one-sided tests by `anonbench.evaluation.decision.judge`, for a true difference of
    zero: at least 2 · power of one - 1 (Phillips 1990, J. Pharmacokinet. Biopharm. 18:137-144,
    whose exact value exceeds this where power is low).

    Args:
        parts: as `power`.
        design: as `power`.
        margin: differences up to it do not matter, in the unit of the scores.
        confidence: as `power`.
        new_trainings: as `standard_error`.

    """
    one = power(parts, design, margin, confidence, new_trainings)
    return float(max(2.0 * one - 1.0, 0.0))


def detectable_difference(
    parts: Components,
    design: Design,
    confidence: float,
    wanted: float,
    new_trainings: bool = False,
) -> float:
    """Return the smallest true difference that a design shows with the power that is wanted.

    NaN where it shows none: too few clusters, or a variance that is not known.

    Args:
        parts: as `power`.
        design: as `power`.
        confidence: as `power`.
        wanted: the power, as a share above 1 - confidence.
        new_trainings: as `standard_error`.

    """
    se, df = standard_error(parts, design, new_trainings)
    if design.clusters < MIN_CLUSTERS or np.isnan(se):
        return float("nan")
    bound = stdtrit(df, (1.0 + confidence) / 2.0)
    return float(nctdtrinc(df, 1.0 - wanted, bound) * se)


def clusters_needed(
    parts: Components,
    design: Design,
    difference: float,
    confidence: float,
    wanted: float,
    new_trainings: bool = False,
    chance: Callable[[Components, Design, float, float, bool], float] = power,
) -> int | None:
    """Return how many clusters show a difference with the power that is wanted.

    None where no number is enough: the variance between trainings is too large for their number, so
    that more seeds are needed and not more images; or a variance is not known.

    Args:
        parts: as `power`.
        design: queries of each cluster, and seeds; its clusters do not count.
        difference: as `power`, not zero; or a margin, as `equivalence_power`.
        confidence: as `power`.
        wanted: the power, as a share, for example 0.8.
        new_trainings: as `standard_error`.
        chance: `power`, or `equivalence_power` where equivalence is to be shown.

    """

    def enough(clusters: int) -> bool:
        larger = replace(design, clusters=clusters)
        return chance(parts, larger, difference, confidence, new_trainings) >= wanted

    return _fewest(enough, MIN_CLUSTERS)


def queries_needed(
    parts: Components,
    design: Design,
    difference: float,
    confidence: float,
    wanted: float,
    new_trainings: bool = False,
    chance: Callable[[Components, Design, float, float, bool], float] = power,
) -> int | None:
    """Return how many queries of each cluster show a difference with the power that is wanted.

    None where no number is enough: clusters themselves differ, so that more of them are needed and
    not more photographs of the same persons; or as `clusters_needed`, whose arguments these are.
    The design's clusters count here, its queries do not.
    """

    def enough(queries: int) -> bool:
        larger = replace(design, queries=queries)
        return chance(parts, larger, difference, confidence, new_trainings) >= wanted

    return _fewest(enough, 1)


def _fewest(enough: Callable[[int], bool], least: int) -> int | None:
    """Return the smallest number from `least` on that is enough, None where none is."""
    high = least
    while not enough(high):
        high *= 2
        if high > _MOST:
            return None
    low = max(high // 2, least - 1)
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
