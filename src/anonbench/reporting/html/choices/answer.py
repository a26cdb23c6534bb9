"""Choices in order, and the overview of the best ones."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from anonbench.core.numeric.clusters import MIN_CLUSTERS
from anonbench.core.registries.method_names import published_as
from anonbench.core.vocabulary import NO_CHOICE, UNADAPTED, Adaption
from anonbench.core.wording import count
from anonbench.evaluation.retrieval.scoring.metrics import PER_QUERY
from anonbench.evaluation.sample_sizes.sufficiency import DEFAULTS, Needs, too_wide
from anonbench.reporting.html.choices.best import Best, Bests, named, sharpest
from anonbench.reporting.labels import ACCURACIES, ADAPTIONS, METHODS, unadapted_model

MEASURES = [
    ("map", "original"),
    ("map", "anonymized"),
    ("mndcg", "original"),
    ("mndcg", "anonymized"),
    ("knn", ""),
    ("linear", ""),
]
"""Metric and query kind of the overview's columns."""


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
    def published(self) -> str:
        """What attacks and policy judge."""
        return published_as(self.method, self.adaption)

    @property
    def scenario(self) -> tuple[str, str]:
        """Method and adaption."""
        return self.method, self.adaption

    @property
    def at_chance(self) -> bool:
        """Whether the value's interval reaches down to chance (false where chance is unknown)."""
        return (self.value if math.isnan(self.low) else self.low) <= self.chance


@dataclass(frozen=True)
class OverviewCell:
    """The best choices by one measure, as text in percent."""

    value: str
    """The highest value, less the optimism of choosing it; or why there is none."""
    choices: str = ""
    """All choices that no test tells from the best."""
    beside: str = ""
    """What the value is to be read against: the ceiling, or the value on originals."""
    known: bool = True
    at_chance: bool = False


@dataclass(frozen=True)
class OverviewRow:
    """The best choices by every measure, for one data set and degree."""

    dataset: str
    degree: int
    cells: tuple[OverviewCell, ...]
    behind: str


def method_label(method: str) -> str:
    """Return a method's name."""
    return METHODS.get(method, method)


def model_label(adaption: str) -> str:
    """Return a model's name within a sentence."""
    if adaption == Adaption.MAPPED:
        return f"{unadapted_model().removeprefix('the ')} with mapped vectors"
    label = ADAPTIONS.get(adaption, adaption)
    return f"adaption\u00a0{label}" if adaption in ("A", "B", "C") else label


def ranked(summary: pd.DataFrame, degree: int, metric: str, query: str) -> list[Choice]:
    """Return the scenarios of one measure, best first; rows that are no choice are left out."""
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


def stated(table: pd.DataFrame, gap: str) -> pd.DataFrame:
    """Return the rows that a statement may rest on.

    Args:
        table: scores, or tests of them.
        gap: why no statement about rankings is possible; they are left out.

    """
    return table[~table["metric"].isin(PER_QUERY)] if gap else table


def on_originals(scores: pd.DataFrame) -> dict[str, float]:
    """Return the accuracies of the unadapted model on original images, in percent, by metric.

    Args:
        scores: tidy scores of a data set, averaged over seeds (`summarize_originals`).

    """
    rows = scores[(scores["adaption"] == UNADAPTED) & scores["metric"].isin(ACCURACIES)]
    return dict(zip(rows["metric"], (100 * rows["value"]).tolist(), strict=True))


def overview(
    summaries: Mapping[str, pd.DataFrame],
    bests: Bests,
    ceilings: Mapping[tuple[str, str], float],
    gaps: Mapping[str, str] | None = None,
    needs: Needs = DEFAULTS,
    originals: Mapping[str, Mapping[str, float]] | None = None,
) -> list[OverviewRow]:
    """Return one row for each data set and degree that has scores.

    Args:
        summaries: by data set, scores averaged over seeds (`summarize`).
        bests: the best of each column (`best_choices`).
        ceilings: by data set and metric, the retraining ceiling in percent, where there is one.
        gaps: by data set, why no statement about its rankings is possible; they are left out.
        needs: what a value has to fulfil to be known.
        originals: by data set, see `on_originals`.

    """
    rows = []
    for dataset, summary in summaries.items():
        beside = (originals or {}).get(dataset, {})
        for degree in degrees(summary):
            cells = []
            for metric, query in MEASURES:
                gap = (gaps or {}).get(dataset, "") if metric in PER_QUERY else ""
                order = ranked(summary, degree, metric, query)
                best = sharpest(bests, dataset, degree, query, metric)
                ceiling = ceilings.get((dataset, metric))
                against = (
                    f"ceiling {ceiling:.1f}"
                    if ceiling is not None
                    else f"originals {beside[metric]:.1f}"
                    if metric in beside
                    else ""
                )
                cells.append(_cell(order, best, against, bool(gap), needs))
            rows.append(OverviewRow(dataset, degree, tuple(cells), _behind(summary, degree)))
    return rows


def _cell(
    order: Sequence[Choice], best: Best | None, against: str, gap: bool, needs: Needs
) -> OverviewCell:
    if not order or (best is None and not gap):
        return OverviewCell("not run", known=False)
    narrow = not too_wide(order[0].low / 100, order[0].high / 100, needs)
    if best is None or best.reason or not narrow:
        return OverviewCell("not known", known=False)
    at_chance = any(c.at_chance for c in order if c.scenario == best.choice)
    return OverviewCell(f"{best.unbiased:.1f}", named(best.alike), against, at_chance=at_chance)


def evidence(summaries: Mapping[str, pd.DataFrame]) -> dict[str, str]:
    """Return by data set what its intervals are taken over, or why it has none."""
    found = {}
    for dataset, summary in summaries.items():
        clusters = summary["clusters"].min()
        if clusters < MIN_CLUSTERS:
            number = count(int(clusters), "cluster")
            found[dataset] = f"nothing is sure, for {number} are fewer than {MIN_CLUSTERS}"
        elif clusters == clusters:
            found[dataset] = f"intervals over {count(int(clusters), 'cluster')}"
    return found


def _behind(summary: pd.DataFrame, degree: int) -> str:
    """Say how many queries, clusters and seeds stand behind the scores of a degree."""
    rows = summary[summary["degree"] == degree]
    queries, clusters = int(rows["n"].max()), rows["clusters"].min()
    of = f" in {count(int(clusters), 'cluster')}" if clusters < queries else ""
    return f"{count(queries, 'query')}{of}, {count(int(rows['seeds'].max()), 'seed')}"


def degrees(summary: pd.DataFrame) -> list[int]:
    """Return the degrees that have scores, ascending."""
    return sorted(int(degree) for degree in summary["degree"].unique())
