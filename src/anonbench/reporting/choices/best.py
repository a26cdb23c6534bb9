"""The best choices of each column, and the quality that a choice keeps.

Quality kept is on a scale from chance to the retraining ceiling: 0 is the quality of a random
ranking; 100 is that of the unadapted model, retrained with another seed and searching originals.
Both, and the choice, are judged by a second reference, which favours no model; the model's own
ranking would favour the unadapted one.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from anonbench.core.vocabulary import NO_CHOICE, UNADAPTED
from anonbench.evaluation.comparisons.best import JOINT, OWN, SECOND
from anonbench.evaluation.comparisons.columns import SEPARATOR
from anonbench.evaluation.scores import corrected
from anonbench.reporting.labels import method_name, model_name

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


def sharpest(
    bests: Bests, dataset: str, degree: int, query: str, metric: str, method: str = ""
) -> Best | None:
    """Best choice of a method or of all, judged by the second reference or else by the own one."""
    for reference in (SECOND, OWN):
        if found := bests.get((dataset, degree, method, query, metric, reference)):
            return found
    return None


def named(scenarios: Iterable[Scenario]) -> str:
    """Names of choices grouped by method, in order: ``Blur with unadapted, A; Mask with B``."""
    by_method: dict[str, list[str]] = {}
    for method, adaption in scenarios:
        by_method.setdefault(method_name(method), []).append(model_name(adaption))
    return "; ".join(f"{method} with {', '.join(m)}" for method, m in by_method.items())


def _scenario(name: str, method: str) -> Scenario:
    if method:
        return method, name
    chosen, _, adaption = name.partition(SEPARATOR)
    return chosen, adaption


Place = tuple[int, str, str, str]
"""Degree, method, adaption and query kind."""


@dataclass(frozen=True)
class Kept:
    """Quality that one choice keeps, in percent; NaN for unknown ends of the interval."""

    value: float
    low: float
    high: float
    room: float
    """Ceiling minus floor, as a share: the length of the scale in points of the score."""


def kept(effects: pd.DataFrame, summary: pd.DataFrame, metric: str = "map") -> dict[Place, Kept]:
    """Quality kept by each choice of a data set; empty without a second reference.

    A choice loses the cost of anonymizing plus the cost of adapting. The half-widths of both
    intervals are added, which gives an upper bound for the half-width of the sum.

    Args:
        effects: effects of the data set (`anonbench.evaluation.comparisons.effect_table.COLUMNS`).
        summary: its scores (`anonbench.reporting.summary.summarize`), which include the floor.
        metric: metric of the quality.
    """
    chosen = effects[(effects["metric"] == metric) & ~effects["adaption"].isin(NO_CHOICE)]
    floors = {
        (int(row["degree"]), str(row["method"]), str(row["query"])): float(
            np.nan_to_num(np.fmax(row["floor"], row["chance"]))
        )
        for row in summary[summary["metric"] == metric].to_dict("records")
    }
    costs = {
        (row["effect"], int(row["degree"]), row["method"], row["query"], row["adaption"]): (
            float(row["value"]),
            float(row["high"]) - float(row["value"]),
            float(row["ceiling"]),
        )
        for row in chosen.to_dict("records")
    }
    found = {}
    for (effect, degree, method, query, adaption), (cost, half, ceiling) in costs.items():
        floor = floors.get((degree, method, query), math.nan)
        if effect == "adapting":
            also, its_half, _ = costs["anonymizing", degree, method, query, UNADAPTED]
            cost, half = cost + also, half + its_half
        elif effect != "anonymizing":
            continue
        score = np.array([ceiling - cost, ceiling - cost - half, ceiling - cost + half])
        value, low, high = (100.0 * corrected(score, floor, ceiling)).tolist()
        found[degree, method, adaption, query] = Kept(value, low, high, room=ceiling - floor)
    return found
