"""Costs of retraining, anonymizing and adapting, and retrieval bias, as text and as a table."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import pandas as pd

from anonbench.core.wording import count
from anonbench.reporting.html.answer import method_label, model_label
from anonbench.reporting.labels import RETRIEVAL_METRICS, metric_label

NO_SECOND = (
    "What adapting costs cannot be told from retrieval bias: the unadapted model was trained once, "
    "so that there is no second reference (control_seeds in the config)."
)
_METRIC = "map"


@dataclass(frozen=True)
class EffectRow:
    """One adapted model by a second reference, as text in points."""

    dataset: str
    degree: int
    method: str
    model: str
    query: str
    metric: str
    adapting: str
    """Cost of adapting, with its interval."""
    share: str
    """The cost as percent of the ceiling, with its interval."""
    anonymizing: str
    """Cost of anonymizing, by the unadapted model."""
    lead: str
    """How far the unadapted model is ahead by its own reference."""
    bias: str
    """The part of the lead that is retrieval bias."""


def effect_points(effects: Mapping[str, pd.DataFrame], level: float) -> Iterator[str]:
    """Say by mAP what each cause costs and how much of the unadapted model's lead is bias.

    Args:
        effects: by data set, its table (`anonbench.evaluation.effect_table.COLUMNS`).
        level: of the tests; an effect is clear where its adjusted p-value is below.

    """
    tables = [
        table[table["metric"] == _METRIC].dropna(subset="value") for table in effects.values()
    ]
    tables = [table for table in tables if len(table)]
    if not tables:
        yield NO_SECOND
        return
    whole = pd.concat(tables)
    yield from _by_cause(tables)
    adapting = whole[whole["effect"] == "adapting"]
    if len(adapting):
        yield _verdicts(adapting, level)
        yield _bias(whole)


def effect_rows(effects: Mapping[str, pd.DataFrame]) -> list[EffectRow]:
    """Return the effects of each adapted model on mAP and mnDCG, a row a scenario."""
    rows = []
    for dataset, table in effects.items():
        keys = ["degree", "method", "query", "metric"]
        chosen = table[table["metric"].isin(list(RETRIEVAL_METRICS))]
        anonymizing = chosen[chosen["effect"] == "anonymizing"].set_index(keys)
        parts = {
            name: chosen[chosen["effect"] == name].set_index([*keys, "adaption"])["value"]
            for name in ("lead", "bias")
        }
        for row in chosen[chosen["effect"] == "adapting"].to_dict("records"):
            key = tuple(row[name] for name in keys)
            rows.append(
                EffectRow(
                    dataset,
                    int(row["degree"]),
                    method_label(str(row["method"])),
                    model_label(str(row["adaption"])),
                    str(row["query"]),
                    metric_label(str(row["metric"])),
                    adapting=_interval(row["value"], row["low"], row["high"]),
                    share=_interval(row["share"], row["share_low"], row["share_high"], " %"),
                    anonymizing=_interval(*anonymizing.loc[key, ["value", "low", "high"]]),
                    lead=_signed(parts["lead"][*key, row["adaption"]]),
                    bias=_signed(parts["bias"][*key, row["adaption"]]),
                )
            )
    return rows


def _by_cause(tables: list[pd.DataFrame]) -> Iterator[str]:
    """Give the cost of each cause over data sets: the median of a data set's comparisons."""
    retraining = _medians(tables, "retraining")
    ceiling = [float(table["ceiling"].iloc[0]) for table in tables]
    yield (
        f"Retraining alone, nothing anonymized, costs {_span(retraining)} points of mAP. The rest, "
        f"{_span(ceiling)}, is the ceiling of all models by a second reference."
    )
    causes = {
        "anonymizing": "Searching anonymized images with the same model",
        "adapting": "Adapting the model to them beyond that",
    }
    for name, what in causes.items():
        if costs := _medians(tables, name):
            yield f"{what} costs {_span(costs)} points (median of a data set’s comparisons)."


def _medians(tables: list[pd.DataFrame], effect: str) -> list[float]:
    values = [table.loc[table["effect"] == effect, "value"] for table in tables]
    return [float(each.median()) for each in values if len(each)]


def _verdicts(adapting: pd.DataFrame, level: float) -> str:
    clear = adapting["p_holm"] < level
    worse = int((clear & (adapting["value"] > 0)).sum())
    better = int((clear & (adapting["value"] < 0)).sum())
    return (
        f"Of {count(len(adapting), 'comparison')} with the unadapted model, adapting clearly loses "
        f"in {worse}, clearly gains in {better}, and cannot be told apart in "
        f"{len(adapting) - worse - better}."
    )


def _bias(whole: pd.DataFrame) -> str:
    lead, bias, adapting = (
        _points(whole.loc[whole["effect"] == name, "value"].mean())
        for name in ("lead", "bias", "adapting")
    )
    return (
        "By its own reference, which the tables use, the unadapted model is ahead of adapted ones "
        f"by {lead} points on average: {bias} of retrieval bias, since the reference is its own "
        f"ranking, and {adapting} of adapting."
    )


def _span(values: list[float]) -> str:
    low, high = _points(min(values)), _points(max(values))
    return low if low == high else f"{low} to {high}"


def _interval(value: float, low: float, high: float, unit: str = "") -> str:
    if pd.isna(value):
        return "–"
    if pd.isna(low):
        return f"{_signed(value)}{unit}"
    return f"{_signed(value)}{unit} ({_signed(low)} to {_signed(high)})"


def _points(share: float) -> str:
    return f"{100 * share:z.1f}".replace("-", "−")  # z: no negative zero


def _signed(share: float) -> str:
    return f"{100 * share:+z.1f}".replace("-", "−")
