"""Result table in the paper's layout, independent of CSV, Markdown, LaTeX or HTML."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from anonbench.config.outputs import Table
from anonbench.core.vocabulary import (
    COMPATIBLE,
    CONTROL,
    NO_CHOICE,
    UNADAPTED,
    Baseline,
    Method,
    QueryKind,
)
from anonbench.reporting.grids.notes import behind, cautions, only, result_notes
from anonbench.reporting.labels import (
    ADAPTIONS,
    AT_CHANCE,
    METHODS,
    NOT_RUN,
    QUERIES,
    TIED,
    metric_label,
)
from anonbench.reporting.summary import metrics_of, present, summarize, summarize_originals

ON_ORIGINALS = {
    "originals": UNADAPTED,
    "control": CONTROL,
    **{each.value: each.value for each in Baseline},
}
"""Baselines besides chance: rows of the tidy scores of original images."""
BASELINES = (*ON_ORIGINALS, "chance", "floor")
"""Rows with which the other rows of a table are compared."""
_TITLES = {
    "retrieval": "Retrieval quality",
    "agreement": "Agreement of rankings with the reference's",
    "downstream": "Accuracy on anonymized images",
}


@dataclass
class Cell:
    """One value in percent, or none if the scenario was not run."""

    value: float | None = None
    sd: float | None = None
    """Standard deviation between seeds, if there are several."""
    se: float | None = None
    """Standard error over queries or images."""
    low: float | None = None
    high: float | None = None
    best: bool = False
    """Whether it is the highest of its column, as printed. Rows that cannot be chosen are ignored,
    and a value shared by all is not the best."""
    tied: bool = False
    """Whether it is not the highest, but not distinguishable from it by a paired test."""
    chance: bool = False
    """Whether the value's interval includes chance, or the floor of its query kind."""

    @property
    def text(self) -> str:
        """The value with one decimal, and the standard deviation between seeds."""
        if self.value is None:
            return NOT_RUN
        return f"{self.value:.1f}" if self.sd is None else f"{self.value:.1f} ± {self.sd:.1f}"

    @property
    def interval(self) -> str:
        """The interval with one decimal; empty if there is none."""
        return "" if self.low is None or self.high is None else f"{self.low:.1f}–{self.high:.1f}"

    @property
    def marks(self) -> str:
        """Marks after the value: tied with the best, at chance."""
        return TIED * self.tied + AT_CHANCE * self.chance


@dataclass(frozen=True)
class Row:
    """One model's cells, in column order."""

    key: str
    label: str
    cells: tuple[Cell, ...]


@dataclass(frozen=True)
class Block:
    """Rows of one query kind; accuracies have one block without a name."""

    key: str
    label: str
    rows: tuple[Row, ...]


@dataclass(frozen=True)
class Layout:
    """A whole table: `groups` are the metrics, each over the same `methods`."""

    stem: str
    title: str
    behind: str
    """Number of queries or images, clusters and seeds; empty without scores."""
    cautions: tuple[str, ...]
    """Reasons why the numbers support no statement."""
    notes: tuple[str, ...]
    """All notes needed to read the table: data, cautions, marks and baselines."""
    groups: tuple[tuple[str, str], ...]
    """Key and heading of each column group."""
    methods: tuple[tuple[str, str], ...]
    """Key and heading of the columns in each group."""
    blocks: tuple[Block, ...]
    baselines: tuple[Row, ...]
    """Known baselines of every block, the same for all methods: the unadapted model on original
    images (key `originals`), the control on them (`control`), untrained features on them (`pixels`,
    `untrained`), `chance`, and `floor` of the anonymized queries if it differs."""


def lay_out(
    table: Table,
    scores: pd.DataFrame,
    comparisons: pd.DataFrame | None = None,
    confidence: float = 0.95,
) -> Layout:
    """Arrange the scores of one data set and degree as the paper does.

    Rows and columns are those of the data set at any degree, so that a missing scenario shows as an
    empty cell.

    Args:
        table: table to lay out.
        scores: tidy scores, of one or several data sets.
        comparisons: paired tests (`pairwise`), of one or several data sets; without
            them no cell is marked as tied with the best.
        confidence: a cell is tied if its adjusted p is at least 1 - confidence.
    """
    of_dataset = scores[scores["dataset"] == table.dataset]
    metrics = list(metrics_of(table.kind))
    summary = summarize(of_dataset)
    summary = summary[summary["metric"].isin(metrics)]
    methods = present(summary["method"], METHODS) or [*Method]
    choices = [name for name in ADAPTIONS if name not in NO_CHOICE | COMPATIBLE]
    adaptions = present(summary["adaption"], ADAPTIONS) or choices
    of_degree = summary[summary["degree"] == table.degree]
    cells = {
        (row["query"], row["adaption"], row["metric"], row["method"]): _cell(row)
        for row in of_degree.to_dict("records")
    }
    tests: dict[tuple[str, ...], dict[frozenset[str], float]] = {}  # by column and pair of models
    if comparisons is not None:
        same = (comparisons["dataset"] == table.dataset) & (comparisons["degree"] == table.degree)
        for row in comparisons[same].to_dict("records"):
            of_column = tests.setdefault((row["query"], row["metric"], row["method"]), {})
            of_column[frozenset((row["a"], row["b"]))] = row["p_holm"]
    blocks = []
    for query, label in ({"": ""} if table.kind == "downstream" else QUERIES).items():
        columns = []
        for metric in metrics:
            for method in methods:
                column = {a: cells.get((query, a, metric, method), Cell()) for a in adaptions}
                _mark(column, tests.get((query, metric, method), {}), 1.0 - confidence)
                columns.append(column)
        rows = [
            Row(name, ADAPTIONS.get(name, name), tuple(column[name] for column in columns))
            for name in adaptions
        ]
        blocks.append(Block(query, label, tuple(rows)))
    baselines = _baselines(of_degree, summarize_originals(of_dataset), metrics)
    ks = {metric: only(of_degree.loc[of_degree["metric"] == metric, "k"]) for metric in metrics}
    headings = {m: metric_label(m, None if k is None else int(k)) for m, k in ks.items()}
    texts = {
        key: ", ".join(f"{name} {known[m].text}" for m, name in headings.items() if m in known)
        for key, known in baselines.items()
    }
    what, degree = _TITLES[table.kind], f"{table.degree} % of the regions anonymized"
    return Layout(
        stem=table.stem,
        title=f"{what} in percent, {table.dataset}, {degree}",
        behind="" if of_degree.empty else behind(table.kind != "downstream", of_degree),
        cautions=() if of_degree.empty else cautions(of_degree),
        notes=result_notes(table, of_degree, texts, 1.0 - confidence if tests else None),
        groups=tuple(headings.items()),
        methods=tuple((method, METHODS.get(method, method)) for method in methods),
        blocks=tuple(blocks),
        baselines=tuple(
            Row(key, _baseline(key), tuple(known.get(m, Cell()) for m in metrics for _ in methods))
            for key, known in baselines.items()
        ),
    )


def _baseline(key: str) -> str:
    """Label of one of `BASELINES`, after systems have received their names."""
    if key in ON_ORIGINALS:
        return f"{ADAPTIONS[ON_ORIGINALS[key]]}, original images"
    return "Chance" if key == "chance" else "Chance, own image first"


def _cell(row: Mapping[Any, Any]) -> Cell:
    lowest = row["value"] if math.isnan(row["low"]) else row["low"]
    known = {n: 100 * row[n] for n in ("value", "sd", "se", "low", "high") if pd.notna(row[n])}
    return Cell(**known, chance=bool(lowest <= np.fmax(row["chance"], row["floor"])))


def _mark(column: Mapping[str, Cell], p: Mapping[frozenset[str], float], level: float) -> None:
    """Mark the highest value of a column, and values not distinguishable from it.

    All values that print like the highest are marked, unless the whole column does. The control and
    baselines are ignored, because they cannot be deployed in a retrieval system.
    """
    values = {
        key: cell.value
        for key, cell in column.items()
        if key not in NO_CHOICE and cell.value is not None
    }
    if len({f"{value:.1f}" for value in values.values()}) < 2:
        return
    highest = max(values, key=values.__getitem__)
    for key, value in values.items():
        cell = column[key]
        cell.best = f"{value:.1f}" == f"{values[highest]:.1f}"
        cell.tied = not cell.best and p.get(frozenset((key, highest)), math.nan) >= level


def _baselines(
    rows: pd.DataFrame, originals: pd.DataFrame, metrics: Sequence[str]
) -> dict[str, dict[str, Cell]]:
    """Known values of `BASELINES`: cells by metric."""
    found: dict[str, dict[str, Cell]] = {
        key: {
            row["metric"]: replace(_cell(row), chance=False)
            for row in originals[originals["adaption"] == adaption].to_dict("records")
            if row["metric"] in metrics
        }
        for key, adaption in ON_ORIGINALS.items()
    }
    searched = rows[rows["query"] == QueryKind.ANONYMIZED.value]
    levels = {
        key: {m: only(of.loc[of["metric"] == m, key]) for m in metrics}
        for key, of in (("chance", rows), ("floor", searched))
    }
    if levels["floor"] == levels["chance"]:
        del levels["floor"]
    for key, known in levels.items():
        found[key] = {m: Cell(100 * value) for m, value in known.items() if value is not None}
    return {key: cells for key, cells in found.items() if cells}
