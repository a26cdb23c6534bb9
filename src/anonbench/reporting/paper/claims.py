"""Claims of the paper, each as a function of a table of scores.

Source: arXiv 2602.19641, in our own words. A claim falls apart into cases (a column of a table, a
series over degrees, a pair of coefficients), each of which the numbers bear out or not; it holds
where all its cases do. The same functions evaluate the paper's numbers and ours.

A claim that names a count holds where the count is the one that it names, or the same share of the
cases that there are.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd

from anonbench.config import PaperRole
from anonbench.core.numeric.statistics import bootstrap_pearson, interval, pearson
from anonbench.core.vocabulary import Adaption, Method
from anonbench.evaluation.correlation import METRICS as CORRELATED
from anonbench.evaluation.correlation import MIN_ROWS, metric_rows
from anonbench.reporting.paper.published import CELL
from anonbench.reporting.paper.verdicts import Case, Claim, Finding, Pairs, evaluate_claim

UNADAPTED = Adaption.UNADAPTED.value
RVL = PaperRole.RVL_CDIP.value
LAST_STEP = (75, 100)
"""Degrees between which the paper counts where k-NN accuracy rises."""
PREDICTOR = "mndcg_anonymized"
RESAMPLES = 2000


def unadapted_wins(table: pd.DataFrame, pairs: Pairs | None, level: float) -> Iterator[Case]:
    """A case is a column of a retrieval table: unadapted against the best adapted model."""
    retrieval = table[table["query"] != ""]
    keys = ["role", "degree", "query", "metric", "method"]
    for key, column in _groups(retrieval, keys):
        role, degree, query, metric, method = key
        name = f"{_metric(metric, query)}, {method}, {degree} %"
        values = column.set_index("adaption")["value"].dropna()
        rivals = values.drop(UNADAPTED, errors="ignore")
        if UNADAPTED not in values or rivals.empty:
            yield Case(role, name, None, "no two models to compare")
            continue
        best = str(rivals.idxmax())
        significant, p = _tested(pairs, key, best, level)
        lead = values[UNADAPTED] - rivals[best]
        numbers = f"unadapted {values[UNADAPTED]:.1f}, {best} {rivals[best]:.1f} ({lead:+.1f}{p})"
        yield Case(role, name, bool(lead > 0), numbers, significant)


def falls_with_degree(table: pd.DataFrame, *_: object) -> Iterator[Case]:
    """A case is a model's and method's series over the degrees, with original queries."""
    retrieval = table[table["query"] == "original"]
    for key, series in _series(retrieval, ["metric", "query"]):
        role, method, adaption, metric, query = key
        name = f"{_metric(metric, query)}, {method}, {_model(adaption)}"
        values = series.dropna()
        if len(values) < 2:
            yield Case(role, name, None, "fewer than two degrees")
            continue
        yield Case(role, name, bool((np.diff(values) < 0).all()), _course(values))


def predicts_best(table: pd.DataFrame, pairs: Pairs | None, level: float) -> Iterator[Case]:
    """A case is a data set, degree and accuracy: which retrieval metric correlates best with it.

    Few rows carry a coefficient, so that close ones are told apart by a bootstrap over the rows.
    """
    for role, degree, rows in _correlated(table):
        for accuracy in ("knn", "linear"):
            name = f"{CORRELATED[accuracy]}, {degree} %"
            found = {
                metric: coefficient(rows, metric, accuracy)
                for metric in CORRELATED
                if metric not in ("knn", "linear")
            }
            rest = {m: r for m, r in found.items() if m != PREDICTOR and not np.isnan(r)}
            predictor = found[PREDICTOR]
            if np.isnan(predictor) or not rest:
                yield Case(role, name, None, "no coefficients (too few rows, or a constant metric)")
                continue
            best = max(rest, key=lambda metric: rest[metric])
            numbers = (
                f"r = {predictor:.2f}, next {CORRELATED[best]} {rest[best]:.2f}, n = {len(rows)}"
            )
            apart = differ_significantly(rows[[PREDICTOR, best, accuracy]].dropna(), level)
            yield Case(role, name, predictor > rest[best], numbers, apart)


def correlates_strongly(table: pd.DataFrame, *_: object) -> Iterator[Case]:
    """A case is an accuracy on CelebA: 0.95 at two decimals, or more."""
    for role, degree, rows in _correlated(table[table["role"] == PaperRole.CELEBA.value]):
        for accuracy in ("knn", "linear"):
            r = coefficient(rows, PREDICTOR, accuracy)
            name = f"{CORRELATED[accuracy]}, {degree} %"
            if np.isnan(r):
                yield Case(role, name, None, "no coefficient")
            else:
                yield Case(role, name, round(r, 2) >= 0.95, f"r = {r:.3f}, n = {len(rows)}")


def knn_rises(table: pd.DataFrame) -> pd.DataFrame:
    """Return RVL-CDIP's k-NN accuracy at both degrees of `LAST_STEP`.

    Returns:
        method, adaption, the two degrees as columns, and `rises`; only rows that have both.

    """
    chosen = table[(table["role"] == RVL) & (table["metric"] == "knn")]
    wide = chosen.pivot_table(
        index=["method", "adaption"], columns="degree", values="value", sort=False
    )
    wide = wide.reindex(columns=list(LAST_STEP)).dropna().rename_axis(columns=None).reset_index()
    return wide.assign(rises=wide[LAST_STEP[1]] > wide[LAST_STEP[0]])


def rises_in_half(table: pd.DataFrame, *_: object) -> Iterator[Case]:
    """The one case: in how many series k-NN accuracy rises over the last step."""
    cells = knn_rises(table)
    name = "k-NN, 75 to 100 %"
    if cells.empty:
        yield Case(RVL, name, None, "no k-NN accuracy at 75 and 100 %")
        return
    rises = int(cells["rises"].sum())
    yield Case(RVL, name, 2 * rises == len(cells), f"rises in {rises} of {len(cells)}")


def half_are_masking(table: pd.DataFrame, *_: object) -> Iterator[Case]:
    """The one case: how many of those rises are masking's."""
    rising = knn_rises(table).query("rises")
    name = "k-NN, 75 to 100 %"
    if rising.empty:
        yield Case(RVL, name, None, "k-NN accuracy rises nowhere, or was not run at 75 and 100 %")
        return
    masking = rising["method"] == Method.MASK.value
    numbers = f"{int(masking.sum())} of {len(rising)} are masking"
    yield Case(RVL, name, 2 * int(masking.sum()) == len(rising), numbers)


def trends_agree(table: pd.DataFrame, metric: str, like: str) -> Iterator[Case]:
    """A case is a step between two degrees: both metrics change in the same direction.

    Args:
        table: as `evaluate_claim`.
        metric: the one that is said to look like the other.
        like: the other one.

    """
    both = table[table["metric"].isin([metric, like])]
    keys = ["role", "method", "adaption", "query"]
    for (role, method, adaption, query), group in _groups(both, keys):
        wide = group.pivot_table(index="degree", columns="metric", values="value")
        wide = wide.reindex(columns=[metric, like]).dropna().sort_index()
        steps = np.diff(wide.to_numpy(np.float64), axis=0)
        name = f"{method}, {_model(adaption)}{f', {query} queries' if query else ''}"
        for (start, end), (change, other_change) in zip(pairwise(wide.index), steps, strict=True):
            numbers = f"{_metric(like)} {other_change:+.1f}, {_metric(metric)} {change:+.1f}"
            agree = bool(np.sign(change) == np.sign(other_change))
            yield Case(role, f"{name}, {start} to {end} %", agree, numbers)


def coefficient(rows: pd.DataFrame, a: str, b: str) -> float:
    """Return Pearson's coefficient of two columns over the rows that have both; NaN under three."""
    both = rows[[a, b]].dropna().to_numpy(np.float64)
    return float(pearson(both[:, 0], both[:, 1])) if len(both) >= MIN_ROWS else float("nan")


def differ_significantly(rows: pd.DataFrame, level: float) -> bool:
    """Return whether two metrics' coefficients with a third differ, by a paired bootstrap.

    Args:
        rows: the two metrics and the third as columns, complete.
        level: the interval of the difference covers 1 - level.

    """
    first, second, third = rows.to_numpy(np.float64).T
    both = [bootstrap_pearson(x, third, RESAMPLES, "rows") for x in (first, second)]
    low, high = interval(both[0] - both[1], 1.0 - level)
    return low > 0.0 or high < 0.0


CLAIMS: tuple[Claim, ...] = (
    Claim(
        "unadapted_wins",
        "The unadapted model has the highest value in every column of the retrieval tables",
        "abstract; Tables V, VII, IX, XI, XII, XIV",
        unadapted_wins,
    ),
    Claim(
        "falls_with_degree",
        "With original queries, retrieval quality falls with every higher degree",
        "Fig. 7; Tables VII, IX, XII, XIV",
        falls_with_degree,
    ),
    Claim(
        "mndcg_like_map",
        "mnDCG changes with the degree as mAP does",
        "text to Figs. 7 and 8 (our reading: each step has the same direction)",
        lambda table, *_: trends_agree(table, "mndcg", "map"),
    ),
    Claim(
        "linear_like_knn",
        "Linear accuracy changes with the degree as k-NN accuracy does",
        "text to Fig. 9 (our reading: each step has the same direction)",
        lambda table, *_: trends_agree(table, "linear", "knn"),
    ),
    Claim(
        "predicts_best",
        "Of the retrieval metrics, mnDCG with anonymized queries correlates best with both "
        "accuracies",
        "Figs. 4 to 6, 12, 13",
        predicts_best,
    ),
    Claim(
        "correlates_strongly",
        "On CelebA, mnDCG with anonymized queries correlates with both accuracies at 0.95",
        "Sec. IV-A1, Fig. 4",
        correlates_strongly,
    ),
    Claim(
        "rises_in_half",
        "From 75 to 100 % of the text boxes, k-NN accuracy rises in 6 of 12 cases (half of them)",
        "Sec. IV-A2, Tables X and XV",
        rises_in_half,
    ),
    Claim(
        "half_are_masking",
        "Three of those six rises are masking's (half of them)",
        "Sec. IV-A2, Tables X and XV",
        half_are_masking,
    ),
)
"""The claims about results, in the paper's order."""


def evaluate_claims(
    table: pd.DataFrame, pairs: Pairs | None = None, level: float = 0.05
) -> list[Finding]:
    """Look at all claims on one set of numbers, as `evaluate_claim`."""
    return [evaluate_claim(claim, table, pairs, level) for claim in CLAIMS]


def _tested(
    pairs: Pairs | None, column: Sequence[object], rival: str, level: float
) -> tuple[bool | None, str]:
    """Return whether a column's test tells the unadapted model from its rival, and the p-value."""
    if pairs is None:
        return None, ""
    role, degree, query, metric, method = column
    found = pairs[
        (pairs["role"] == role)
        & (pairs["degree"] == degree)
        & (pairs["query"] == query)
        & (pairs["metric"] == metric)
        & (pairs["method"] == method)
        & pairs["a"].isin([UNADAPTED, rival])
        & pairs["b"].isin([UNADAPTED, rival])
    ]["p_holm"].dropna()
    if found.empty:
        return None, ""
    p = float(found.iloc[0])
    return p < level, ", p < 0.001" if p < 0.001 else f", p = {p:.3f}"


def _groups(table: pd.DataFrame, keys: list[str]) -> Iterator[tuple[tuple[Any, ...], pd.DataFrame]]:
    """Return a table's groups in the order of their first rows."""
    for key, group in table.groupby(keys, sort=False):
        yield tuple(key), group


def _series(table: pd.DataFrame, also: list[str]) -> Iterator[tuple[tuple[Any, ...], pd.Series]]:
    """Return each series over degrees, of data sets that have several."""
    several = table.groupby("role")["degree"].transform("nunique") > 1
    for key, group in _groups(table[several], ["role", "method", "adaption", *also]):
        yield key, group.set_index("degree")["value"].sort_index()


def _correlated(table: pd.DataFrame) -> Iterator[tuple[str, int, pd.DataFrame]]:
    """Return the rows that are correlated (models and methods), by role and degree."""
    labelled = table[table["role"].isin(table.loc[table["query"] == "", "role"])]
    for (role, degree), group in _groups(labelled, ["role", "degree"]):
        rows = group.assign(dataset=role)[["dataset", *CELL, "value"]]
        yield role, degree, metric_rows(rows, degree)


def _metric(metric: str, query: str = "") -> str:
    names = {"map": "mAP", "mndcg": "mnDCG", **CORRELATED}
    return names[f"{metric}_{query}" if query else metric]


def _model(adaption: str) -> str:
    return adaption if adaption == UNADAPTED else f"adaption {adaption}"


def _course(values: pd.Series) -> str:
    return ", ".join(f"{degree} %: {value:.1f}" for degree, value in values.items())
