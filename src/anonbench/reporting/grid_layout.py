"""Result table in the paper's layout, independent of CSV, Markdown, LaTeX or HTML."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from anonbench.config.outputs import Table
from anonbench.core.numeric.clusters import MIN_CLUSTERS
from anonbench.core.vocabulary import (
    COMPATIBLE,
    CONTROL,
    NO_CHOICE,
    UNADAPTED,
    Baseline,
    Method,
    QueryKind,
)
from anonbench.core.wording import count
from anonbench.evaluation.retrieval.scoring.metrics import MIN_K, PER_QUERY
from anonbench.reporting.grid import Cell, Grid, GridBlock, Row, to_latex, to_markdown, write_table
from anonbench.reporting.labels import (
    ADAPTIONS,
    AT_CHANCE,
    METHODS,
    NOT_RUN,
    QUERIES,
    TIED,
    WORDS,
    metric_label,
)
from anonbench.reporting.notes import notes
from anonbench.reporting.summary import present, summarize, summarize_originals

ON_ORIGINALS = {
    "originals": UNADAPTED,
    "control": CONTROL,
    **{each.value: each.value for each in Baseline},
}
"""Baselines besides chance: rows of the tidy scores of original images."""
_METRICS = {"retrieval": "retrieval_metrics", "agreement": "agreement", "downstream": "accuracies"}
_CHANCE = {"chance": "Chance", "floor": "Chance, own image first"}


_NUMBERS = {"low": 1, "high": 1, "se": 2, "sd": 2}
"""Additional values of a cell in the CSV, with their number of decimals."""


@dataclass(frozen=True)
class ScoreGrid(Grid):
    """Table of scores (`Cell`), with more for the report and the CSV."""

    behind: str = ""  # number of queries or images, clusters and seeds; empty without scores
    cautions: tuple[str, ...] = ()
    """Reasons why the numbers support no statement, and why cells have no value."""
    baselines: tuple[Row, ...] = ()
    """Known baselines of every block, the same for all methods: those of `ON_ORIGINALS`, `chance`,
    and `floor` of the anonymized queries if it differs."""
    values: pd.DataFrame = field(default_factory=pd.DataFrame, compare=False)
    """All values as texts, in percent.

    One row per model and query kind, then one per baseline, which applies to all of them. The
    column `row` is one of: scenario; originals, control, pixels or untrained (on originals); chance
    or floor. Columns ``<metric>_<method>`` with one decimal (missing ones: ``not run``), then the
    same names with ``_low`` and ``_high`` (interval), ``_se`` (standard error over queries or
    images), ``_sd`` (standard deviation between seeds, empty for one) and ``_tied`` (1 where a
    paired test cannot tell it from the best, which is ``_best``)."""


def write_layout(
    table: Table,
    scores: pd.DataFrame,
    outputs: Sequence[Path],
    comparisons: pd.DataFrame | None = None,
    confidence: float = 0.95,
) -> None:
    """Write one table in the paper's layout to files (`grid.write_table`).

    The LaTeX is a `table` environment that needs booktabs and nothing else.
    """
    grid = lay_out(table, scores, comparisons, confidence)
    write_table(grid.values, to_markdown(grid, mark="*"), to_latex(grid, wide=False), outputs)


def lay_out(
    table: Table,
    scores: pd.DataFrame,
    comparisons: pd.DataFrame | None = None,
    confidence: float = 0.95,
) -> ScoreGrid:
    """Arrange the scores of one data set and degree as the paper does.

    Rows and columns are those of the data set at any degree, so that a missing scenario shows as an
    empty cell.

    Scores and paired tests (`pairwise`) are of one or several data sets. A cell is tied with the
    best if its adjusted p is at least 1 - confidence; none is without tests.
    """
    of_dataset = scores[scores["dataset"] == table.dataset]
    metrics = [*WORDS[_METRICS[table.kind]]]
    summary = summarize(of_dataset)
    summary = summary[summary["metric"].isin(metrics)]
    methods = present(summary["method"], METHODS) or [*Method]
    choices = [name for name in ADAPTIONS if name not in NO_CHOICE | COMPATIBLE]
    adaptions = present(summary["adaption"], ADAPTIONS) or choices
    shown = summary[summary["degree"] == table.degree]
    keys = ["query", "metric", "method"]
    of_columns = {key: _cells(of, "adaption") for key, of in shown.groupby(keys)}
    tests: dict[Any, dict[frozenset[str], float]] = {}  # by column and pair of models
    if comparisons is not None:
        same = (comparisons["dataset"] == table.dataset) & (comparisons["degree"] == table.degree)
        for key, tested in comparisons[same].groupby(keys):
            pairs = map(frozenset, zip(tested["a"], tested["b"], strict=True))
            tests[key] = dict(zip(pairs, tested["p_holm"], strict=True))
    queries = {"": ""} if table.kind == "downstream" else QUERIES
    rows: dict[tuple[str, str], list[Cell]] = {}  # by query kind and model
    for query in queries:
        columns = []
        for key in product([query], metrics, methods):
            column = {a: of_columns.get(key, {}).get(a, Cell()) for a in adaptions}
            _mark(column, tests.get(key, {}), 1.0 - confidence)
            columns.append(column)
        rows |= {(query, name): [column[name] for column in columns] for name in adaptions}
    ks = {metric: _only(shown.loc[shown["metric"] == metric, "k"]) for metric in metrics}
    headings = {m: metric_label(m, None if k is None else int(k)) for m, k in ks.items()}
    known = _baselines(shown, summarize_originals(of_dataset), metrics)
    texts = {
        key: ", ".join(f"{name} {of[m].text}" for m, name in headings.items() if m in of)
        for key, of in known.items()
    }
    baselines = {
        key: [of.get(metric, Cell()) for metric in metrics for _ in methods]
        for key, of in known.items()
    }
    # after systems have received their names
    labels = {key: f"{ADAPTIONS[name]}, original images" for key, name in ON_ORIGINALS.items()}
    labels |= _CHANCE
    level = 1.0 - confidence if tests else None
    behind, cautions = _behind(table.kind != "downstream", shown), _cautions(shown)
    scored = [cell.value is not None for cells in rows.values() for cell in cells]
    missing = notes("without_value", missing=scored.count(False), cells=len(scored))
    values = _values(rows, baselines, [f"{m}_{method}" for m in metrics for method in methods])
    return ScoreGrid(
        stem=table.stem,
        title=f"{WORDS['layouts'][table.kind]} in percent, {table.dataset}, "
        f"{table.degree} % of the regions anonymized",
        heads=("Model", *[METHODS[method] for method in methods] * len(metrics)),
        groups=(("", 1), *((heading, len(methods)) for heading in headings.values())),
        blocks=tuple(
            GridBlock(label, tuple((ADAPTIONS[name], *rows[query, name]) for name in adaptions))
            for query, label in queries.items()
        ),
        baselines=tuple((labels[key], *cells) for key, cells in baselines.items()),
        behind=behind,
        cautions=(*cautions, *missing),
        notes=_notes(table, shown, texts, behind=behind, cautions=cautions, level=level),
        values=values.drop(columns="query") if table.kind == "downstream" else values,
    )


def _values(
    rows: Mapping[tuple[str, str], Sequence[Cell]],
    baselines: Mapping[str, Sequence[Cell]],
    names: Sequence[str],
) -> pd.DataFrame:
    """Return `ScoreGrid.values`; `names` are those of the columns."""
    heads = [*names, *(f"{name}_{part}" for part in (*_NUMBERS, "best", "tied") for name in names)]
    lines = [(query, "scenario", name, *_texts(cells)) for (query, name), cells in rows.items()]
    for key, cells in baselines.items():
        lines.append(("", key, ON_ORIGINALS.get(key, ""), *_texts(cells)))
    return pd.DataFrame(lines, columns=["query", "row", "adaption", *heads])


def _texts(cells: Sequence[Cell]) -> list[str]:
    values = [NOT_RUN if cell.value is None else f"{cell.value:.1f}" for cell in cells]
    for part, decimals in _NUMBERS.items():
        numbers = [getattr(cell, part) for cell in cells]
        values += ["" if number is None else f"{number:.{decimals}f}" for number in numbers]
    for part in ("best", "tied"):
        values += ["" if c.value is None else str(int(getattr(c, part))) for c in cells]
    return values


def _cells(rows: pd.DataFrame, name: str) -> dict[str, Cell]:
    """Cells of summarized scores by the values of a column."""
    numbers = rows[["value", "sd", "se", "low", "high"]].astype(float) * 100
    known = [
        {str(key): value for key, value in row.items() if value == value}
        for row in numbers.to_dict("records")
    ]
    lowest = rows["low"].fillna(rows["value"]).to_numpy(float)
    limits = np.fmax(rows["chance"].to_numpy(float), rows["floor"].to_numpy(float))
    made = (Cell(**of, chance=bool(at)) for of, at in zip(known, lowest <= limits, strict=True))
    return dict(zip(rows[name], made, strict=True))


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
    """Known values of the baselines: cells by metric."""
    originals = originals[originals["metric"].isin(metrics)]
    found = {}
    for key, name in ON_ORIGINALS.items():
        cells = _cells(originals[originals["adaption"] == name], "metric")
        found[key] = {metric: replace(cell, chance=False) for metric, cell in cells.items()}
    searched = rows[rows["query"] == QueryKind.ANONYMIZED.value]
    levels = {
        key: {m: _only(of.loc[of["metric"] == m, key]) for m in metrics}
        for key, of in (("chance", rows), ("floor", searched))
    }
    if levels["floor"] == levels["chance"]:
        del levels["floor"]
    for key, known in levels.items():
        found[key] = {m: Cell(100 * value) for m, value in known.items() if value is not None}
    return {key: cells for key, cells in found.items() if cells}


def _notes(
    table: Table, scores: pd.DataFrame, baselines: Mapping[str, str], **given: Any
) -> tuple[str, ...]:
    """Notes below a table; `baselines` are the texts of those that are known."""
    if scores.empty:
        return ("No scenario was run.",)
    adaptions = set(scores["adaption"])
    untrained = [each for each in Baseline if each in adaptions]
    best = scores.assign(
        row=scores["adaption"].where(scores["adaption"].isin(NO_CHOICE), "models")
    ).pivot_table(index=["query", "metric", "method"], columns="row", values="value", aggfunc="max")
    above = []  # baselines that exceed every model, in how many of the columns
    for baseline in [each for each in Baseline if {"models", each} <= set(best)]:
        both = best[["models", baseline]].dropna()
        exceeds = int((both[baseline] > both["models"]).sum())
        above += [(ADAPTIONS[baseline], exceeds, len(both))] if exceeds else []
    return notes(
        "results",
        rbo="rbo" in set(scores["metric"]),
        several_seeds=(scores["seeds"] > 1).any(),
        retrieval=table.kind != "downstream",
        control=ADAPTIONS[CONTROL] if CONTROL in adaptions else "",
        unadapted=ADAPTIONS[UNADAPTED],
        untrained=[ADAPTIONS[each] for each in untrained],
        reached=[f"{ADAPTIONS[each]} {baselines[each]}" for each in untrained if each in baselines],
        above=above,
        baselines={each: baselines.get(each) for each in ("originals", "control", *_CHANCE)},
        tied=TIED,
        at_chance=AT_CHANCE,
        **given,
    )


def _only(values: pd.Series) -> float | None:
    """The single value that all share up to rounding, or None."""
    found = pd.to_numeric(values).dropna().astype(float).round(12).unique()
    return float(found[0]) if len(found) == 1 else None


def _cautions(scores: pd.DataFrame) -> tuple[str, ...]:
    clusters = scores["clusters"].min()
    return notes(
        "cautions",
        below_k=(scores.loc[scores["metric"].isin(PER_QUERY), "k"] < MIN_K).any(),
        least_k=MIN_K,
        clusters=MIN_CLUSTERS if pd.isna(clusters) else int(clusters),
        least_clusters=MIN_CLUSTERS,
    )


def _behind(retrieval: bool, scores: pd.DataFrame) -> str:
    if scores.empty:
        return ""
    low, high = int(scores["n"].min()), int(scores["n"].max())
    noun = "query" if retrieval else "validation image"
    images = count(low, noun) if low == high else f"{low:,} to {count(high, noun)}"
    clusters = scores["clusters"].min()
    # NaN if they were not counted
    parts = [f"{images} in {count(int(clusters), 'cluster')}" if clusters < low else images]
    for metric, name in (("mndcg", "k"), ("rbo", "k"), ("knn", "neighbours k")):
        k = _only(scores.loc[scores["metric"] == metric, "k"])
        if k is not None:
            parts.append(f"{name} = {int(k):,}")
    return ", ".join([*parts, count(int(scores["seeds"].max()), "seed")])
