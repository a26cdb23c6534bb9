"""The paper's coefficients as printed, over all rows of a table, and within methods."""

from __future__ import annotations

import pandas as pd

from anonbench.config import Correlation
from anonbench.evaluation.correlation import METRICS, metric_rows, within_matrix
from anonbench.evaluation.scores import CLASSIFIERS

COLUMNS = [
    "role",
    "degree",
    "metric",
    "accuracy",
    "over_rows",
    "within",
    "low",
    "high",
    "p_holm",
    "p_models",
]
"""Columns of the coefficients of a retrieval metric with an accuracy: `over_rows` is Pearson's over
all rows, `within` that within methods with its interval, `p_holm` its p-value adjusted over all
pairs of metrics of a data set and degree, `p_models` the one by permutation of models
(`anonbench.core.numeric.grouped_correlation`)."""


def correlations(table: pd.DataFrame, settings: Correlation) -> pd.DataFrame:
    """Coefficients of all data sets that have accuracies, with the columns `COLUMNS`.

    Args:
        table: `anonbench.reporting.paper.published.published`, or ours in the same shape.
        settings: resamples and confidence.
    """
    labelled = table[table["role"].isin(table.loc[table["query"] == "", "role"])]
    keys = labelled[["role", "degree"]].drop_duplicates()
    parts = [
        _of_degree(labelled, role, degree, settings)
        for role, degree in zip(keys["role"], keys["degree"], strict=True)
    ]
    found = pd.concat(parts, ignore_index=True) if parts else pd.DataFrame()
    return found.reindex(columns=COLUMNS)


def _of_degree(table: pd.DataFrame, role: str, degree: int, settings: Correlation) -> pd.DataFrame:
    rows = table[table["role"] == role].assign(dataset=role)
    whole = metric_rows(rows, degree)[list(METRICS)].corr()
    within = within_matrix(rows, degree, settings)
    chosen = within[within["metric_b"].isin(CLASSIFIERS) & ~within["metric"].isin(CLASSIFIERS)]
    over_rows = [whole.loc[a, b] for a, b in zip(chosen["metric"], chosen["metric_b"], strict=True)]
    names = {"metric_b": "accuracy", "coefficient": "within"}
    return chosen.rename(columns=names).assign(role=role, degree=degree, over_rows=over_rows)
