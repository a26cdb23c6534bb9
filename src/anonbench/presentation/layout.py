"""A result table in the paper's layout, before it becomes CSV, Markdown, LaTeX or HTML."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import pandas as pd

from anonbench.experiment import Table
from anonbench.presentation.labels import (
    ADAPTIONS,
    METHODS,
    NOT_RUN,
    QUERIES,
    count,
    metric_label,
)
from anonbench.presentation.summary import metrics_of, present, summarize
from anonbench.vocabulary import CONTROL


@dataclass(frozen=True)
class Cell:
    """One value in percent, or none where the scenario was not run."""

    value: float | None = None
    sd: float | None = None
    """Standard deviation over seeds, where there are several."""
    best: bool = False
    chance: bool = False
    """Whether the value's interval reaches down to chance."""

    @property
    def text(self) -> str:
        """The value with one decimal, and the deviation over seeds."""
        if self.value is None:
            return NOT_RUN
        return f"{self.value:.1f}" if self.sd is None else f"{self.value:.1f} ± {self.sd:.1f}"


@dataclass(frozen=True)
class Row:
    """One model's cells, in the order of the columns."""

    key: str
    label: str
    cells: tuple[Cell, ...]


@dataclass(frozen=True)
class Block:
    """The rows of one query kind; accuracies have one block without a name."""

    key: str
    label: str
    rows: tuple[Row, ...]


@dataclass(frozen=True)
class Layout:
    """A whole table: `groups` are the metrics, each over the same `methods`."""

    stem: str
    title: str
    notes: tuple[str, ...]
    groups: tuple[tuple[str, str], ...]
    """Key and heading of each column group."""
    methods: tuple[tuple[str, str], ...]
    """Key and heading of the columns in each group."""
    blocks: tuple[Block, ...]

    @property
    def caption(self) -> str:
        """Title and notes as one text."""
        return " ".join([f"{self.title}.", *self.notes])


def lay_out(table: Table, scores: pd.DataFrame, reference_seed: int | None = None) -> Layout:
    """Arrange the scores of one data set and degree as the paper does.

    Rows and columns are those that occur in the data set at any degree, so that a scenario that is
    missing shows as a cell without a value.

    Args:
        table: what to show.
        scores: tidy scores, of one or several data sets.
        reference_seed: see `anonbench.presentation.summary.summarize`.

    """
    summary = summarize(scores[scores["dataset"] == table.dataset], reference_seed)
    metrics = metrics_of(table.kind)
    methods = present(summary["method"], METHODS) or list(METHODS)
    adaptions = present(summary["adaption"], ADAPTIONS) or [a for a in ADAPTIONS if a != CONTROL]
    if table.kind == "downstream":  # there all seeds are alike: see `summarize`
        adaptions = [adaption for adaption in adaptions if adaption != CONTROL]
    here = summary[summary["metric"].isin(metrics) & (summary["degree"] == table.degree)]
    cells = {
        (row.query, row.adaption, row.metric, row.method): _cell(row)
        for row in here.itertuples(index=False)
    }
    blocks = QUERIES if table.kind == "retrieval" else {"": ""}
    k = _only(here.loc[here["metric"] == "mndcg", "k"])
    return Layout(
        stem=table.stem,
        title=_title(table),
        notes=tuple(_notes(table, here)),
        groups=tuple((metric, metric_label(metric, k)) for metric in metrics),
        methods=tuple((method, METHODS.get(method, method)) for method in methods),
        blocks=tuple(
            _mark_best(
                Block(
                    query,
                    label,
                    tuple(
                        Row(
                            adaption,
                            ADAPTIONS.get(adaption, adaption),
                            tuple(
                                cells.get((query, adaption, metric, method), Cell())
                                for metric in metrics
                                for method in methods
                            ),
                        )
                        for adaption in adaptions
                    ),
                )
            )
            for query, label in blocks.items()
        ),
    )


def _cell(row: object) -> Cell:
    value, sd, low, chance = (
        float(getattr(row, name)) for name in ("value", "sd", "low", "chance")
    )
    return Cell(
        value=100 * value,
        sd=None if math.isnan(sd) else 100 * sd,
        chance=(value if math.isnan(low) else low) <= chance,
    )


def _mark_best(block: Block) -> Block:
    """Mark the highest value of each column; values that print alike are all marked.

    The retraining control takes no part: it tells how far two trainings are apart, and is no way
    to serve a retrieval system.
    """
    rows = [row for row in block.rows if row.key != CONTROL]
    best: list[str | None] = []
    for column in zip(*(row.cells for row in rows), strict=True):
        values = [cell.value for cell in column if cell.value is not None]
        best.append(f"{max(values):.1f}" if values else None)
    return replace(
        block,
        rows=tuple(
            row
            if row.key == CONTROL
            else replace(
                row,
                cells=tuple(
                    replace(cell, best=cell.value is not None and f"{cell.value:.1f}" == top)
                    for cell, top in zip(row.cells, best, strict=True)
                ),
            )
            for row in block.rows
        ),
    )


def _title(table: Table) -> str:
    what = "Retrieval quality" if table.kind == "retrieval" else "Accuracy on anonymized images"
    return f"{what} in percent, {table.dataset}, {table.degree} % of the regions anonymized"


def _notes(table: Table, here: pd.DataFrame) -> list[str]:
    """Say how much stands behind the numbers, and what marks mean."""
    if here.empty:
        return ["No scenario was run."]
    notes = [f"{_behind(table, here)}."]
    if (here["seeds"] > 1).any():
        notes.append("Values are means ± standard deviation over seeds.")
    if CONTROL in set(here["adaption"]):
        notes.append(
            f"“{ADAPTIONS[CONTROL]}” is the unadapted model trained with other seeds than the "
            "reference's: what retraining alone costs."
        )
    notes.append("Bold: best value of a block and column at the printed precision.")
    chances = {
        metric_label(str(metric)): _only_float(group["chance"])
        for metric, group in here.groupby("metric", sort=False)
    }
    known = {name: value for name, value in chances.items() if value is not None}
    if known:
        values = ", ".join(f"{name} {100 * value:.1f}" for name, value in known.items())
        notes.append(f"Chance: {values}; † marks values whose interval reaches it.")
    return notes


def _behind(table: Table, here: pd.DataFrame) -> str:
    low, high = int(here["n"].min()), int(here["n"].max())
    noun = "query" if table.kind == "retrieval" else "validation image"
    images = count(low, noun) if low == high else f"{low:,} to {count(high, noun)}"
    seeds = int(here["seeds"].max())
    parts = [images]
    for metric, name in (("mndcg", "k"), ("knn", "neighbours k")):
        k = _only(here.loc[here["metric"] == metric, "k"])
        if k is not None:
            parts.append(f"{name} = {k:,}")
    return ", ".join([*parts, count(seeds, "seed")])


def _only(values: Sequence[float] | pd.Series) -> int | None:
    """Return the one value that all share, if there is one."""
    value = _only_float(pd.Series(values))
    return None if value is None else int(value)


def _only_float(values: pd.Series) -> float | None:
    found = pd.to_numeric(values).dropna().unique()
    return float(found[0]) if len(found) == 1 else None
