"""Cases of the paper's claims about correlations, in a table of scores.

As in the paper, the coefficient over all rows decides whether a case holds. Rows of one method are
not independent, so that it has no interval; the test uses the coefficient within methods.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import pandas as pd
from scipy import stats

from anonbench.config import PaperRole
from anonbench.core.numeric.grouped_correlation import centred, within_methods
from anonbench.core.numeric.statistics import holm, pearson
from anonbench.evaluation.correlation import METRICS as CORRELATED
from anonbench.evaluation.correlation import MIN_ROWS, metric_rows
from anonbench.evaluation.scores import CLASSIFIERS
from anonbench.reporting.paper.cases import Case, groups
from anonbench.reporting.paper.published import CELL

PREDICTOR = "mndcg_anonymized"
STRONG = 0.95


class _AgainstNext(NamedTuple):
    predictor: float
    best: str
    """The other metric with the highest coefficient."""
    rest: float
    """Coefficient of that metric."""
    within: float
    """Difference of both coefficients within methods."""
    p: float


def predicts_best(table: pd.DataFrame, pairs: object, level: float) -> Iterator[Case]:
    """Cases are a data set, degree and accuracy: the retrieval metric that correlates best.

    P-values are adjusted over all cases (Holm). They treat rows as independent within methods.
    """
    found = [
        (role, degree, accuracy, len(rows), _against_next(rows, accuracy))
        for role, degree, rows in _correlated(table)
        for accuracy in CLASSIFIERS
    ]
    adjusted = iter(holm(np.array([each.p for *_, each in found if each is not None])))
    for role, degree, accuracy, count, against in found:
        name = f"{CORRELATED[accuracy]}, {degree} %"
        if against is None:
            yield Case(role, name, None, "no coefficients (too few rows, or a constant metric)")
            continue
        numbers = (
            f"r = {against.predictor:.2f}, next {CORRELATED[against.best]} {against.rest:.2f}, "
            f"n = {count}"
        )
        holds = against.predictor > against.rest
        told = next(adjusted) < level and (against.within > 0) == holds
        yield Case(role, name, holds, numbers, bool(told))


def correlates_strongly(table: pd.DataFrame, pairs: object, level: float) -> Iterator[Case]:
    """Cases are the accuracies on CelebA: a coefficient of at least 0.95, at two decimals."""
    for role, degree, rows in _correlated(table[table["role"] == PaperRole.CELEBA.value]):
        for accuracy in CLASSIFIERS:
            r = coefficient(rows, PREDICTOR, accuracy)
            name = f"{CORRELATED[accuracy]}, {degree} %"
            if np.isnan(r):
                yield Case(role, name, None, "no coefficient")
                continue
            low, high = _interval_within(rows, PREDICTOR, accuracy, level)
            within = "" if np.isnan(low) else f", within methods {low:.2f} to {high:.2f}"
            holds = round(r, 2) >= STRONG
            told = low >= STRONG if holds else high < STRONG
            yield Case(role, name, holds, f"r = {r:.3f}, n = {len(rows)}{within}", bool(told))


def coefficient(rows: pd.DataFrame, a: str, b: str) -> float:
    """Pearson's coefficient of two columns over the rows that have both; NaN under three."""
    both = rows[[a, b]].dropna().to_numpy(np.float64)
    return float(pearson(both[:, 0], both[:, 1])) if len(both) >= MIN_ROWS else float("nan")


def compare_within(rows: pd.DataFrame, a: str, b: str, third: str) -> tuple[float, float]:
    """Difference of two metrics' correlations with a third within methods, and its p-value.

    Williams' test of two dependent correlations (Williams 1959, J. R. Stat. Soc. B 21:396-399;
    Steiger 1980, Psychol. Bull. 87:245-251), two-sided, on the deviations from each method's means,
    with one row less for each further method.

    Args:
        rows: method and the three metrics as columns.
        a: the metric whose coefficient comes first.
        b: the metric whose coefficient is subtracted.
        third: the metric that both are correlated with.

    Returns:
        Coefficient of `a` minus that of `b`, and p; NaN and 1 if undefined.
    """
    complete = rows.dropna(subset=[a, b, third])
    labels = np.unique(complete["method"], return_inverse=True)[1]
    n = len(complete) - max(len(set(labels)) - 1, 0)
    x, y, z = (centred(complete[m].to_numpy(np.float64), labels) for m in (a, b, third))
    if n < 4 or min(np.ptp(x), np.ptp(y), np.ptp(z)) == 0:
        return float("nan"), 1.0
    xz, yz, xy = float(pearson(x, z)), float(pearson(y, z)), float(pearson(x, y))
    determinant = 1 - xz**2 - yz**2 - xy**2 + 2 * xz * yz * xy
    spread = 2 * determinant * (n - 1) / (n - 3) + ((xz + yz) / 2) ** 2 * (1 - xy) ** 3
    if spread <= 0:  # the two metrics are the same within methods
        return xz - yz, 1.0
    t = (xz - yz) * math.sqrt((n - 1) * (1 + xy) / spread)
    return xz - yz, float(2 * stats.t.sf(abs(t), n - 3))


def _against_next(rows: pd.DataFrame, accuracy: str) -> _AgainstNext | None:
    """The predictor's coefficient and the highest of the others; None unless both exist."""
    found = {
        metric: coefficient(rows, metric, accuracy)
        for metric in CORRELATED
        if metric not in CLASSIFIERS
    }
    rest = {m: r for m, r in found.items() if m != PREDICTOR and not np.isnan(r)}
    if np.isnan(found[PREDICTOR]) or not rest:
        return None
    best = max(rest, key=lambda metric: rest[metric])
    within, p = compare_within(rows, PREDICTOR, best, accuracy)
    return _AgainstNext(found[PREDICTOR], best, rest[best], within, p)


def _interval_within(rows: pd.DataFrame, a: str, b: str, level: float) -> tuple[float, float]:
    both = rows.dropna(subset=[a, b])
    found = within_methods(
        both[a].to_numpy(np.float64),
        both[b].to_numpy(np.float64),
        both["method"].to_numpy(),
        both["adaption"].to_numpy(),
        1 - level,
        1,
    )
    return found.low, found.high


def _correlated(table: pd.DataFrame) -> Iterator[tuple[str, int, pd.DataFrame]]:
    """Yield the rows that are correlated (models and methods), by role and degree."""
    labelled = table[table["role"].isin(table.loc[table["query"] == "", "role"])]
    for (role, degree), group in groups(labelled, ["role", "degree"]):
        rows = group.assign(dataset=role)[["dataset", *CELL, "value"]]
        yield role, degree, metric_rows(rows, degree)
