"""Paired tests of models of a method, and of methods of an adaption.

The sample of a test are queries (or images) in clusters. A test says whether these trained models
differ on new clusters of the same kind. It says nothing about retrained models; second references
and several seeds show how far those differ.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from anonbench.core.io import read_csv
from anonbench.evaluation.comparisons.columns import Column, by_adaption, by_degree
from anonbench.evaluation.decision import Judging, judge_pairs

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
