"""Variance components of effects, and the sample size that shows a stated difference.

An effect is the cost of anonymizing, adapting or retraining, query by query, judged by second
references (`anonbench.evaluation.comparisons.effect_table`). Its variance has components between
trainings, between clusters (persons, forms) and between queries of a cluster.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from anonbench.core.io import read_csv
from anonbench.core.numeric.clusters import effective_clusters
from anonbench.core.numeric.power import clusters_needed, variance_components
from anonbench.core.vocabulary import ORIGINAL
from anonbench.datasets.clusters import clusters_of, plural
from anonbench.evaluation.comparisons.effect_table import Effect

POWER = 0.8
"""Share of archives in which a true difference is to be shown (Cohen 1988)."""


@dataclass(frozen=True)
class SampleSize:
    """Clusters at hand, and those that a paired comparison needs to show a stated difference."""

    clusters: int
    """Number of clusters at hand."""
    queries: float
    """Mean number of queries of a cluster."""
    needed: int | None
    """Number of clusters of similar sizes that show the stated difference with `POWER`; None if
    unknown, because there are fewer than two."""

    @property
    def missing(self) -> int | None:
        """Number of clusters that are needed in addition to those at hand."""
        return None if self.needed is None else max(self.needed - self.clusters, 0)


def sample_size(
    differences: np.ndarray, clusters: np.ndarray, stated: float, confidence: float
) -> SampleSize:
    """Sample size for a comparison of two trained systems, from the observed variances.

    Args:
        differences: float [N], of the scores of the same queries; NaN are left out. Average several
            seeds first.
        clusters: label of each query's cluster [N].
        stated: the difference that is to be shown, as a share above 0.
        confidence: as a share; 1 - confidence is the level of the test.

    """
    kept = ~np.isnan(differences)
    values, labels = differences[kept], clusters[kept]
    sizes = np.unique(labels, return_counts=True)[1]
    groups = len(sizes)
    if groups < 2:
        return SampleSize(groups, float(sizes.sum()), None)
    parts = variance_components(values[None], labels)
    # unequal cluster sizes: use the variance of their effective number, which takes more clusters
    effective = effective_clusters(sizes)
    enough = clusters_needed(parts, len(values) / effective, stated, confidence, POWER)
    needed = None if enough is None else math.ceil(groups * enough / effective - 1e-9)
    return SampleSize(groups, len(values) / groups, needed)


EFFECTS = ("retraining", "anonymizing", "adapting")
METRICS = ("map", "mndcg")
PARTS = ("seed", "cluster", "query", "seed_cluster", "seed_query")
"""Fields of `anonbench.core.numeric.power.Components`."""
COLUMNS = [
    "dataset",
    "degree",
    "method",
    "query",
    "metric",
    "adaption",
    "effect",
    *(f"sd_{part}" for part in PARTS),
    "pairs",
    "n",
    "clusters",
    "unit",
    "queries",
    "stated",
    "needed",
    "missing",
]
"""Columns of the table. One row is one effect. `sd_…` are the standard deviations, as shares, of
its components: trainings, clusters, queries of a cluster, and the effect of a training on one
cluster or query. Trainings are `pairs` of a training seed and a reference's; with one pair
`sd_seed` is empty, and with several that share a seed it is too small rather than too large. `n`
counts queries, in `clusters` clusters (`unit`, in the plural) of `queries` each. `needed` is the
number of clusters, and `missing` the number to add, that show the `stated` difference between these
trained models in 80 of 100 archives."""


def tabulate_variances(
    dataset: str, effects: Iterable[Effect], clusters: pd.Series, confidence: float, stated: float
) -> pd.DataFrame:
    """Return the variance components of a data set's effects, with the columns `COLUMNS`.

    Args:
        dataset: its name.
        effects: of `anonbench.evaluation.comparisons.effect_table.measure`.
        clusters: of the images, by id (`anonbench.datasets.clusters.read_clusters`).
        confidence: as a share; 1 - confidence is the level of tests.
        stated: the difference that is to be shown, as a share above 0.

    Raises:
        InputError: a query has no cluster.

    """
    rows = [
        {"dataset": dataset} | _row(effect, clusters, confidence, stated)
        for effect in effects
        if effect.name in EFFECTS and effect.metric in METRICS
    ]
    # keep integers although some are missing
    return pd.DataFrame(rows, columns=COLUMNS).astype({"needed": "Int64", "missing": "Int64"})


def read_variances(path: Path) -> pd.DataFrame:
    """Read variance components.

    Raises:
        InputError: a column is missing.

    """
    return read_csv(path, COLUMNS)


def _row(effect: Effect, clusters: pd.Series, confidence: float, stated: float) -> dict[str, Any]:
    defined = ~np.isnan(effect.values)
    labels = clusters_of(effect.ids.to_series(), clusters)[defined]
    parts = variance_components(effect.by_pair[:, defined], labels)
    size = sample_size(effect.values[defined], labels, stated, confidence)
    return {
        "degree": effect.variant.degree,
        "method": effect.variant.method or ORIGINAL,
        "query": effect.query.value,
        "metric": effect.metric,
        "adaption": effect.adaption.value,
        "effect": effect.name,
        **{f"sd_{part}": float(np.sqrt(variance)) for part, variance in asdict(parts).items()},
        "pairs": len(effect.pairs),
        "n": int(defined.sum()),
        "clusters": size.clusters,
        "unit": plural(str(clusters.name)),
        "queries": size.queries,
        "stated": stated,
        "needed": size.needed,
        "missing": size.missing,
    }
