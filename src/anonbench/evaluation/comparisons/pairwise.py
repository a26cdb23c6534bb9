"""Paired tests of models of a method, methods of an adaption, and query kinds.

The sample of a test are queries (or images) in clusters. A test says whether these trained models
differ on new clusters of the same kind. It says nothing about retrained models; second references
and several seeds show how far those differ.

An anonymized query is a vector of the database and finds itself first; an original query need not.
On a small database this head start is larger than the difference of interest. Query kinds are
therefore compared without own images (`Retrieval.without_own_images`), which count neither as
relevant images nor in the ranking.
"""

from __future__ import annotations

import operator
from collections.abc import Hashable, Iterable, Sequence
from functools import reduce
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from anonbench.config.outputs import Scenario
from anonbench.core.errors import InputError
from anonbench.core.io import read_csv
from anonbench.core.numeric.clusters import Estimate, clustered_mean
from anonbench.core.vocabulary import QueryKind
from anonbench.evaluation.comparisons.columns import Column, by_adaption, by_degree
from anonbench.evaluation.decision import Judging, judge_families, judge_pairs
from anonbench.evaluation.retrieval.scoring.metrics import PER_QUERY

PAIR_COLUMNS = [
    *("a", "b", "difference", "low", "high", "p", "p_holm", "p_equivalent", "verdict"),
    *("n", "clusters", "reason"),
]
"""Columns of the tests. `difference` is the mean of a minus that of b, with its interval, as
shares; `p` is two-sided, `p_holm` and `p_equivalent` are adjusted over the pairs of the column; `n`
counts queries or images, `clusters` their clusters; `reason` says why there is no interval, or is
empty."""


def compare_pairs(
    values: pd.DataFrame, clusters: np.ndarray, margin: float, confidence: float, hits: bool
) -> pd.DataFrame:
    """Return the verdicts of all pairs of rows, columns `PAIR_COLUMNS`.

    Args:
        values: a row a query (or image), a column a row of the table; NaN where it has no score.
        clusters: label of each query's cluster [N].
        margin: largest difference that does not matter, as a share.
        confidence: of intervals and tests, as a share.
        hits: whether values are hits (1 or 0), whose interval keeps a width even if two rows agree
            on all.

    """
    found = judge_pairs(values.to_numpy(np.float64), clusters, margin, confidence, hits)
    names = [str(name) for name in values.columns]
    rows = [{"a": names[i], "b": names[j], **judged.cells} for (i, j), judged in found.items()]
    return pd.DataFrame(rows, columns=PAIR_COLUMNS)


COLUMNS = ["dataset", "degree", "method", "query", "metric", *PAIR_COLUMNS]
"""Columns of the table. One row is one pair of models, `a` before `b` in the order of a table's
rows; see `anonbench.evaluation.comparisons.pairwise.PAIR_COLUMNS`. The pairs of a column are
one family. The retraining control and other yardsticks are no choice: they are in no pair."""
METHOD_COLUMNS = ["dataset", "degree", "adaption", "query", "metric", *PAIR_COLUMNS]
"""Columns of the tests of methods. One row is one pair of methods with models of one adaption; the
pairs of methods of an adaption, degree, query kind and metric are one family."""
_TEXT = {"query", "verdict", "reason"}


def compare(dataset: str, columns: Iterable[Column], judging: Judging) -> pd.DataFrame:
    """Return the paired tests of a data set's models, with the columns `COLUMNS`.

    Args:
        columns: its scores (`anonbench.evaluation.comparisons.columns.columns_of`).

    Raises:
        InputError: a query has no cluster.

    """
    return _compared(dataset, ((column, column.key) for column in columns), judging, COLUMNS)


def compare_methods(dataset: str, columns: Iterable[Column], judging: Judging) -> pd.DataFrame:
    """Return the paired tests of a data set's methods, with the columns `METHOD_COLUMNS`.

    Arguments and errors are those of `compare`.
    """
    named = (
        (column, column.key | {"adaption": adaption})
        for group in by_degree(columns)
        for adaption, column in by_adaption(group)
    )
    return _compared(dataset, named, judging, METHOD_COLUMNS)


def _compared(
    dataset: str,
    named: Iterable[tuple[Column, dict[str, Any]]],
    judging: Judging,
    columns: list[str],
) -> pd.DataFrame:
    tables = []
    for column, key in named:
        groups, margin = judging.groups(column.values.index), judging.equivalence_margin
        table = compare_pairs(column.values, groups, margin, judging.confidence, column.hits)
        if len(table):
            tables.append(table.assign(dataset=dataset, **key)[columns])
    return pd.concat(tables, ignore_index=True) if tables else pd.DataFrame(columns=columns)


def read_comparisons(path: Path) -> pd.DataFrame:
    """Read paired tests of models.

    A missing query kind (accuracies), verdict or reason is the empty string."""
    return read_csv(path, COLUMNS, _TEXT)


def read_method_comparisons(path: Path) -> pd.DataFrame:
    """Read paired tests of methods, as `read_comparisons` does those of models."""
    return read_csv(path, METHOD_COLUMNS, _TEXT)


KIND_COLUMNS = [
    *("dataset", "degree", "method", "adaption", "metric", "original", "anonymized"),
    *("difference", "low", "high", "p", "p_holm", "p_equivalent", "verdict", "seeds"),
    *("n", "clusters", "reason"),
]
"""Columns of the table. One row is one model on one variant: means of both query kinds, and the
mean of anonymized minus original with its interval, as shares. `p` is two-sided; `p_holm`,
`p_equivalent` and the `verdict` (on anonymized queries) are adjusted over all rows of a metric. A
query's scores are averaged over `seeds`; `n` queries in `clusters` clusters have scores of both
kinds; `reason` says why there is no interval, or is empty."""


def compare_kinds(
    dataset: str, scenarios: Sequence[Scenario], scores: Path, judging: Judging
) -> pd.DataFrame:
    """Return the paired comparisons of a data set's query kinds, columns `KIND_COLUMNS`.

    Args:
        scenarios: on anonymized images; seeds of one model are averaged.
        scores: of each query without own images (Parquet), by scenario
            (`anonbench.evaluation.retrieval.stage.job.gather_in_one_file`).

    Raises:
        InputError: a query has no cluster, or a scenario no queries of one kind.

    """
    rows: list[tuple[Hashable, dict[str, Any], Estimate]] = []
    for variant, model in dict.fromkeys((each.variant, each.model) for each in scenarios):
        runs = [each for each in scenarios if (each.variant, each.model) == (variant, model)]
        both = reduce(operator.add, (_by_kind(scores, run.path) for run in runs)) / len(runs)
        labels = judging.groups(both.index)
        for metric, column in PER_QUERY.items():
            kinds = pd.DataFrame({kind.value: both[column, kind.value] for kind in QueryKind})
            difference = kinds[QueryKind.ANONYMIZED.value] - kinds[QueryKind.ORIGINAL.value]
            cells = {
                "dataset": dataset,
                "degree": variant.degree,
                "method": variant.method,
                "adaption": model.adaption.value,
                "metric": metric,
                "seeds": len(runs),
                **{str(kind): mean for kind, mean in kinds.dropna().mean().items()},
            }
            estimate = clustered_mean(difference.to_numpy(), labels, judging.confidence)
            rows.append((metric, cells, estimate))
    rows.sort(key=lambda row: list(PER_QUERY).index(str(row[0])))
    table = [cells | judged.cells for cells, judged in judge_families(rows, judging)]
    return pd.DataFrame(table, columns=KIND_COLUMNS)


def _by_kind(scores: Path, scenario: str) -> pd.DataFrame:
    """Return a scenario's scores by id, columns (score, query kind); NaN where one is undefined."""
    columns = ["id", "query", *PER_QUERY.values()]
    table = pd.read_parquet(scores, columns=columns, filters=[("scenario", "==", scenario)])
    if missing := [kind for kind in QueryKind if kind.value not in set(table["query"])]:
        raise InputError(f"{scores}: {scenario} has no {missing[0]} queries to compare")
    return table.pivot(index="id", columns="query")
