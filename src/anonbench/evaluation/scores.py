"""All scores of a data set as one tidy table, with an interval and an error for every value.

Retrieval is scored against the unadapted model of one seed, the reference's. The unadapted model of
another seed is the retraining control and has rows of its own: the one is compared with itself, the
other is not, so that averaging them would mix two questions. For accuracies, which need no
reference, only the seeds that were trained for the control count as it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from math import sqrt
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from anonbench.core.io import read_json
from anonbench.core.numeric.statistics import (
    bootstrap_means,
    interval,
    normal_interval,
    standard_error,
    wilson,
)
from anonbench.core.registries.methods import METHODS
from anonbench.core.vocabulary import (
    CONTROL,
    ORIGINAL,
    Adaption,
    Baseline,
    Model,
    QueryKind,
    Variant,
)
from anonbench.datasets.clusters import clusters_of
from anonbench.evaluation.retrieval.chance import AT_TOP
from anonbench.evaluation.retrieval.metrics import PER_QUERY

CLASSIFIERS = ("knn", "linear")
ADAPTIONS = [
    Adaption.UNADAPTED.value,
    CONTROL,
    *(adaption.value for adaption in Adaption if adaption is not Adaption.UNADAPTED),
    *(baseline.value for baseline in Baseline),
]
"""The rows of a table, in their order."""
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
    "se",
    "n",
    "clusters",
    "k",
    "chance",
    "floor",
]
"""Columns of the table. One row is one number: `query` is empty for accuracies; originals have
degree 0 and method `original`; `adaption` is `control` for the retraining control; `value`, `low`,
`high`, `chance` (of a random ranking, or of always answering the most frequent class) and `floor`
are shares (`tau` a coefficient), `se` is the standard error over queries or images, of which there
are `n` in so many `clusters` (`anonbench.datasets.clusters`). `k` is the cut-off of a ranking or
the number of neighbours, empty for linear accuracy. `floor` is what a model without knowledge
scores: chance, and where a query is the database's own vector, chance with the own image first."""
# scenarios whose per-query scores are in memory at once: 0.1 GB at the paper's size
_BATCH = 16


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
    predictions: Path | None = None
    """Label and predictions of each image (Parquet), where the data set has labels."""


def scenario_files(
    scenarios: Iterable[tuple[str, int, str]],
    retrieval: Sequence[str],
    per_query: Sequence[str],
    downstream: Sequence[str],
    predictions: Sequence[str],
) -> list[ScenarioFiles]:
    """Return the files of scenarios (model, seed and variant as written in paths), in their order.

    Paths are one for each scenario; those of a data set without labels are empty lists.
    """
    keys = list(scenarios)
    none: list[str | None] = [None] * len(keys)
    return [
        ScenarioFiles(
            Model.parse(model),
            seed,
            Variant.parse(variant),
            Path(summary),
            Path(queries),
            Path(accuracies) if accuracies else None,
            Path(predicted) if predicted else None,
        )
        for (model, seed, variant), summary, queries, accuracies, predicted in zip(
            keys, retrieval, per_query, downstream or none, predictions or none, strict=True
        )
    ]


def adaption_of(
    model: Model, seed: int, reference_seed: int, control_seeds: Collection[int], retrieval: bool
) -> str:
    """Return which row of a table a training belongs to: an adaption, or the control's.

    Args:
        model: what was trained.
        seed: with which seed.
        reference_seed: seed of the reference ranking's model.
        control_seeds: seeds that were trained for the control alone.
        retrieval: whether the score is a comparison with the reference ranking.

    """
    retrained = seed in control_seeds or (retrieval and seed != reference_seed)
    if model.adaption is Adaption.UNADAPTED and retrained:
        return CONTROL
    return model.adaption.value


def collect(
    dataset: str,
    scenarios: Sequence[ScenarioFiles],
    clusters: pd.Series,
    reference_seed: int,
    control_seeds: Collection[int],
    bootstrap: int,
    confidence: float,
) -> pd.DataFrame:
    """Return one row for each scenario, query kind and metric, with the columns `COLUMNS`.

    Intervals of the retrieval metrics are percentile bootstraps over queries, with the same draws
    for all scenarios; those of counts (accuracies, unchanged queries) are Wilson's, which have a
    width at 0 and 1 too; those of the macro accuracies are normal ones.
    Standard errors are s / √n, √(p (1 - p) / n) and, over C classes, √(Σ p_c (1 - p_c) / n_c) / C.

    Args:
        dataset: its name.
        scenarios: the files, in any order.
        clusters: of the images, by id (`anonbench.datasets.clusters.read_clusters`).
        reference_seed: see `adaption_of`.
        control_seeds: see `adaption_of`.
        bootstrap: resamples.
        confidence: coverage of the intervals, as a share.

    Raises:
        InputError: a query has no cluster.

    """
    rows: list[dict[str, Any]] = []
    ordered = sorted(scenarios, key=_order)
    for start in range(0, len(ordered), _BATCH):
        cells: list[dict[str, Any]] = []
        columns: list[np.ndarray] = []
        groups: list[np.ndarray] = []
        for files in ordered[start : start + _BATCH]:
            key = {
                "dataset": dataset,
                "degree": files.variant.degree,
                "method": ORIGINAL if files.variant.method is None else files.variant.method,
                "seed": files.seed,
            }
            training = (files.model, files.seed, reference_seed, control_seeds)
            row = key | {"adaption": adaption_of(*training, retrieval=True)}
            for cell, values, groups_of in _per_query(files, clusters):
                cells.append(row | cell)
                columns.append(values)
                groups.append(groups_of)
            if files.downstream is not None:
                row = key | {"adaption": adaption_of(*training, retrieval=False)}
                rows += [row | cell for cell in _accuracies(files, clusters, confidence)]
        intervals = _intervals(columns, bootstrap, confidence)
        for cell, values, of, (low, high) in zip(cells, columns, groups, intervals, strict=True):
            is_defined = ~np.isnan(values)
            defined = values[is_defined]
            mean = float(defined.mean()) if len(defined) else float("nan")
            if cell["metric"] == "unchanged" and len(defined):
                low, high = wilson(int(defined.sum()), len(defined), confidence)
            cell |= {"value": mean, "low": low, "high": high, "n": len(defined)}
            cell["clusters"] = len(np.unique(of[is_defined]))
            rows.append(cell | {"se": standard_error(defined)})
    return _sorted(pd.DataFrame(rows, columns=COLUMNS)).astype({"clusters": "Int64", "k": "Int64"})


def _order(files: ScenarioFiles) -> tuple[str, str, int]:
    return str(files.variant), str(files.model), files.seed


def _per_query(
    files: ScenarioFiles, clusters: pd.Series
) -> list[tuple[dict[str, Any], np.ndarray, np.ndarray]]:
    """Return the cells of one scenario's retrieval metrics, their queries' values and clusters."""
    summary = read_json(files.retrieval)
    table = pd.read_parquet(files.per_query).sort_values(["query", "id"])
    found = []
    for query in QueryKind:
        of_kind = table[table["query"] == query.value]
        groups = clusters_of(of_kind["id"], clusters)
        for metric, column in PER_QUERY.items() if len(of_kind) else ():
            cell = {
                "query": query.value,
                "metric": metric,
                "k": summary["top"] if metric in AT_TOP else summary["k"],
                "chance": summary["chance"].get(metric),
                "floor": summary["floor"][query.value].get(metric),
            }
            found.append((cell, of_kind[column].to_numpy(np.float64), groups))
    return found


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
    files: ScenarioFiles, clusters: pd.Series, confidence: float
) -> list[dict[str, Any]]:
    """Return the cells of one scenario's accuracies: of k-NN at every k, linear, and macro."""
    summary = read_json(files.downstream) if files.downstream else {}
    k, chance = summary["k"], summary["chance"]
    entries = [("knn", summary["knn"][str(k)], k), ("linear", summary["linear"], None)]
    entries += [(f"knn@{n}", entry, int(n)) for n, entry in summary["knn"].items()]
    rows = []
    for metric, entry, neighbours in entries:
        share, n = entry["accuracy"], entry["n"]
        low, high = wilson(entry["correct"], n, confidence)
        row = {"query": "", "metric": metric, "value": share, "low": low, "high": high}
        se = sqrt(share * (1.0 - share) / n)
        rows.append(row | {"se": se, "n": n, "k": neighbours, "chance": chance})
    if files.predictions is not None:
        predictions = pd.read_parquet(files.predictions, columns=["id", "label", *CLASSIFIERS])
        for metric, _, neighbours in entries[: len(CLASSIFIERS)]:
            row = _macro(predictions["label"], predictions[metric], confidence)
            # one class is always right where the most frequent one occurs at all
            level = row.pop("classes") ** -1 if chance > 0 else 0.0
            row |= {"query": "", "metric": f"{metric}_macro", "k": neighbours, "chance": level}
            rows.append(row)
        count = len(np.unique(clusters_of(predictions["id"], clusters)))
        rows = [row | {"clusters": count} for row in rows]
    return [row | {"floor": row["chance"]} for row in rows]


def _macro(labels: pd.Series, predicted: pd.Series, confidence: float) -> dict[str, Any]:
    """Return the mean of the classes' accuracies, its error and how many classes there are."""
    by_class = (labels == predicted).groupby(labels).agg(["mean", "size"])
    share = by_class["mean"].to_numpy(np.float64)
    value = float(share.mean())
    spread = (share * (1.0 - share) / by_class["size"].to_numpy()).sum()
    se = float(np.sqrt(spread)) / len(by_class)
    low, high = (float(end) for end in np.clip(normal_interval(value, se, confidence), 0.0, 1.0))
    found = {"value": value, "low": low, "high": high, "se": se, "n": len(labels)}
    return found | {"classes": len(by_class)}


def _sorted(table: pd.DataFrame) -> pd.DataFrame:
    every_k = {name for name in table["metric"] if "@" in name}
    orders = {
        "method": [ORIGINAL, *METHODS],
        "adaption": ADAPTIONS,
        "query": [*(query.value for query in QueryKind), ""],
        "metric": [
            *PER_QUERY,
            *CLASSIFIERS,
            *(f"{name}_macro" for name in CLASSIFIERS),
            *sorted(every_k, key=lambda name: int(name.partition("@")[2])),
        ],
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
