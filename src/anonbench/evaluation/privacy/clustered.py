"""Clusters of an attack's probes: those of the attack joined with those of the data set.

An attack knows which probes share a person or an image, the data set which images share a person or
a case. Probes that share either are no independent evidence.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from anonbench.datasets.clusters import clusters_of


def with_clusters(probes: pd.DataFrame, clusters: pd.Series) -> pd.DataFrame:
    """Return an attack's probes with `cluster` as coarse as both groupings together.

    Args:
        probes: columns `anonbench.evaluation.privacy.probes.COLUMNS`; numbers in `cluster` are of
            one entity. Rows without an image stay as they are.
        clusters: of the images, by id (`anonbench.datasets.clusters.read_clusters`).

    Raises:
        InputError: a probe's image has no cluster.

    """
    given = probes[probes["reason"] == ""]
    found = probes["cluster"].copy()
    for _, of_entity in given.groupby("entity", sort=False):
        groups = clusters_of(of_entity["id"], clusters)
        found.loc[of_entity.index] = _joined(of_entity["cluster"].to_numpy(np.int64), groups)
    return probes.assign(cluster=found)


def _joined(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Return numbers [N] that rows share which are linked by equal numbers in either array [N]."""
    first, second = (np.unique(each, return_inverse=True)[1] for each in (one, other))
    count = first.max() + 1
    size = count + second.max() + 1
    links = coo_array((np.ones(len(one)), (first, count + second)), shape=(size, size))
    labels: np.ndarray = connected_components(links, directed=False)[1]
    return labels[first]
