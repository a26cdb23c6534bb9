"""The report's answer in words and numbers, computed from the scores only."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from anonbench.core.vocabulary import NO_CHOICE, UNADAPTED, QueryKind
from anonbench.core.wording import count
from anonbench.evaluation.retrieval.metrics import PER_QUERY
from anonbench.evaluation.sufficiency import DEFAULTS, Needs, too_wide
from anonbench.reporting.labels import ACCURACIES, ADAPTIONS, METHODS, RETRIEVAL_METRICS

MEASURES = [
    ("map", "original"),
    ("map", "anonymized"),
    ("mndcg", "original"),
    ("mndcg", "anonymized"),
    ("knn", ""),
    ("linear", ""),
]
"""Metric and query kind of the overview's columns."""
_MEASURE = ["degree", "metric", "query"]


@dataclass(frozen=True)
class Choice:
    """One scenario's value, in percent, and the method and model that give it."""

    method: str
    adaption: str
    value: float
    low: float
    high: float
    chance: float
    """What a model without knowledge scores with these queries."""

    @property
    def label(self) -> str:
        """Method and model for people: ``Blur, Unadapted``, ``Mask, adaption A``."""
        return f"{method_label(self.method)}, {model_label(self.adaption)}"

    @property
    def scenario(self) -> tuple[str, str]:
        """Method and adaption."""
        return self.method, self.adaption

    @property
    def at_chance(self) -> bool:
        """Whether the value's interval reaches down to chance (false where chance is unknown)."""
        return (self.value if math.isnan(self.low) else self.low) <= self.chance

    def apart_from(self, other: Choice) -> bool | None:
        """Tell whether the intervals do not overlap; none where there are none."""
        if math.isnan(self.low) or math.isnan(other.high):
            return None
        return self.low > other.high


@dataclass(frozen=True)
class OverviewRow:
    """The best choice by every measure, for one data set and degree."""

    dataset: str
    degree: int
    best: tuple[Choice | None, ...]
    behind: str
    unknown: tuple[bool, ...] = ()
    """Whether there are scores by a measure, but too little to name a choice."""
    originals: tuple[float | None, ...] = ()
    """What the unadapted model has on original images, in percent, of accuracies."""


@dataclass(frozen=True)
class Number:
    """One number of an answer, as text."""

    label: str
    value: str
    interval: str
    loss: str
    """Points less than the reference; of accuracies, which have none, that on original images."""


@dataclass(frozen=True)
class Part:
    """The best choice for one purpose, its numbers, and what to keep in mind."""

    heading: str
    choice: str
    numbers: tuple[Number, ...]
    notes: tuple[str, ...]


@dataclass(frozen=True)
class Answer:
    """What one data set says at its highest degree."""

    dataset: str
    degree: int | None
    parts: tuple[Part, ...]
    behind: str


def method_label(method: str) -> str:
    """Return a method's name."""
    return METHODS.get(method, method)


def model_label(adaption: str) -> str:
    """Return a model's name within a sentence."""
    label = ADAPTIONS.get(adaption, adaption)
    return f"adaption\u00a0{label}" if adaption in ("A", "B", "C") else label


def ranked(summary: pd.DataFrame, degree: int, metric: str, query: str) -> list[Choice]:
    """Return the scenarios of one measure, best first; the retraining control takes no part."""
    rows = summary[
        (summary["degree"] == degree)
        & (summary["metric"] == metric)
        & (summary["query"] == query)
        & ~summary["adaption"].isin(NO_CHOICE)
    ].sort_values(["value", "method", "adaption"], ascending=[False, True, True])
    rows = rows.assign(chance=np.fmax(rows["chance"], rows["floor"]))
    return [
        Choice(
            row["method"],
            row["adaption"],
            *(100 * float(row[name]) for name in ("value", "low", "high", "chance")),
        )
        for row in rows.to_dict("records")
    ]


def stated(summary: pd.DataFrame, gap: str, needs: Needs | None = None) -> pd.DataFrame:
    """Return the scores that a statement may rest on.

    Args:
        summary: scores, or tests of them.
        gap: why no statement about rankings is possible; they are left out.
        needs: of scores, the widest interval. A measure goes as a whole: among what would be left
            of it, the best may not be the best.

    """
    given = summary[~summary["metric"].isin(PER_QUERY)] if gap else summary
    if needs is None or given.empty:
        return given
    narrow = given["high"] - given["low"] <= needs.widest
    return given[narrow.groupby([given[name] for name in _MEASURE]).transform("all")]


def on_originals(scores: pd.DataFrame) -> dict[str, float]:
    """Return the accuracies of the unadapted model on original images, in percent, by metric.

    Args:
        scores: tidy scores of a data set, averaged over seeds (`summarize_originals`).

    """
    rows = scores[(scores["adaption"] == UNADAPTED) & scores["metric"].isin(ACCURACIES)]
    return dict(zip(rows["metric"], (100 * rows["value"]).tolist(), strict=True))


def overview(
    summaries: Mapping[str, pd.DataFrame],
    gaps: Mapping[str, str] | None = None,
    needs: Needs = DEFAULTS,
    originals: Mapping[str, Mapping[str, float]] | None = None,
) -> list[OverviewRow]:
    """Return one row for each data set and degree that has scores.

    Args:
        summaries: by data set, scores averaged over seeds (`summarize`).
        gaps: by data set, why no statement about its rankings is possible; they are left out.
        needs: what a value has to fulfil to be known.
        originals: by data set, see `on_originals`.

    """
    rows = []
    for dataset, summary in summaries.items():
        known_of = (originals or {}).get(dataset, {})
        beside = tuple(known_of.get(metric) for metric, _ in MEASURES)
        for degree in degrees(summary):
            gap = (gaps or {}).get(dataset, "")
            of_degree = summary[summary["degree"] == degree]
            orders = [ranked(summary, degree, *measure) for measure in MEASURES]
            known = [
                bool(order)
                and not (gap and metric in PER_QUERY)
                and not too_wide(order[0].low / 100, order[0].high / 100, needs)
                for order, (metric, _) in zip(orders, MEASURES, strict=True)
            ]
            best = tuple(o[0] if sure else None for o, sure in zip(orders, known, strict=True))
            unknown = tuple(bool(o) and not sure for o, sure in zip(orders, known, strict=True))
            queries = count(int(of_degree["n"].max()), "query")
            seeds = count(int(of_degree["seeds"].max()), "seed")
            rows.append(OverviewRow(dataset, degree, best, f"{queries}, {seeds}", unknown, beside))
    return rows


def degrees(summary: pd.DataFrame) -> list[int]:
    """Return the degrees that have scores, ascending."""
    return sorted(int(degree) for degree in summary["degree"].unique())


def answer(
    dataset: str,
    summary: pd.DataFrame,
    gap: str = "",
    originals: Mapping[str, float] | None = None,
) -> Answer:
    """Say for one data set, at its highest degree, what keeps most and what is lost.

    Where its rankings have a `gap`, that is said instead. Accuracies stand beside those on
    `originals`, see `on_originals`.
    """
    if summary.empty:
        return Answer(dataset, None, (), "nothing, no scenario was run")
    degree = degrees(summary)[-1]
    parts = (
        *(
            Part(f"With {query.value} query images", f"not known: {gap}", (), ())
            if gap
            else _retrieval(summary, degree, query.value)
            for query in QueryKind
        ),
        _accuracy(summary, degree, originals or {}),
    )
    return Answer(dataset, degree, parts, behind(summary))


def wins(summaries: Mapping[str, pd.DataFrame]) -> list[str]:
    """Say across data sets which model and which method wins how often.

    Args:
        summaries: by data set, scores averaged over seeds (`summarize`); best is by mAP.

    """
    return [
        *_wins(summaries, "adaption", "method", "model"),
        *_wins(summaries, "method", "adaption", "method"),
    ]


def _wins(
    summaries: Mapping[str, pd.DataFrame], contender: str, other: str, noun: str
) -> Iterator[str]:
    """Count who has the best mAP as printed, data set, degree, queries and `other` being equal."""
    wins: Counter[str] = Counter()
    comparisons = 0
    for summary in summaries.values():
        rows = summary[(summary["metric"] == "map") & ~summary["adaption"].isin(NO_CHOICE)]
        for _, group in rows.groupby(["degree", "query", other]):
            if len(group) > 1:
                printed = (100 * group["value"]).map("{:.1f}".format)
                best = f"{100 * group['value'].max():.1f}"
                wins.update(str(name) for name in group.loc[printed == best, contender])
                comparisons += 1
    if not comparisons:
        return
    label = model_label if contender == "adaption" else method_label
    ranking = sorted(wins, key=lambda name: (-wins[name], name))
    shares = ", ".join(f"{label(name)} in {wins[name]}" for name in ranking)
    ties = "; ties count for each" if wins.total() > comparisons else ""
    yield f"Best {noun} by mAP, all else equal: {shares} of {comparisons} comparisons{ties}."


def _retrieval(summary: pd.DataFrame, degree: int, query: str) -> Part:
    """Take the choice that keeps most mAP, and show its mnDCG beside it."""
    heading = f"With {query} query images"
    maps = ranked(summary, degree, "map", query)
    if not maps:
        return Part(heading, "not run", (), ())
    best = maps[0]
    gains = ranked(summary, degree, "mndcg", query)
    of_scenario = [gain for gain in gains if gain.scenario == best.scenario]
    numbers = [
        _number(name, choice, beside=f"{lost(choice.value)} points")
        for name, choice in [("mAP", best), *(("mnDCG", gain) for gain in of_scenario)]
    ]
    notes = []
    if best.at_chance:
        notes.append("Even this mAP cannot be told from chance.")
    if len(maps) > 1:
        notes.append(_runner_up(best, maps[1]))
        notes.append(f"Worst by mAP: {maps[-1].label}, {maps[-1].value:.1f} %.")
    if gains and gains[0].scenario != best.scenario:
        notes.append(f"Highest mnDCG: {gains[0].label}, {gains[0].value:.1f} %.")
    lowest = degrees(summary)[0]
    fewer = ranked(summary, lowest, "map", query)
    if lowest != degree and fewer:
        notes.append(f"At degree {lowest} %, most mAP: {fewer[0].label}, {fewer[0].value:.1f} %.")
    return Part(heading, best.label, tuple(numbers), tuple(notes))


def _runner_up(best: Choice, second: Choice) -> str:
    verdict = {
        True: "; the intervals do not overlap",
        False: "; the intervals overlap, so the order is not certain",
        None: "",
    }[best.apart_from(second)]
    return f"Next by mAP: {second.label}, {second.value:.1f} %{verdict}."


def _accuracy(summary: pd.DataFrame, degree: int, originals: Mapping[str, float]) -> Part:
    heading = "Accuracy on anonymized images"
    tops = {
        name: choices[0]
        for metric, name in ACCURACIES.items()
        if (choices := ranked(summary, degree, metric, ""))
    }
    if not tops:
        return Part(heading, "not run", (), ("It needs labels for the images.",))
    beside = {ACCURACIES[name]: f"originals {value:.1f} %" for name, value in originals.items()}
    numbers = tuple(_number(name, best, beside=beside.get(name, "")) for name, best in tops.items())
    labels = {name: best.label for name, best in tops.items()}
    if len(set(labels.values())) == 1:
        return Part(heading, next(iter(labels.values())), numbers, ())
    choice = "; ".join(f"{name}: {label}" for name, label in labels.items())
    return Part(heading, choice, numbers, ())


def _number(label: str, choice: Choice, beside: str) -> Number:
    known = not (math.isnan(choice.low) or math.isnan(choice.high))
    return Number(
        label,
        f"{choice.value:.1f} %",
        f"{choice.low:.1f} to {choice.high:.1f}" if known else "",
        beside,
    )


def lost(value: float) -> str:
    """Return the points by which a percentage differs from the reference's 100, as text."""
    return f"{value - 100:+z.1f}".replace("-", "−")


def behind(summary: pd.DataFrame) -> str:
    """Say how many queries, scenarios and seeds stand behind a data set's scores."""
    if summary.empty:
        return "no scores"
    retrieval = summary[summary["metric"].isin(RETRIEVAL_METRICS)]
    rows = retrieval if len(retrieval) else summary
    scenarios = rows.groupby(["degree", "method", "adaption"]).ngroups
    low, high = int(rows["n"].min()), int(rows["n"].max())
    queries = count(high, "query") if low == high else f"{low:,} to {count(high, 'query')}"
    seeds = count(int(summary["seeds"].max()), "training seed")
    return f"{queries}, {count(scenarios, 'scenario')}, {seeds}"
