"""Tests between all rows in a column of a result table, by the one decision rule.

A column is one data set, degree, method, query kind and metric; its rows answer the same queries.
Its pairs are one family (`anonbench.evaluation.decision`).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from anonbench.core.errors import InputError
from anonbench.core.numeric.clusters import Estimate, clustered_mean
from anonbench.core.numeric.rates import paired_rate_difference
from anonbench.evaluation.decision import (
    Judgement,
    Selection,
    indistinguishable_from_best,
    judge_pairs,
    select_best,
)

PAIR_COLUMNS = [
    "a",
    "b",
    "difference",
    "low",
    "high",
    "p",
    "p_holm",
    "p_equivalent",
    "verdict",
    "n",
    "clusters",
    "reason",
]
"""Columns of the tests. `difference` is the mean of a less that of b, with its interval, as shares;
`p` is two-sided, `p_holm` and `p_equivalent` are adjusted over the pairs of the column; `n` queries
or images in so many `clusters`; `reason` says why there is no interval, or is empty."""


@dataclass(frozen=True)
class Best:
    """The rows of a column that may be the best."""

    names: list[str]
    """All that are indistinguishable from the one with the highest mean, in the table's order."""
    selection: Selection
    """The one with the highest mean, by number among the rows, and the optimism of its mean."""


def compare_pairs(
    values: pd.DataFrame, clusters: np.ndarray, margin: float, confidence: float, hits: bool
) -> pd.DataFrame:
    """Return the verdicts of all pairs of rows, columns `PAIR_COLUMNS`.

    Args:
        values: a row a query (or image), a column a row of the table; NaN where it has no score.
        clusters: label of each query's cluster [N].
        margin: differences up to it do not matter, as a share.
        confidence: of intervals and tests, as a share.
        hits: whether values are hits (1, or 0), whose interval does not shrink to nothing where two
            rows agree on all.

    """
    pairs = _judged(values, clusters, margin, confidence, hits)
    names = [str(name) for name in values.columns]
    return pd.DataFrame(list(_rows(names, pairs)), columns=PAIR_COLUMNS)


def find_best(
    values: pd.DataFrame,
    clusters: np.ndarray,
    margin: float,
    confidence: float,
    hits: bool,
    resamples: int,
    *seed: object,
) -> Best:
    """Return the rows that may be the best. Queries count that all rows have.

    Args:
        values: as `compare_pairs`.
        clusters: as `compare_pairs`.
        margin: as `compare_pairs`.
        confidence: as `compare_pairs`.
        hits: as `compare_pairs`.
        resamples: of the bootstrap.
        seed: what its draws depend on.

    Raises:
        InputError: no query has a score in all rows.

    """
    complete = values.notna().all(axis=1).to_numpy()
    if not complete.any():
        raise InputError(f"no query has a score in all of: {', '.join(map(str, values.columns))}")
    values, clusters = values[complete], clusters[complete]
    pairs = _judged(values, clusters, margin, confidence, hits)
    numbers = indistinguishable_from_best(values.mean().tolist(), pairs, confidence)
    chosen = select_best(values.to_numpy(np.float64), clusters, resamples, *seed)
    return Best([str(values.columns[number]) for number in numbers], chosen)


def _judged(
    values: pd.DataFrame, clusters: np.ndarray, margin: float, confidence: float, hits: bool
) -> dict[tuple[int, int], Judgement]:
    def scores(a: np.ndarray, b: np.ndarray) -> Estimate:
        return clustered_mean(a - b, clusters, confidence)

    def rates(a: np.ndarray, b: np.ndarray) -> Estimate:
        return paired_rate_difference(a, b, clusters, confidence)

    return judge_pairs(values.to_numpy(np.float64), rates if hits else scores, margin, confidence)


def _rows(names: list[str], pairs: dict[tuple[int, int], Judgement]) -> Iterator[dict[str, Any]]:
    for (i, j), judged in pairs.items():
        found = judged.estimate
        yield {
            "a": names[i],
            "b": names[j],
            "difference": found.value,
            "low": found.low,
            "high": found.high,
            "p": found.p_different(),
            "p_holm": judged.p_different,
            "p_equivalent": judged.p_equivalent,
            "verdict": judged.verdict.value,
            "n": found.n,
            "clusters": found.clusters,
            "reason": found.reason,
        }
