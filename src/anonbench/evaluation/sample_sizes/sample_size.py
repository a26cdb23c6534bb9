"""Number of clusters that a comparison needs to show a stated difference."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from anonbench.core.numeric.clusters import effective_clusters
from anonbench.core.numeric.power import clusters_needed, variance_components

POWER = 0.8
"""Share of archives in which a true difference is to be shown (Cohen 1988)."""


@dataclass(frozen=True)
class SampleSize:
    """Clusters at hand, and those that a paired comparison needs to show a stated difference."""

    clusters: int
    """At hand."""
    queries: float
    """Mean number of queries of a cluster."""
    needed: int | None
    """Clusters, of sizes such as these, that show the stated difference with `POWER`; None where
    that cannot be told, because there are fewer than two."""

    @property
    def missing(self) -> int | None:
        """Clusters that are needed and not at hand."""
        return None if self.needed is None else max(self.needed - self.clusters, 0)


def sample_size(
    differences: np.ndarray, clusters: np.ndarray, stated: float, confidence: float
) -> SampleSize:
    """Return what a comparison of two trained systems needs, from the variances seen.

    Args:
        differences: float [N], of the scores of the same queries; NaN are left out. Several seeds
            are averaged before.
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
    # clusters of unequal size have the variance of their effective number, and so have more of them
    effective = effective_clusters(sizes)
    enough = clusters_needed(parts, len(values) / effective, stated, confidence, POWER)
    needed = None if enough is None else math.ceil(groups * enough / effective - 1e-9)
    return SampleSize(groups, len(values) / groups, needed)
