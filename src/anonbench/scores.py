"""All scores of a data set as one tidy table, with an interval for every value."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from anonbench.files import read_json
from anonbench.statistics import bootstrap_means, interval, wilson
from anonbench.vocabulary import ORIGINAL, Adaption, Method, Model, QueryKind, Variant

COLUMNS = [
    "dataset",
    "degree",
    "method",
    "adaption",
    "seed",
    "query",
    "metric",
    "value",
    "low",
    "high",
    "n",
    "k",
    "chance",
]
"""Columns of the table. One row is one number: `query` is empty for accuracies, `k` for linear
accuracy; originals have degree 0 and method `original`; `value`, `low`, `high` and `chance` (of a
random ranking, or of always answering the most frequent class) are shares."""


@dataclass(frozen=True)
class ScenarioFiles:
    """The files of one scenario."""

    model: Model
    seed: int
    variant: Variant
    retrieval: Path
    """Summary of the retrieval scores (JSON)."""
    per_query: Path
    """Scores of each query (Parquet)."""
    downstream: Path | None = None
    """Summary of the accuracies (JSON), where the data set has labels."""


def collect(
    dataset: str, scenarios: Sequence[ScenarioFiles], bootstrap: int, confidence: float
) -> pd.DataFrame:
    """Return one row for each scenario, query kind and metric, with the columns `COLUMNS`.

    Intervals of mAP and mnDCG are percentile bootstraps over queries, with the same draws for all
    scenarios; those of the accuracies are Wilson's.

    Args:
        dataset: its name.
        scenarios: the files, in any order.
        bootstrap: resamples.
        confidence: coverage of the intervals, as a share.

    """
    cells: list[dict[str, Any]] = []
    columns: list[np.ndarray] = []
    accuracies: list[dict[str, Any]] = []
    for files in sorted(scenarios, key=_order):
        key = _key(dataset, files)
        summary = read_json(files.retrieval)
        k, chance = summary["k"], summary["chance"]
        rows = pd.read_parquet(files.per_query).sort_values(["query", "id"])
        for query in QueryKind:
            of_kind = rows[rows["query"] == query.value]
            for metric, column in (("map", "ap"), ("mndcg", "ndcg")):
                about = {"query": query.value, "metric": metric, "k": k, "chance": chance[metric]}
                cells.append(key | about)
                columns.append(of_kind[column].to_numpy(np.float64))
        if files.downstream is not None:
            accuracies += _accuracies(key, read_json(files.downstream), confidence)
    for cell, values, (low, high) in zip(
        cells, columns, _intervals(columns, bootstrap, confidence), strict=True
    ):
        defined = values[~np.isnan(values)]
        mean = float(defined.mean()) if len(defined) else float("nan")
        cell |= {"value": mean, "low": low, "high": high, "n": len(defined)}
    table = pd.DataFrame(cells + accuracies, columns=COLUMNS)
    return _sorted(table).astype({"k": "Int64"})


def _key(dataset: str, files: ScenarioFiles) -> dict[str, Any]:
    return {
        "dataset": dataset,
        "degree": files.variant.degree,
        "method": ORIGINAL if files.variant.method is None else files.variant.method.value,
        "adaption": files.model.adaption.value,
        "seed": files.seed,
    }


def _order(files: ScenarioFiles) -> tuple[str, str, int]:
    return str(files.variant), str(files.model), files.seed


def _intervals(
    columns: Sequence[np.ndarray], bootstrap: int, confidence: float
) -> list[tuple[float, float]]:
    """Return the interval of each column's mean; columns of one length share their draws."""
    found: dict[int, tuple[float, float]] = {}
    for length in sorted({len(column) for column in columns}):
        same = [i for i, column in enumerate(columns) if len(column) == length]
        values = np.stack([columns[i] for i in same], axis=1)
        means = bootstrap_means(values, bootstrap, "queries")
        found |= {i: interval(means[:, j], confidence) for j, i in enumerate(same)}
    return [found[i] for i in range(len(columns))]


def _accuracies(
    key: dict[str, Any], summary: dict[str, Any], confidence: float
) -> list[dict[str, Any]]:
    k = summary["k"]
    rows = []
    for metric, entry, neighbours in (
        ("knn", summary["knn"][str(k)], k),
        ("linear", summary["linear"], None),
    ):
        low, high = wilson(entry["correct"], entry["n"], confidence)
        row = {"query": "", "metric": metric, "value": entry["accuracy"], "low": low, "high": high}
        rows.append(key | row | {"n": entry["n"], "k": neighbours, "chance": summary["chance"]})
    return rows


def _sorted(table: pd.DataFrame) -> pd.DataFrame:
    orders = {
        "method": [ORIGINAL, *(method.value for method in Method)],
        "adaption": [adaption.value for adaption in Adaption],
        "query": [*(query.value for query in QueryKind), ""],
        "metric": ["map", "mndcg", "knn", "linear"],
    }
    by = ["degree", "method", "adaption", "seed", "metric", "query"]
    return table.sort_values(
        by,
        key=lambda column: (
            column.map(orders[column.name].index) if column.name in orders else column
        ),
        kind="stable",
        ignore_index=True,
    )
