"""Paired tests of models within a method, and of methods with the same adaption.

The tests are over queries (or images) in clusters: they say whether these trained models differ,
for new clusters of the same kind, and nothing of models that are trained anew. How far those are
apart is what second references and several seeds show.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

import pandas as pd

from anonbench.core.io import read_csv
from anonbench.datasets.clusters import clusters_of
from anonbench.evaluation.comparisons.column_tests import PAIR_COLUMNS, compare_pairs
from anonbench.evaluation.comparisons.columns import Column, by_adaption, by_degree

COLUMNS = ["dataset", "degree", "method", "query", "metric", *PAIR_COLUMNS]
"""Columns of the table. One row is one pair of models, `a` before `b` in the order of a table's
rows; see `anonbench.evaluation.comparisons.column_tests.PAIR_COLUMNS`. The pairs of a column are
one family. The retraining control and other yardsticks are no choice: they are in no pair."""
METHOD_COLUMNS = ["dataset", "degree", "adaption", "query", "metric", *PAIR_COLUMNS]
"""Columns of the tests of methods. One row is one pair of methods with models of one adaption; the
pairs of methods of an adaption, degree, query kind and metric are one family."""
_TEXT = {"query", "verdict", "reason"}


def compare(
    dataset: str,
    columns: Iterable[Column],
    clusters: pd.Series,
    confidence: float,
    equivalence_margin: float,
) -> pd.DataFrame:
    """Return the paired tests of a data set's models, with the columns `COLUMNS`.

    Args:
        dataset: its name.
        columns: its scores (`anonbench.evaluation.comparisons.columns.columns_of`).
        clusters: of the images, by id (`anonbench.datasets.clusters.read_clusters`).
        confidence: coverage of the intervals, as a share; 1 - confidence is the level of tests.
        equivalence_margin: differences up to it do not matter, as a share.

    Raises:
        InputError: a query has no cluster.

    """
    tables = (
        _pairs(column, clusters, confidence, equivalence_margin).assign(**column.key)
        for column in columns
    )
    return _table(dataset, tables, COLUMNS)


def compare_methods(
    dataset: str,
    columns: Iterable[Column],
    clusters: pd.Series,
    confidence: float,
    equivalence_margin: float,
) -> pd.DataFrame:
    """Return the paired tests of a data set's methods, with the columns `METHOD_COLUMNS`.

    Arguments and errors are those of `compare`.
    """
    tables = (
        _pairs(column, clusters, confidence, equivalence_margin).assign(
            **column.key | {"adaption": adaption}
        )
        for group in by_degree(columns)
        for adaption, column in by_adaption(group)
    )
    return _table(dataset, tables, METHOD_COLUMNS)


def read_comparisons(path: Path) -> pd.DataFrame:
    """Read paired tests of models.

    A missing query kind (accuracies), verdict or reason is the empty string.

    Raises:
        InputError: a column is missing.

    """
    return read_csv(path, COLUMNS, _TEXT)


def read_method_comparisons(path: Path) -> pd.DataFrame:
    """Read paired tests of methods, as `read_comparisons` does those of models."""
    return read_csv(path, METHOD_COLUMNS, _TEXT)


def _pairs(column: Column, clusters: pd.Series, confidence: float, margin: float) -> pd.DataFrame:
    groups = clusters_of(column.values.index.to_series(), clusters)
    return compare_pairs(column.values, groups, margin, confidence, column.hits)


def _table(dataset: str, tables: Iterator[pd.DataFrame], columns: list[str]) -> pd.DataFrame:
    found = [table for table in tables if len(table)]
    if not found:
        return pd.DataFrame(columns=columns)
    return pd.concat(found, ignore_index=True).assign(dataset=dataset)[columns]
