"""Tables of what is ranked again, synthetic: over new persons, and training by training."""

from __future__ import annotations

from itertools import permutations

import numpy as np
import pandas as pd

from anonbench.evaluation.retrieval import new_persons, training_agreement

FEW = [("unadapted", 0), ("unadapted", 1), ("B-blur-50", 0)]


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
