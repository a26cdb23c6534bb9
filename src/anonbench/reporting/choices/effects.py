"""Effects of anonymizing and adapting, and retrieval bias, as a table and as counts."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping

import pandas as pd

from anonbench.core.registries.tables import Grid, GridBlock
from anonbench.core.vocabulary import NO_CHOICE, Adaption
from anonbench.core.wording import count
from anonbench.evaluation.decision import Verdict
from anonbench.reporting.labels import (
    ADAPTIONS,
    RETRIEVAL_METRICS,
    interval,
    method_name,
    metric_label,
)
from anonbench.reporting.notes import notes


class Tally(Counter[Verdict]):
    """Number of comparisons with each verdict, for one system against another."""

    def said(self) -> str:
        """Describe the counts: ``gains in none, loses in 3, is unclear in 5 of 8 comparisons``."""
        counts = {
            "loses in": self[Verdict.WORSE],
            "makes no difference in": self[Verdict.EQUIVALENT],
            "is unclear in": sum(self[verdict] for verdict in _UNCLEAR),
        }
        parts = [f"{words} {number}" for words, number in counts.items() if number]
        gains = f"gains in {self[Verdict.BETTER] or 'none'}"
        return f"{', '.join([gains, *parts])} of {count(self.total(), 'comparison')}"


_UNCLEAR = set(Verdict) - {Verdict.BETTER, Verdict.WORSE, Verdict.EQUIVALENT}
_HEADS = (
    *("Degree", "Method", "Model", "Query images", "Metric"),
    *("Anonymizing", "Adapting", "Verdict on adapting", "Adapting, of the ceiling"),
    *("Lead in the tables", "Retrieval bias"),
)


def tally(effects: Mapping[str, pd.DataFrame], effect: str) -> Tally:
    """Count the verdicts on an effect on mAP and mnDCG; a loss is `worse`.

    A map adapts no model: it keeps the unadapted one, and counts as no case of adapting.

    Args:
        effects: table of effects by data set, with the columns
            `anonbench.evaluation.comparisons.effect_table.COLUMNS`.
        effect: name of the effect.

    """
    return Tally(
        Verdict(verdict)
        for table in map(_of_choices, effects.values())
        for verdict in table.loc[
            (table["effect"] == effect)
            & (table["adaption"] != Adaption.MAPPED)
            & table["value"].notna(),
            "verdict",
        ]
    )


def costs_grid(dataset: str, effects: pd.DataFrame) -> Grid | None:
    """Table of the effects of each adapted model, one row per scenario; None without any."""
    table = _of_choices(effects)
    keys = ["degree", "method", "query", "metric"]
    of = {name: table[table["effect"] == name] for name in ("anonymizing", "lead", "bias")}
    rows = table[table["effect"] == "adapting"].join(
        of["anonymizing"].set_index(keys)[["value", "low", "high"]], on=keys, rsuffix="_first"
    )
    for name in ("lead", "bias"):
        parts = of[name].set_index([*keys, "adaption"])["value"].rename(name)
        rows = rows.join(parts, on=[*keys, "adaption"])
    texts = tuple(
        (
            f"{row['degree']} %",
            method_name(str(row["method"])),
            ADAPTIONS.get(str(row["adaption"]), str(row["adaption"])),
            str(row["query"]),
            metric_label(str(row["metric"])),
            _signed(row["value_first"], row["low_first"], row["high_first"]),
            _signed(row["value"], row["low"], row["high"]),
            str(row["verdict"]),
            _signed(row["share"], row["share_low"], row["share_high"], " %"),
            _signed(row["lead"]),
            _signed(row["bias"]),
        )
        for row in rows.to_dict("records")
    )
    if not texts:
        return None
    return Grid(
        stem=f"costs_{dataset}",
        title=f"Costs of anonymizing and adapting by a second reference, {dataset}",
        heads=_HEADS,
        blocks=(GridBlock("", texts),),
        notes=notes("costs"),
        left=5,
    )


def _of_choices(effects: pd.DataFrame) -> pd.DataFrame:
    ranked = effects["metric"].isin(list(RETRIEVAL_METRICS))
    return effects[ranked & ~effects["adaption"].isin(NO_CHOICE)]


def _signed(value: float, low: float = math.nan, high: float = math.nan, unit: str = "") -> str:
    return interval(value, low, high, " to ", "+", unit).replace("-", "−")
