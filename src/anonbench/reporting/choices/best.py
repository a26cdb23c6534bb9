"""Best choices of each column, including those not distinguishable from the best."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import pandas as pd

from anonbench.evaluation.comparisons.best import JOINT, OWN, SECOND
from anonbench.evaluation.comparisons.columns import SEPARATOR
from anonbench.reporting.labels import ADAPTIONS, METHODS

Scenario = tuple[str, str]
"""Method and adaption."""


@dataclass(frozen=True)
class Best:
    """The choice with the highest value of a column, and those that may be as good."""

    choice: Scenario
    alike: tuple[Scenario, ...]
    """All choices that no test distinguishes from the best, including itself."""
    value: float
    """In percent, as measured."""
    unbiased: float
    """In percent, corrected for the optimism of choosing the highest value."""
    clusters: int
    reason: str
    """Reason why there is no interval and thus no test; empty if there is one."""


Key = tuple[str, int, str, str, str, str]
"""Data set, degree, method (empty: all methods compete), query kind, metric, reference."""
Bests = Mapping[Key, Best]


def best_choices(tables: Iterable[pd.DataFrame]) -> dict[Key, Best]:
    """Best choice of each column.

    Args:
        tables: of each data set, the columns of `best.csv`.
    """
    return {
        (
            str(row["dataset"]),
            int(row["degree"]),
            str(row["method"]),
            str(row["query"]),
            str(row["metric"]),
            str(row["reference"]),
        ): Best(
            choice=_scenario(str(row["best"]), str(row["method"])),
            alike=tuple(
                _scenario(name, str(row["method"]))
                for name in str(row["indistinguishable"]).split(JOINT)
            ),
            value=100 * float(row["value"]),
            unbiased=100 * float(row["unbiased"]),
            clusters=int(row["clusters"]),
            reason=str(row["reason"]),
        )
        for table in tables
        for row in table.to_dict("records")
    }


def sharpest(bests: Bests, dataset: str, degree: int, query: str, metric: str) -> Best | None:
    """Best choice over all methods, judged by the second reference or else by the own one."""
    for reference in (SECOND, OWN):
        if found := bests.get((dataset, degree, "", query, metric, reference)):
            return found
    return None


def named(scenarios: Iterable[Scenario]) -> str:
    """Names of choices grouped by method, in order: ``Blur with unadapted, A; Mask with B``."""
    by_method: dict[str, list[str]] = {}
    for method, adaption in scenarios:
        by_method.setdefault(method_name(method), []).append(model_name(adaption))
    return "; ".join(f"{method} with {', '.join(m)}" for method, m in by_method.items())


def method_name(method: str) -> str:
    """Label of a method."""
    return METHODS.get(method, method)


def model_name(adaption: str) -> str:
    """Label of a model within a list."""
    label = ADAPTIONS.get(adaption, adaption)
    return "unadapted" if label == "Unadapted" else label


def _scenario(name: str, method: str) -> Scenario:
    if method:
        return method, name
    chosen, _, adaption = name.partition(SEPARATOR)
    return chosen, adaption
