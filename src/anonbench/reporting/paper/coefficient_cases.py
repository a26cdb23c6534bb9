"""Cases of the paper's claims about correlations, in a table of scores.

Whether a case holds is said of the coefficient over all rows, as the paper has it. Rows of one
method are alike, so that this one has no interval; a test looks at the coefficient within methods.
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
from anonbench.reporting.paper.cases import groups
from anonbench.reporting.paper.published import CELL
from anonbench.reporting.paper.verdicts import Case

PREDICTOR = "mndcg_anonymized"
STRONG = 0.95


class _AgainstNext(NamedTuple):
    predictor: float
    best: str
    """The other metric with the highest coefficient."""
    rest: float
    """That coefficient."""
    within: float
    """How far both differ within methods."""
    p: float


def predicts_best(table: pd.DataFrame, pairs: object, level: float) -> Iterator[Case]:
    """A case is a data set, degree and accuracy: which retrieval metric correlates best with it.

    P-values are adjusted over all cases (Holm). They take rows as independent once their method is
    known.
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
    """A case is an accuracy on CelebA: 0.95 at two decimals, or more."""
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
    """Return Pearson's coefficient of two columns over the rows that have both; NaN under three."""
    both = rows[[a, b]].dropna().to_numpy(np.float64)
    return float(pearson(both[:, 0], both[:, 1])) if len(both) >= MIN_ROWS else float("nan")


def compare_within(rows: pd.DataFrame, a: str, b: str, third: str) -> tuple[float, float]:
    """Return how far two metrics' correlations with a third differ within methods, and a p-value.

    Williams' test of two dependent correlations (Williams 1959, J. R. Stat. Soc. B 21:396-399;
    Steiger 1980, Psychol. Bull. 87:245-251), two-sided, on the deviations from each method's means,
    with one row less for each further method.

    Args:
        rows: method and the three metrics as columns.
        a: the metric whose coefficient comes first.
        b: the metric whose coefficient is taken from it.
        third: the metric that both are correlated with.

    Returns:
        Coefficient of `a` less that of `b`, and p; NaN and 1 where they are undefined.

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
    """Return the predictor's coefficient beside the highest of the others, if there are both."""
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
    """Return the rows that are correlated (models and methods), by role and degree."""
    labelled = table[table["role"].isin(table.loc[table["query"] == "", "role"])]
    for (role, degree), group in groups(labelled, ["role", "degree"]):
        rows = group.assign(dataset=role)[["dataset", *CELL, "value"]]
        yield role, degree, metric_rows(rows, degree)
