"""Paired tests between all rows in a column of a result table.

A column is one data set, degree, method, query kind and metric; its rows are the adaptions and the
retraining control. All rows answer the same queries, and a query that is hard for one is hard for
all, so that the differences query by query tell far more than intervals that overlap.

The tests are over queries (or images): they say whether these trained models differ, and nothing of
models that are trained anew. How far those are apart is what the control and several seeds show.
"""

from __future__ import annotations

import operator
from collections import defaultdict
from collections.abc import Callable, Collection, Iterator, Sequence
from functools import reduce
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from anonbench.core.errors import InputError
from anonbench.core.numeric.statistics import holm
from anonbench.core.registries.methods import METHODS
from anonbench.core.vocabulary import ORIGINAL, Baseline, QueryKind, Variant
from anonbench.datasets.clusters import clusters_of
from anonbench.evaluation.retrieval.metrics import PER_QUERY
from anonbench.evaluation.scores import ADAPTIONS, CLASSIFIERS, ScenarioFiles, adaption_of
from anonbench.evaluation.significance import Paired, mcnemar, paired_t

COLUMNS = [
    "dataset",
    "degree",
    "method",
    "query",
    "metric",
    "a",
    "b",
    "difference",
    "low",
    "high",
    "p",
    "p_holm",
    "n",
    "clusters",
]
"""Columns of the table. One row is one pair of adaptions, `a` before `b` in the order of a table's
rows: `difference` is the mean of a less that of b, with its interval, as shares; `p` is two-sided,
`p_holm` adjusted for all pairs of the column; `n` counts the queries or images of both, and
`clusters` the clusters that they are in."""

_Cells = dict[str, list[ScenarioFiles]]


def compare(
    dataset: str,
    scenarios: Sequence[ScenarioFiles],
    clusters: pd.Series,
    reference_seed: int,
    control_seeds: Collection[int],
    confidence: float,
) -> pd.DataFrame:
    """Return the paired tests of a data set's scores, with the columns `COLUMNS`.

    Retrieval metrics: paired t tests over queries, each query's score averaged over a row's seeds.
    Accuracies: McNemar's exact test over images, of a row's first seed. p-values are adjusted by
    Holm's method within a column.

    Args:
        dataset: its name.
        scenarios: the files, in any order; those of one variant are in memory at once.
        clusters: of the images, by id (`anonbench.datasets.clusters.read_clusters`).
        reference_seed: as `anonbench.evaluation.scores.adaption_of`.
        control_seeds: as `anonbench.evaluation.scores.adaption_of`.
        confidence: coverage of the intervals, as a share.

    Raises:
        InputError: a query has no cluster.

    """
    rows: list[dict[str, Any]] = []
    for variant in sorted({files.variant for files in scenarios}, key=_order):
        key = {
            "dataset": dataset,
            "degree": variant.degree,
            "method": ORIGINAL if variant.method is None else variant.method,
        }
        of_variant = [files for files in scenarios if files.variant == variant]
        retrieval = _rows(of_variant, reference_seed, control_seeds, retrieval=True)
        rows += [key | row for row in _retrieval(retrieval, clusters, confidence)]
        labelled = [files for files in of_variant if files.predictions is not None]
        accuracies = _rows(labelled, reference_seed, control_seeds, retrieval=False)
        rows += [key | row for row in _accuracies(accuracies, clusters, confidence)]
    return pd.DataFrame(rows, columns=COLUMNS)


def read_comparisons(path: Path) -> pd.DataFrame:
    """Read paired tests; a missing query kind (accuracies) is the empty string.

    Raises:
        InputError: a column is missing.

    """
    numbers = {name: ["", "nan"] for name in COLUMNS[COLUMNS.index("difference") :]}
    table = pd.read_csv(path, keep_default_na=False, na_values=numbers)
    if missing := [name for name in COLUMNS if name not in table]:
        raise InputError(f"{path}: column {missing[0]!r} is missing; make the comparisons again")
    return table


def _order(variant: Variant) -> tuple[int, int]:
    return variant.degree, -1 if variant.method is None else list(METHODS).index(variant.method)


def _rows(
    scenarios: Sequence[ScenarioFiles],
    reference_seed: int,
    control_seeds: Collection[int],
    retrieval: bool,
) -> _Cells:
    """Return the files of each row of a column, by seed, in the order of a table's rows."""
    found: _Cells = defaultdict(list)
    for files in sorted(scenarios, key=lambda files: files.seed):
        training = (files.model, files.seed, reference_seed, control_seeds)
        found[adaption_of(*training, retrieval=retrieval)].append(files)
    return {name: found[name] for name in ADAPTIONS if name in found and name not in set(Baseline)}


def _retrieval(cells: _Cells, clusters: pd.Series, confidence: float) -> Iterator[dict[str, Any]]:
    tables = {name: _mean_over_seeds(files) for name, files in cells.items()}
    for query in QueryKind:
        of_kind = {
            name: table.xs(query.value)
            for name, table in tables.items()
            if query.value in table.index.get_level_values(0)
        }
        for metric, column in PER_QUERY.items():
            values = {name: table[column] for name, table in of_kind.items()}
            yield from _pairs(query.value, metric, values, clusters, paired_t, confidence)


def _accuracies(cells: _Cells, clusters: pd.Series, confidence: float) -> Iterator[dict[str, Any]]:
    tables = {
        name: pd.read_parquet(str(files[0].predictions)).set_index("id")
        for name, files in cells.items()
    }
    for metric in CLASSIFIERS:
        right = {name: (of[metric] == of["label"]).astype(float) for name, of in tables.items()}
        yield from _pairs("", metric, right, clusters, mcnemar, confidence)


def _mean_over_seeds(files: Sequence[ScenarioFiles]) -> pd.DataFrame:
    """Return the scores of each query, by query kind and id; NaN where a seed gives none."""
    columns = ["query", "id", *PER_QUERY.values()]
    tables = [
        pd.read_parquet(of_seed.per_query, columns=columns).set_index(["query", "id"]).sort_index()
        for of_seed in files
    ]
    return reduce(operator.add, tables) / len(tables)


def _pairs(
    query: str,
    metric: str,
    values: dict[str, pd.Series],
    clusters: pd.Series,
    test: Callable[[np.ndarray, np.ndarray, float], Paired],
    confidence: float,
) -> list[dict[str, Any]]:
    """Return the tests of one column: values by id, for each of its rows."""
    table = pd.DataFrame(values).sort_index()  # NaN where a row lacks the query
    groups = clusters_of(table.index.to_series(), clusters)
    rows: list[dict[str, Any]] = []
    for a, b in combinations(table, 2):
        result = test(table[a].to_numpy(), table[b].to_numpy(), confidence)
        count = len(np.unique(groups[table[[a, b]].notna().all(axis=1)]))
        row = {"query": query, "metric": metric, "a": a, "b": b, "clusters": count}
        rows.append(row | vars(result))
    for row, p in zip(rows, holm(np.array([row["p"] for row in rows])), strict=True):
        row["p_holm"] = float(p)
    return rows
