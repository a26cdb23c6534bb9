"""Result table in the paper's layout, independent of CSV, Markdown, LaTeX or HTML."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import product
from pathlib import Path
from typing import Any

import pandas as pd

from anonbench.config.outputs import Table
from anonbench.core.numeric.clusters import MIN_CLUSTERS
from anonbench.core.vocabulary import (
    COMPATIBLE,
    CONTROL,
    NO_CHOICE,
    UNADAPTED,
    Adaption,
    Baseline,
    Method,
    QueryKind,
)
from anonbench.core.wording import count
from anonbench.evaluation.retrieval.scoring.metrics import MIN_K, PER_QUERY
from anonbench.reporting import grid as grids
from anonbench.reporting.grid import Cell, Grid, GridBlock, Row, notes
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
from anonbench.reporting.summary import present, summarize, summarize_originals

ON_ORIGINALS = {
    "originals": UNADAPTED,
    "control": CONTROL,
    **{each: each for each in map(str, Baseline)},
}
"""Baselines besides chance: rows of the tidy scores of original images."""
_METRICS = {"retrieval": "retrieval_metrics", "agreement": "agreement", "downstream": "accuracies"}
_CHANCE = {"chance": "Chance", "floor": "Chance, own image first"}
_PARTS = {"low": ".1f", "high": ".1f", "se": ".2f", "sd": ".2f", "best": "d", "tied": "d"}
"""Additional values of a cell in the CSV."""


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
    """All values as texts, in percent: a row per model and query kind, then one per baseline.

    `row` is scenario, a key of `ON_ORIGINALS`, chance or floor. Columns ``<metric>_<method>``
    (missing ones: ``not run``), then the same names with a part of the cell, such as ``_low``."""


def write_layout(
    table: Table,
    scores: pd.DataFrame,
    outputs: Sequence[Path],
    comparisons: pd.DataFrame | None = None,
    confidence: float = 0.95,
) -> None:
    """Write one table in the paper's layout to files (`grid.write_table`)."""
    grid = lay_out(table, scores, comparisons, confidence)
    markdown, latex = grids.to_markdown(grid, mark="*"), grids.to_latex(grid, wide=False)
    grids.write_table(grid.values, markdown, latex, outputs)


def lay_out(
    table: Table,
    scores: pd.DataFrame,
    comparisons: pd.DataFrame | None = None,
    confidence: float = 0.95,
) -> ScoreGrid:
    """Arrange the scores of one data set and degree as the paper does.

    Rows and columns are those of any degree: a missing scenario shows as an empty cell. A cell is
    tied with the best if its adjusted p in the tests (`pairwise`) is at least 1 - confidence.
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
    cells_of = _cells(shown, *keys, "adaption")
    tests: dict[Any, float] = {}  # p-values by column and pair of models
    if comparisons is not None:
        same = (comparisons["dataset"] == table.dataset) & (comparisons["degree"] == table.degree)
        tested = comparisons.loc[same, [*keys, "a", "b", "p_holm"]].to_numpy()
        tests = {(*key, frozenset((a, b))): p for *key, a, b, p in tested}
    queries = {"": ""} if table.kind == "downstream" else QUERIES
    rows: dict[tuple[str, str], list[Cell]] = {}  # by query kind and model
    for key in product(queries, metrics, methods):
        column = {a: cells_of.get((*key, a), Cell()) for a in adaptions}
        _mark(column, key, tests, 1.0 - confidence)
        for name, cell in column.items():
            rows.setdefault((key[0], name), []).append(cell)
    ks = {metric: _only(shown.loc[shown["metric"] == metric, "k"]) for metric in metrics}
    headings = {m: metric_label(m, None if k is None else int(k)) for m, k in ks.items()}
    known = _baselines(shown, summarize_originals(of_dataset), metrics)
    texts, baselines = {}, {}
    for row, of in known.items():
        texts[row] = ", ".join(f"{name} {of[m].text}" for m, name in headings.items() if m in of)
        baselines[row] = [of.get(metric, Cell()) for metric in metrics for _ in methods]
    # after systems have received their names
    labels = {key: f"{ADAPTIONS[name]}, original images" for key, name in ON_ORIGINALS.items()}
    labels |= _CHANCE
    level = 1.0 - confidence if tests else None
    clusters = shown["clusters"].min()
    cautions = notes(
        "cautions",
        below_k=(shown.loc[shown["metric"].isin(PER_QUERY), "k"] < MIN_K).any(),
        least_k=MIN_K,
        clusters=MIN_CLUSTERS if pd.isna(clusters) else int(clusters),
        least_clusters=MIN_CLUSTERS,
    )
    behind = _behind(table.kind != "downstream", shown)
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
    lines = [(query, "scenario", name, cells) for (query, name), cells in rows.items()]
    lines += [("", key, ON_ORIGINALS.get(key, ""), cells) for key, cells in baselines.items()]
    table = []
    for *places, cells in lines:
        places += [NOT_RUN if cell.value is None else f"{cell.value:.1f}" for cell in cells]
        for part, form in _PARTS.items():
            numbers = (None if cell.value is None else getattr(cell, part) for cell in cells)
            places += ["" if number is None else format(number, form) for number in numbers]
        table.append(places)
    heads = [*names, *(f"{name}_{part}" for part in _PARTS for name in names)]
    return pd.DataFrame(table, columns=["query", "row", "adaption", *heads])


def _cells(rows: pd.DataFrame, *names: str) -> dict[Any, Cell]:
    """Cells of summarized scores by the values of columns."""
    numbers = rows[["value", "sd", "se", "low", "high"]].astype(float) * 100
    known: Any = numbers.astype(object).where(numbers.notna(), None).to_dict("records")
    lowest = rows["low"].fillna(rows["value"]).to_numpy(float)
    at_chance = lowest <= rows[["chance", "floor"]].astype(float).max(axis=1)
    keys = rows[[*names]].itertuples(index=False, name=None)
    cells = (Cell(**of, chance=bool(at)) for of, at in zip(known, at_chance, strict=True))
    return dict(zip(keys, cells, strict=True))


def _mark(
    column: Mapping[str, Cell], place: tuple[str, ...], tests: Mapping[Any, float], level: float
) -> None:
    """Mark the values of a column that print like the highest, and those not told from it.

    None if all print alike. Control and baselines are ignored: they cannot be deployed.
    """
    values = {k: c.value for k, c in column.items() if k not in NO_CHOICE and c.value is not None}
    printed = {key: f"{value:.1f}" for key, value in values.items()}
    if len({*printed.values()}) < 2:
        return
    highest = max(values, key=values.__getitem__)
    for key, text in printed.items():
        cell = column[key]
        cell.best = text == printed[highest]
        p = tests.get((*place, frozenset((key, highest))), math.nan)
        cell.tied = not cell.best and p >= level


def _baselines(
    rows: pd.DataFrame, originals: pd.DataFrame, metrics: Sequence[str]
) -> dict[str, dict[str, Cell]]:
    unmarked = originals[originals["metric"].isin(metrics)].assign(chance=math.nan, floor=math.nan)
    cells = _cells(unmarked, "adaption", "metric")
    found = {
        key: {m: cells[name, m] for m in metrics if (name, m) in cells}
        for key, name in ON_ORIGINALS.items()
    }
    searched = rows[rows["query"] == QueryKind.ANONYMIZED.value]
    for key, of in {"chance": rows, "floor": searched}.items():
        levels = {m: _only(of.loc[of["metric"] == m, key]) for m in metrics}
        found[key] = {m: Cell(100 * value) for m, value in levels.items() if value is not None}
    if found["floor"] == found["chance"]:
        del found["floor"]
    return {key: known for key, known in found.items() if known}


def _notes(
    table: Table, scores: pd.DataFrame, baselines: Mapping[str, str], **given: Any
) -> tuple[str, ...]:
    if scores.empty:
        return ("No scenario was run.",)
    adaptions = set(scores["adaption"])
    untrained = [each for each in Baseline if each in adaptions]
    row = scores["adaption"].where(scores["adaption"].isin(NO_CHOICE), "models")
    best = scores.groupby(["query", "metric", "method", row])["value"].max().unstack()
    above = []  # baselines that exceed every model, in how many of the columns
    for baseline in [each for each in Baseline if {"models", each} <= set(best)]:
        both = best[["models", baseline]].dropna()
        exceeds = int((both[baseline] > both["models"]).sum())
        above += [(ADAPTIONS[baseline], exceeds, len(both))] if exceeds else []
    by_model = scores.groupby(["method", "metric", "query", "adaption"])["value"].mean().unstack()
    unmapped: list[str] = []
    if {UNADAPTED, Adaption.MAPPED} <= adaptions:
        same = (by_model[UNADAPTED] == by_model[Adaption.MAPPED]).groupby("method").all()
        unmapped = [METHODS[str(name)] for name in same.index[same]]
    return notes(
        "results",
        unmapped=unmapped,
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


def _behind(retrieval: bool, scores: pd.DataFrame) -> str:
    if scores.empty:
        return ""
    low, high = int(scores["n"].min()), int(scores["n"].max())
    noun = "query" if retrieval else "validation image"
    images = count(low, noun) if low == high else f"{low:,} to {count(high, noun)}"
    clusters = scores["clusters"].min()  # NaN if they were not counted
    parts = [f"{images} in {count(int(clusters), 'cluster')}" if clusters < low else images]
    for metric, name in (("mndcg", "k"), ("rbo", "k"), ("knn", "neighbours k")):
        k = _only(scores.loc[scores["metric"] == metric, "k"])
        if k is not None:
            parts.append(f"{name} = {int(k):,}")
    return ", ".join([*parts, count(int(scores["seeds"].max()), "seed")])
