"""Synthetic tables of deployments and trainings."""

from __future__ import annotations

from itertools import permutations

import numpy as np
import pandas as pd

from anonbench.evaluation import deployments
from anonbench.evaluation.comparisons.best import OWN, SECOND
from anonbench.evaluation.retrieval import training_agreement

FEW = [("unadapted", 0), ("unadapted", 1), ("B-blur-50", 0)]


def make_deployments(reason: str = "", second: bool = True) -> pd.DataFrame:
    """Return a table of mixed archives of two methods."""
    rows = [
        {
            "method": method,
            "share": share,
            "query": query,
            "reference": reference,
            "metric": metric,
            "value": 0.9 - 0.002 * share,
            "kept": 0.95 - 0.002 * share,
            "verdict": "worse" if share else "",
        }
        for reference in (OWN, SECOND)[: 1 + second]
        for metric in ("map", "mndcg")
        for method in ("blur", "mask")
        for query in ("original", "anonymized")
        for share in (0, 50, 100)
    ]
    found = pd.DataFrame(rows)
    half = np.nan if reason else 0.05
    for value, low, high in (("value", "low", "high"), ("kept", "kept_low", "kept_high")):
        found = found.assign(**{low: found[value] - half, high: found[value] + half})
    found["difference"] = np.where(found["verdict"] == "", np.nan, -0.0123)
    found["difference_low"] = found["difference"] - half
    found["difference_high"] = found["difference"] + half
    found = found.assign(dataset="a", degree=100, n=60, images=90, clusters=30)
    found = found.assign(chance=0.1, floor=0.2, reason=reason)
    return found.reindex(columns=deployments.COLUMNS)


def make_trainings(trainings: list[tuple[str, int]] = FEW, reason: str = "") -> pd.DataFrame:
    """All pairs; each training keeps 5 points more than that before, each judge finds 1 less."""
    rows = [
        (*trainings[judge], *trainings[judged], 0.1 + judged / 20 - judge / 100)
        for judge, judged in permutations(range(len(trainings)), 2)
    ]
    keys = ["reference", "reference_seed", "model", "seed", "value"]
    found = pd.DataFrame(rows, columns=keys).assign(dataset="a", n=200, clusters=40, reason=reason)
    if not reason:
        found = found.assign(low=found["value"] - 0.02, high=found["value"] + 0.03)
    return found.reindex(columns=training_agreement.COLUMNS)
