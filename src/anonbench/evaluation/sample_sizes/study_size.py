"""How many clusters a data set lacks for a stated difference, by query kind and metric."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import combinations

import pandas as pd

from anonbench.datasets.clusters import clusters_of
from anonbench.evaluation.comparisons.columns import Column
from anonbench.evaluation.sample_sizes.sample_size import SampleSize, sample_size
from anonbench.evaluation.scores import CLASSIFIERS

METRICS = ("map", "mndcg", *CLASSIFIERS)
"""Metrics that a study is planned for; the others tell how alike rankings are."""


@dataclass(frozen=True)
class StudySize:
    """What the comparisons of one query kind and metric need, each tested by itself."""

    query: str
    """Query kind; empty for accuracies."""
    metric: str
    sizes: tuple[SampleSize, ...]
    """Of each pair of rows in a column of the tables; the one that needs the fewest first."""

    @property
    def usual(self) -> SampleSize:
        """The comparison that needs the median number; of two, the one that needs more."""
        return self.sizes[len(self.sizes) // 2]

    @property
    def largest(self) -> SampleSize:
        """The comparison that needs the most."""
        return self.sizes[-1]


def study_sizes(
    columns: Iterable[Column], clusters: pd.Series, stated: float, confidence: float
) -> Iterator[StudySize]:
    """Give what the comparisons of models in a data set need, in the order of the columns.

    Args:
        columns: of the data set (`anonbench.evaluation.comparisons.columns.columns_of`).
        clusters: of the images, by id (`anonbench.datasets.clusters.read_clusters`).
        stated: the difference that is to be shown, as a share above 0.
        confidence: as a share; 1 - confidence is the level of each test.

    Raises:
        InputError: a query has no cluster.

    """
    found: dict[tuple[str, str], list[SampleSize]] = defaultdict(list)
    for column in columns:
        if column.metric not in METRICS:
            continue
        labels = clusters_of(column.values.index.to_series(), clusters)
        for a, b in combinations(column.values, 2):
            differences = (column.values[a] - column.values[b]).to_numpy()
            size = sample_size(differences, labels, stated, confidence)
            found[column.query, column.metric].append(size)
    for (query, metric), sizes in found.items():
        yield StudySize(query, metric, tuple(sorted(sizes, key=_needed)))


def _needed(size: SampleSize) -> float:
    return math.inf if size.needed is None else size.needed
