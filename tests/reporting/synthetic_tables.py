"""Tables of what is ranked again, synthetic: over new persons, and training by training."""

from __future__ import annotations

from itertools import permutations

import numpy as np
import pandas as pd

from anonbench.core.vocabulary import DeploymentKind
from anonbench.evaluation.comparisons.best import OWN, SECOND
from anonbench.evaluation.deployments import kinds as deployments
from anonbench.evaluation.deployments import table
from anonbench.evaluation.retrieval import new_persons, training_agreement

FEW = [("unadapted", 0), ("unadapted", 1), ("B-blur-50", 0)]


def make_deployments(reason: str = "", second: bool = True) -> pd.DataFrame:
    """Return a table of every kind of deployment of two methods and an adapted model."""
    methods = ["blur", "mask"]
    wanted = deployments.deployments(
        list(DeploymentKind), [50], methods, dict.fromkeys(methods, ("A",))
    )
    rows = [
        {
            "kind": each.kind.value,
            **table.described(each.ranking),
            "reference": reference,
            "metric": metric,
            "value": 0.9 - 0.002 * each.ranking.share,
            "kept": 0.95 - 0.002 * each.ranking.share,
            "verdict": "" if each.base is None else "worse",
        }
        for reference in (OWN, SECOND)[: 1 + second]
        for metric in ("map", "mndcg")
        for each in wanted
    ]
    found = pd.DataFrame(rows)
    half = np.nan if reason else 0.05
    for value, low, high in (("value", "low", "high"), ("kept", "kept_low", "kept_high")):
        found = found.assign(**{low: found[value] - half, high: found[value] + half})
    found["difference"] = np.where(found["verdict"] == "", np.nan, -0.0123)
    found["difference_low"] = found["difference"] - half
    found["difference_high"] = found["difference"] + half
    found = found.assign(dataset="a", degree=100, anonymized=0, n=60, images=90, clusters=30)
    found = found.assign(chance=0.1, floor=0.2, reason=reason)
    return found.reindex(columns=table.COLUMNS)


def make_new_persons(reason: str = "", n: int = 240) -> pd.DataFrame:
    """Unadapted and A at two degrees, three methods and both query kinds; A has no mask at 50."""
    keys = [
        (degree, method, adaption, query)
        for degree in (50, 100)
        for method in ("mask", "blur", "pixelate")
        for adaption in ("A", "unadapted")
        for query in ("anonymized", "original")
        if (degree, method, adaption) != (50, "mask", "A")
    ]
    found = pd.DataFrame(keys, columns=["degree", "method", "adaption", "query"])
    value = found["adaption"].map({"A": 0.4, "unadapted": 0.6}) + found["degree"] / 1000
    end = np.nan if reason else 0.05
    found = found.assign(value=value, low=value - end, high=value + 2 * end, reason=reason)
    return found.assign(dataset="a", n=n, images=240).reindex(columns=new_persons.COLUMNS)


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
