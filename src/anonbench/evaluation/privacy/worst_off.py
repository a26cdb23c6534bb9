"""Re-identification rate of the persons who are worst off, free of the luck of being chosen."""

from __future__ import annotations

import numpy as np
import pandas as pd

from anonbench.core.numeric.clusters import MIN_CLUSTERS
from anonbench.core.numeric.rates import Rate
from anonbench.core.numeric.statistics import wilson

TENTH = 0.1
"""Share of the persons who count as worst off."""
LEAST_PROBES = 4
"""Of a person: two to choose by, two to count."""


def worst_off(probes: pd.DataFrame, rank: int, confidence: float) -> Rate:
    """Return the rate of the tenth of persons who are found most often.

    The worst of many are high by chance. So each person's probes are split into halves by turns:
    the tenth is chosen by one half and counted by the other, and the other way round. If persons do
    not differ, the rate is the mean rate of all. Where more persons have the least rate of the
    tenth than there is room for, they share it.

    The interval is Wilson's, a person counting as one probe however many there are, and persons who
    share a place as so many as tell as much as equal ones (Kish 1965). Below 8 of them there is
    neither rate nor interval.

    Args:
        probes: columns `anonbench.evaluation.privacy.probes.COLUMNS` of one attack.
        rank: a match among so many counts.
        confidence: of the interval.

    """
    ordered = probes.sort_values(["cluster", "id", "order"], kind="stable")
    turn = ordered.groupby("cluster").cumcount()
    enough = ordered.groupby("cluster")["id"].transform("size") >= LEAST_PROBES
    halves = (
        ordered.assign(half=turn % 2)[enough]
        .groupby(["cluster", "half"])[f"hit_{rank}"]
        .mean()
        .unstack("half")
        .to_numpy(np.float64)
        .reshape(-1, 2)
    )
    nan = float("nan")
    persons, n = len(halves), int(enough.sum())
    if persons * TENTH < 1:
        return Rate(nan, nan, nan, n, persons, 0.0, _lack(persons, 0.0))
    weights = np.stack([_chosen(halves[:, 0]), _chosen(halves[:, 1])])
    counted = np.stack([halves[:, 1], halves[:, 0]])
    each = weights.mean(axis=0)
    effective = float(each.sum() ** 2 / np.square(each).sum())
    if effective < MIN_CLUSTERS:
        return Rate(nan, nan, nan, n, persons, effective, _lack(persons, effective))
    value = float((weights * counted).sum() / weights.sum())
    low, high = wilson(value * effective, effective, confidence)
    return Rate(value, low, high, n, persons, effective)


def _chosen(rates: np.ndarray) -> np.ndarray:
    """Return by how much each person belongs to the worst-off tenth, float [N], in all a tenth."""
    room = TENTH * len(rates)
    weights = np.zeros(len(rates))
    for level in np.unique(rates)[::-1]:
        tied = rates == level
        weights[tied] = min(1.0, room / tied.sum())
        room -= float(weights[tied].sum())
        if room <= 1e-9:
            break
    return weights


def _lack(persons: int, effective: float) -> str:
    return (
        f"the worst-off tenth of {persons} persons with {LEAST_PROBES} probes or more tells as "
        f"much as {effective:.1f} persons, and {MIN_CLUSTERS} are needed"
    )
