"""Cases of the paper's claims about correlations, in a table of scores.

As in the paper, the coefficient over all rows decides whether a case holds. Rows of one method are
not independent, so that it has no interval; the test uses the coefficient within methods.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

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


def predicts_best(table: pd.DataFrame, pairs: object, level: float) -> Iterator[Case]:
    """Cases are a data set, degree and accuracy: the retrieval metric that correlates best.

    P-values are adjusted over all cases (Holm). They treat rows as independent within methods.
    """
    found = [
        (role, f"{CORRELATED[accuracy]}, {degree} %", len(rows), _against_next(rows, accuracy))
        for role, degree, rows in _correlated(table)
        for accuracy in CLASSIFIERS
    ]
    adjusted = iter(holm(np.array([against[-1] for *_, against in found if against])))
    for role, name, count, against in found:
        if against is None:
            yield Case(role, name, None, "no coefficients (too few rows, or a constant metric)")
            continue
        r, best, rest, within, _ = against
        numbers = f"r = {r:.2f}, next {CORRELATED[best]} {rest:.2f}, n = {count}"
        told = next(adjusted) < level and (within > 0) == (r > rest)
        yield Case(role, name, r > rest, numbers, bool(told))


def correlates_strongly(table: pd.DataFrame, pairs: object, level: float) -> Iterator[Case]:
    """Cases are the accuracies on CelebA: a coefficient of at least 0.95, at two decimals."""
    for role, degree, rows in _correlated(table[table["role"] == PaperRole.CELEBA.value]):
        for accuracy in CLASSIFIERS:
            r = coefficient(rows, PREDICTOR, accuracy)
            name = f"{CORRELATED[accuracy]}, {degree} %"
            if np.isnan(r):
                yield Case(role, name, None, "no coefficient")
                continue
            both = rows.dropna(subset=[PREDICTOR, accuracy])
            x, y = (both[name].to_numpy(np.float64) for name in (PREDICTOR, accuracy))
            methods, adaptions = (both[name].to_numpy() for name in ("method", "adaption"))
            found = within_methods(x, y, methods, adaptions, 1 - level, 1)
            low, high = found.low, found.high
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


def _against_next(
    rows: pd.DataFrame, accuracy: str
) -> tuple[float, str, float, float, float] | None:
    """The predictor's coefficient, the next best metric and its, difference within methods, p."""
    names = [metric for metric in CORRELATED if metric not in CLASSIFIERS]
    found = {metric: coefficient(rows, metric, accuracy) for metric in names}
    own = found.pop(PREDICTOR)
    rest = {metric: r for metric, r in found.items() if r == r}
    if np.isnan(own) or not rest:
        return None
    best = max(rest, key=lambda metric: rest[metric])
    return own, best, rest[best], *compare_within(rows, PREDICTOR, best, accuracy)


def _correlated(table: pd.DataFrame) -> Iterator[tuple[str, int, pd.DataFrame]]:
    """Yield the rows that are correlated (models and methods), by role and degree."""
    labelled = table[table["role"].isin(table.loc[table["query"] == "", "role"])]
    for (role, degree), group in groups(labelled, ["role", "degree"]):
        rows = group.assign(dataset=role)[["dataset", *CELL, "value"]]
        yield role, degree, metric_rows(rows, degree)
