"""The best choices of each column, and the quality that a choice keeps.

Quality kept is on a scale from chance to the retraining ceiling: 0 is the quality of a random
ranking; 1 is that of the unadapted model, retrained with another seed and searching originals.
Both, and the choice, are judged by a second reference, which favours no model; the model's own
ranking would favour the unadapted one.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import pandas as pd

from anonbench.core.vocabulary import NO_CHOICE
from anonbench.evaluation.comparisons.best import JOINT, OWN, SECOND
from anonbench.evaluation.comparisons.columns import SEPARATOR
from anonbench.evaluation.scores import corrected

Scenario = tuple[str, str]
"""Method and adaption."""


@dataclass(frozen=True)
class Best:
    """The choice with the highest mAP, and those that may be as good."""

    choice: Scenario
    alike: tuple[Scenario, ...]
    """All choices that no test distinguishes from the best, including itself."""
    optimism: float
    """What choosing the highest value adds to it, as a share; NaN if unknown."""
    reason: str
    """Reason why there is no interval and thus no test; empty if there is one."""


Bests = Mapping[tuple[str, int, str, str], Best]
"""By data set, degree, query kind and method (empty: all methods compete)."""


def best_choices(tables: Iterable[pd.DataFrame]) -> Bests:
    """Best choices by mAP (`best.csv`), judged by the second reference or else by the own one."""
    found = {}
    for table in tables:
        ranked = table[table["metric"] == "map"]
        own, second = (ranked[ranked["reference"] == each] for each in (OWN, SECOND))
        for row in pd.concat([own, second]).to_dict("records"):  # the second replaces the own one
            method = str(row["method"])
            found[str(row["dataset"]), int(row["degree"]), str(row["query"]), method] = Best(
                choice=_scenario(row["best"], method),
                alike=tuple(_scenario(n, method) for n in row["indistinguishable"].split(JOINT)),
                optimism=float(row["value"] - row["unbiased"]),
                reason=str(row["reason"]),
            )
    return found


def _scenario(name: str, method: str) -> Scenario:
    if method:
        return method, name
    chosen, _, adaption = name.partition(SEPARATOR)
    return chosen, adaption


def kept(effects: pd.DataFrame, summary: pd.DataFrame) -> pd.DataFrame:
    """Share of its mAP that each choice of a data set keeps, by a second reference.

    A choice loses the cost of anonymizing plus the cost of adapting (`effects`). The half-widths of
    both intervals are added, which gives an upper bound for the half-width of the sum. The floor is
    that of the scores (`anonbench.reporting.summary.summarize`).

    Returns:
        Columns degree, method, query, adaption, kept, kept_low, kept_high (NaN if unknown), and
        room: ceiling minus floor, the length of the scale in points of the score.
    """
    key = ["degree", "method", "query"]
    costs = effects[(effects["metric"] == "map") & ~effects["adaption"].isin(NO_CHOICE)]
    costs = costs.assign(half=costs["high"] - costs["value"])
    first = costs[costs["effect"] == "anonymizing"]
    both = costs[costs["effect"] == "adapting"].merge(
        first[[*key, "value", "half"]], on=key, suffixes=("", "_first")
    )
    both = both.assign(
        value=both["value"] + both["value_first"], half=both["half"] + both["half_first"]
    )
    floors = with_floor(summary[summary["metric"] == "map"]).drop_duplicates(key)
    table = pd.concat([first, both]).drop(columns="floor", errors="ignore")
    table = table.merge(floors[[*key, "floor"]], how="left", on=key)
    names = ("value", "half", "floor", "ceiling")
    cost, half, floor, ceiling = (table[name].to_numpy(float) for name in names)
    score = ceiling - cost
    return table[[*key, "adaption"]].assign(
        kept=corrected(score, floor, ceiling),
        kept_low=corrected(score - half, floor, ceiling),
        kept_high=corrected(score + half, floor, ceiling),
        room=ceiling - floor,
    )


def with_floor(scores: pd.DataFrame) -> pd.DataFrame:
    """Scores whose floor is the higher of what a random ranking reaches with either query kind."""
    return scores.assign(floor=scores[["floor", "chance"]].max(axis=1).fillna(0.0))
