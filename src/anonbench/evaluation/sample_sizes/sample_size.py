"""What a comparison can show with the data at hand, and how much more it would take."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from anonbench.core.numeric.clusters import effective_clusters
from anonbench.core.numeric.power import (
    Components,
    Design,
    clusters_needed,
    detectable_difference,
    power,
    variance_components,
)

POWER = 0.8
"""Share of archives in which a true difference is to be shown (Cohen 1988)."""


@dataclass(frozen=True)
class SampleSize:
    """What a paired comparison can show, and what it would take to show a stated difference."""

    stated: float
    """The difference that is to be shown, as a share."""
    clusters: int
    """At hand."""
    queries: float
    """Mean number of queries of a cluster."""
    parts: Components
    """Variances of one query's difference."""
    power: float
    """Chance that the data at hand show the stated difference."""
    detectable: float
    """Smallest difference that they show with `POWER`, as a share; NaN where they show none."""
    needed: int | None
    """Clusters, of sizes such as these, that show the stated difference with `POWER`; None where
    that cannot be told, because there are fewer than two."""

    def sentence(self, clusters: str) -> str:
        """Return what is missing, in words.

        Args:
            clusters: what a cluster is, in the plural, for example "persons".

        """
        points = f"{100 * self.stated:g}"
        stated = f"a difference of {points} point{'s' * (points != '1')}"
        if self.needed is None:
            return f"too few {clusters} to tell how many would show {stated}"
        if self.needed <= self.clusters:
            return f"{self.clusters} {clusters} are enough to show {stated}"
        more = f"{self.needed - self.clusters:,} more {clusters}"
        each = f" with {self.queries:.3g} images each" if self.queries != 1.0 else ""
        return (
            f"{more}{each} would show {stated} in "
            f"{100 * POWER:.0f} of 100 archives; the {self.clusters} at hand do in "
            f"{100 * self.power:.0f}"
        )


def sample_size(
    differences: np.ndarray, clusters: np.ndarray, stated: float, confidence: float
) -> SampleSize:
    """Return what a comparison of two trained systems can show, from the variances seen.

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
    groups, nan = len(sizes), float("nan")
    if groups < 2:
        unknown = Components(nan, nan, nan, nan, nan)
        return SampleSize(stated, groups, float(sizes.sum()), unknown, 0.0, nan, None)
    parts = variance_components(values[None], labels)
    # clusters of unequal size have the variance of their effective number, and so have more of them
    effective = effective_clusters(sizes)
    design = Design(effective, len(values) / effective)
    enough = clusters_needed(parts, design, stated, confidence, POWER)
    return SampleSize(
        stated=stated,
        clusters=groups,
        queries=len(values) / groups,
        parts=parts,
        power=power(parts, design, stated, confidence),
        detectable=detectable_difference(parts, design, confidence, POWER),
        needed=None if enough is None else math.ceil(groups * enough / effective - 1e-9),
    )
