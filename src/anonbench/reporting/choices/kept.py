"""Retrieval quality that a choice keeps, on a scale from chance to the retraining ceiling.

0 is the quality of a random ranking; 100 is that of the unadapted model, retrained with another
seed and searching originals. Both, and the choice, are judged by a second reference, which favours
no model; the model's own ranking would favour the unadapted one.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd

from anonbench.core.vocabulary import NO_CHOICE, UNADAPTED
from anonbench.evaluation.scores import corrected

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
    return dict(_kept(costs, floors))


def _kept(
    costs: dict[tuple[str, int, str, str, str], tuple[float, float, float]],
    floors: dict[tuple[int, str, str], float],
) -> Iterator[tuple[Place, Kept]]:
    for (effect, degree, method, query, adaption), (cost, half, ceiling) in costs.items():
        floor = floors.get((degree, method, query), math.nan)
        if effect == "adapting":
            also, its_half, _ = costs["anonymizing", degree, method, query, UNADAPTED]
            cost, half = cost + also, half + its_half
        elif effect != "anonymizing":
            continue
        score = np.array([ceiling - cost, ceiling - cost - half, ceiling - cost + half])
        value, low, high = (100.0 * corrected(score, floor, ceiling)).tolist()
        yield (
            (degree, method, adaption, query),
            Kept(value, low, high, room=ceiling - floor),
        )
