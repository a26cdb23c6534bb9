"""Variance components of effects, and the number of clusters that shows a stated difference.

Effects (`anonbench.evaluation.comparisons.effect_table`) vary between trainings, between clusters
(persons, forms) and between queries of a cluster.
"""

import math
from bisect import bisect_left
from collections.abc import Iterable
from functools import partial
from typing import NamedTuple

import numpy as np
import pandas as pd

from anonbench.core.io import read_csv
from anonbench.core.numeric.clusters import MIN_CLUSTERS, effective_clusters
from anonbench.core.vocabulary import ORIGINAL
from anonbench.datasets.clusters import clusters_of, plural
from anonbench.evaluation.comparisons.effect_table import Effect

POWER = 0.8  # share of archives in which a true difference is to be shown (Cohen 1988)
_MOST = 1 << 30  # greatest number of clusters that is tried
EFFECTS = ("retraining", "anonymizing", "adapting")
METRICS = ("map", "mndcg")
KEYS = ["dataset", "degree", "method", "query", "metric", "adaption", "effect"]
COLUMNS = [*KEYS, "sd_seed", "sd_cluster", "sd_query", "clusters", "unit", "stated", "needed"]
"""Columns of the table. One row is one effect. `sd_…` are the standard deviations, as shares, of
its components: trainings (pairs of a training seed and a reference's; empty for one pair, and with
several that share a seed too small rather than too large), clusters, and queries of a cluster.
`needed` is the number of `clusters` (`unit`, in the plural) that show the `stated` difference
between these trained models in 80 of 100 archives; the others are at hand."""


class Components(NamedTuple):
    """Variance components of a score, or of a difference of scores; estimates below zero are 0.

    With only one seed, `seed` is NaN, and the interactions with it are part of the others.
    """

    seed: float  # variance between trainings
    cluster: float  # variance between clusters, for example persons, common to all trainings
    query: float  # variance between queries of a cluster, common to all trainings


def variance_components(scores: np.ndarray, clusters: np.ndarray) -> Components:
    """Variance components of scores of the same queries in several trainings.

    Analysis of variance for unequal clusters: each mean square is set equal to its expectation
    (Searle, Casella and McCulloch 1992, Variance Components, chapter 3). Seeds are crossed with
    queries, and queries are nested in clusters. Scores are float [S, N] of S seeds and N queries,
    without NaN, in `clusters` [N]. All is NaN for a single cluster; where each has one query, what
    is between clusters is part of `query`.
    """
    seeds, queries = scores.shape
    codes = np.unique(clusters, return_inverse=True)[1]
    of_query, of_seed = scores.mean(axis=0), scores.mean(axis=1)
    cluster, query = _nested(of_query[None], codes, 1)
    if seeds == 1:
        return Components(float("nan"), max(cluster, 0.0), query)
    rest = scores - of_query - of_seed[:, None] + of_query.mean()
    seed_cluster, seed_query = _nested(rest, codes, seeds - 1)  # interactions with seeds
    # their share in the means of queries and of seeds
    share = float(np.square(np.bincount(codes)).sum()) / queries**2
    seed = float(of_seed.var(ddof=1)) - seed_cluster * share - seed_query / queries
    return Components(
        seed=max(seed, 0.0),
        cluster=max(cluster - seed_cluster / seeds, 0.0),
        query=max(query - seed_query / seeds, 0.0),
    )


def _nested(values: np.ndarray, codes: np.ndarray, copies: int) -> tuple[float, float]:
    """Variances between and within clusters of values [S, N], of `copies` independent rows."""
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


def clusters_needed(
    differences: np.ndarray, clusters: np.ndarray, stated: float, confidence: float
) -> int | None:
    """Number of clusters of similar sizes that show a stated difference with `POWER`, or None.

    By a two-sided t test of two trained systems, from the observed variances and the noncentral t
    distribution (Cohen 1988, Statistical Power Analysis; of clusters: Donner and Klar 2000, Cluster
    Randomization Trials, chapter 5). Differences are float [N] of the scores of the same queries,
    means over seeds, NaN left out, in `clusters` [N]; the stated one is a share above 0. None if no
    number is enough, or fewer than two clusters tell nothing.
    """
    from scipy.special import nctdtr, stdtrit  # imported here: most jobs start without it

    kept = ~np.isnan(differences)
    values, labels = differences[kept], clusters[kept]
    sizes = np.unique(labels, return_counts=True)[1]
    if len(sizes) < 2:
        return None
    parts = variance_components(values[None], labels)
    # unequal cluster sizes: use the variance of their effective number, which takes more clusters
    effective = effective_clusters(sizes)
    spread = np.sqrt(parts.cluster + parts.query / (len(values) / effective))

    def is_enough(count: int) -> bool:
        if spread == 0.0:
            return True
        bound = stdtrit(count - 1, (1.0 + confidence) / 2.0)
        # ignore the opposite tail: it is negligible
        return bool(1.0 - nctdtr(count - 1, stated * np.sqrt(count) / spread, bound) >= POWER)

    high = MIN_CLUSTERS
    while not is_enough(high):
        high *= 2
        if high > _MOST:
            return None
    between = range(max(high // 2, MIN_CLUSTERS - 1) + 1, high)
    high = between.start + bisect_left(between, True, key=is_enough)
    return math.ceil(len(sizes) * high / effective - 1e-9)


def tabulate_variances(
    dataset: str, effects: Iterable[Effect], clusters: pd.Series, confidence: float, stated: float
) -> pd.DataFrame:
    """Variance components of a data set's effects, columns `COLUMNS`.

    `stated` is the difference that is to be shown, as a share above 0; 1 - confidence is the level
    of tests. Raises InputError if a query has no cluster.
    """
    rows = []
    for effect in effects:
        if effect.name not in EFFECTS or effect.metric not in METRICS:
            continue
        defined = ~np.isnan(effect.values)
        labels = clusters_of(effect.ids.to_series(), clusters)[defined]
        parts = variance_components(effect.by_pair[:, defined], labels)
        needed = clusters_needed(effect.values[defined], labels, stated, confidence)
        keys = [effect.variant.degree, effect.variant.method or ORIGINAL, effect.query.value]
        keys += [effect.metric, effect.adaption.value, effect.name]
        unit = plural(str(clusters.name))
        rows.append((dataset, *keys, *np.sqrt(parts), len(np.unique(labels)), unit, stated, needed))
    # keep integers although some are missing
    return pd.DataFrame(rows, columns=COLUMNS).astype({"needed": "Int64"})


read_variances = partial(read_csv, columns=COLUMNS)
