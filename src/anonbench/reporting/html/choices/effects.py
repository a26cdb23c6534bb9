"""Costs of retraining, anonymizing and adapting, and retrieval bias, as text and as a table."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import pandas as pd

from anonbench.core.vocabulary import NO_CHOICE
from anonbench.reporting.html.choices.answer import method_label, model_label
from anonbench.reporting.html.verdicts import Tally
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
    verdict: str
    """What the test says of the adapted model, compared with the unadapted one."""
    share: str
    """The cost as percent of the ceiling, with its interval."""
    anonymizing: str
    """Cost of anonymizing, by the unadapted model."""
    lead: str
    """How far the unadapted model is ahead by its own reference."""
    bias: str
    """The part of the lead that is retrieval bias."""


def effect_points(effects: Mapping[str, pd.DataFrame]) -> Iterator[str]:
    """Say by mAP what each cause costs and how much of the unadapted model's lead is bias.

    Costs without an interval are left out.

    Args:
        effects: by data set, its table (`anonbench.evaluation.comparisons.effect_table.COLUMNS`).

    """
    tables = scored(effects)
    if not tables:
        yield NO_SECOND
        return
    tables = with_interval(tables)
    if costs := medians(tables, "adapting", "share"):
        yield (
            f"The median cost of adapting is {span(costs)} % of the retraining ceiling in a data "
            "set."
        )
        yield _bias(pd.concat(tables))
    if tables:
        yield _ceiling(tables)


def scored(effects: Mapping[str, pd.DataFrame], metric: str = _METRIC) -> list[pd.DataFrame]:
    """Return the tables of the data sets that have effects on a metric, those rows alone."""
    tables = [
        table[(table["metric"] == metric) & ~table["adaption"].isin(NO_CHOICE)]
        for table in effects.values()
    ]
    return [table.dropna(subset="value") for table in tables if table["value"].notna().any()]


def ceilings(effects: Mapping[str, pd.DataFrame]) -> dict[tuple[str, str], float]:
    """Return the retraining ceiling by data set and metric, in percent, where there is one."""
    return {
        (dataset, str(metric)): 100 * float(ceiling)
        for dataset, table in effects.items()
        for metric, ceiling in table.dropna(subset="ceiling")
        .groupby("metric")["ceiling"]
        .first()
        .items()
    }


def tally(effects: Mapping[str, pd.DataFrame], effect: str) -> Tally:
    """Count the verdicts on an effect on mAP and mnDCG; a loss is `worse`."""
    tables = [t for metric in RETRIEVAL_METRICS for t in scored(effects, metric)]
    return Tally.of(v for table in tables for v in table["verdict"][table["effect"] == effect])


def effect_rows(effects: Mapping[str, pd.DataFrame]) -> list[EffectRow]:
    """Return the effects of each adapted model on mAP and mnDCG, a row a scenario."""
    rows = []
    for dataset, table in effects.items():
        keys = ["degree", "method", "query", "metric"]
        ranked = table["metric"].isin(list(RETRIEVAL_METRICS))
        chosen = table[ranked & ~table["adaption"].isin(NO_CHOICE)]
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
                    verdict=str(row["verdict"]),
                    share=_interval(row["share"], row["share_low"], row["share_high"], " %"),
                    anonymizing=_interval(
                        *(anonymizing[name][key] for name in ("value", "low", "high"))
                    ),
                    lead=_signed(parts["lead"][*key, row["adaption"]]),
                    bias=_signed(parts["bias"][*key, row["adaption"]]),
                )
            )
    return rows


def _ceiling(tables: list[pd.DataFrame]) -> str:
    ceilings = [100 * float(table["ceiling"].iloc[0]) for table in tables]
    return (
        f"Training the same model again, with nothing anonymized, keeps {span(ceilings)} % mAP: "
        "this retraining ceiling is what costs are percent of."
    )


def with_interval(tables: Sequence[pd.DataFrame]) -> list[pd.DataFrame]:
    """Return the rows of each table that have an interval, and no table without one."""
    return [rows for table in tables if len(rows := table.dropna(subset="low"))]


def medians(tables: Sequence[pd.DataFrame], effect: str, column: str) -> list[float]:
    """Return the median of an effect in each table that has it, in percent."""
    values = [table.loc[table["effect"] == effect, column].dropna() for table in tables]
    return [100 * float(each.median()) for each in values if len(each)]


def _bias(whole: pd.DataFrame) -> str:
    lead, bias, adapting = (
        _points(whole.loc[whole["effect"] == name, "value"].mean())
        for name in ("lead", "bias", "adapting")
    )
    return (
        "By its own reference, which the tables use, the unadapted model leads by "
        f"{lead} points of mAP on average: {bias} are retrieval bias, {adapting} the cost of "
        "adapting."
    )


def span(values: Sequence[float]) -> str:
    """Return the least and the greatest value as text, one where they print alike."""
    low, high = (f"{value:z.1f}".replace("-", "−") for value in (min(values), max(values)))
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
