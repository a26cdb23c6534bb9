"""Cases of the paper's claims about retrieval and accuracies, in a table of scores.

A claim holds if all its cases do; a case that a test cannot distinguish from a tie refutes nothing.
Values count as different if their intervals do not overlap. This is stricter than the level of the
intervals if two values come from the same images (Schenker and Gentleman 2001, The American
Statistician 55:182-186).
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from enum import StrEnum
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from anonbench.config import PaperRole
from anonbench.core.vocabulary import Adaption, Method
from anonbench.evaluation.comparisons.best import JOINT, SECOND
from anonbench.evaluation.correlation import METRICS as CORRELATED
from anonbench.reporting.paper.published import METRICS


class Verdict(StrEnum):
    """Verdict of the numbers on a claim."""

    HOLDS = "holds"
    FAILS = "does not hold"
    OPEN = "cannot be told"


class Case(NamedTuple):
    """One instance in which a claim can be checked."""

    role: str
    name: str
    holds: bool | None
    """Whether the numbers support it; None if undecidable, for the reason in `numbers`."""
    numbers: str
    """The decisive numbers, or the reason why there are none."""
    significant: bool | None = None
    """Whether a test separates the two sides; None without a test."""


Pairs = pd.DataFrame
"""Paired tests of all data sets: `pairwise.COLUMNS` with `role` for the data set."""


def decide(cases: Iterable[Any]) -> Verdict:
    """Verdict of all cases together; an exception that its test shows as a tie leaves it open."""
    found = [(case.holds, case.significant) for case in cases]
    against = [significant for holds, significant in found if holds is False]
    if any(significant is not False for significant in against):
        return Verdict.FAILS
    if against or not any(holds for holds, _ in found):
        return Verdict.OPEN
    return Verdict.HOLDS


UNADAPTED = Adaption.UNADAPTED.value
RVL = PaperRole.RVL_CDIP.value
LAST_STEP, LAST_STEP_NAME = (75, 100), "k-NN, 75 to 100 %"
"""Degrees between which the paper counts increases of k-NN accuracy."""


def unadapted_wins(table: pd.DataFrame, pairs: Pairs | None, level: float) -> Iterator[Case]:
    """Cases are columns of a retrieval table: unadapted against the best adapted model."""
    keys = ["role", "degree", "query", "metric", "method"]
    for key, column in groups(table[table["query"] != ""], keys):
        role, degree, query, metric, method = key
        name = f"{_metric(metric, query)}, {method}, {degree} %"
        values = column.set_index("adaption")["value"].dropna()
        rivals = values.drop(UNADAPTED, errors="ignore")
        if UNADAPTED not in values or rivals.empty:
            yield Case(role, name, None, "no two models to compare")
            continue
        best = str(rivals.idxmax())
        lead = values[UNADAPTED] - rivals[best]
        numbers = f"unadapted {values[UNADAPTED]:.1f}, {best} {rivals[best]:.1f} ({lead:+.1f}"
        told = None
        if pairs is not None:
            models = [UNADAPTED, best]
            same = pairs["a"].isin(models) & pairs["b"].isin(models)
            same &= (pairs[keys] == list(key)).all(axis=1)
            p = pairs.loc[same, "p_holm"].dropna().min()  # NaN of too few clusters tells nothing
            told = bool(p < level)
            small = "p < 0.001" if p < 0.001 else f"p = {p:.3f}"
            numbers += ", not tested" if math.isnan(p) else f", {small}"
        yield Case(role, name, bool(lead > 0), f"{numbers})", told)


def unadapted_wins_by_second(best: pd.DataFrame) -> Iterator[Case]:
    """Cases are the same columns, judged by rankings of a second training on originals.

    Args:
        best: `role` and the columns of `best.csv`
            (`anonbench.evaluation.comparisons.best.COLUMNS`).
    """
    chosen = best[
        (best["scope"] == "models")
        & (best["reference"] == SECOND)
        & (best["query"] != "")
        & best["metric"].isin(METRICS)
    ]
    for row in chosen.to_dict("records"):
        name = f"{_metric(row['metric'], row['query'])}, {row['method']}, {row['degree']} %"
        equals = row["indistinguishable"].split(JOINT)
        rest = [model for model in equals if model != row["best"]]
        also = f", not told from it: {', '.join(rest)}" if rest else ""
        numbers = f"best {row['best']} {100 * row['value']:.1f}{also}"
        told = UNADAPTED not in equals or equals == [UNADAPTED]
        yield Case(row["role"], name, row["best"] == UNADAPTED, numbers, told)


def falls_with_degree(table: pd.DataFrame, *_: object) -> Iterator[Case]:
    """Cases are the series of a model and method over the degrees, with original queries."""
    retrieval = table[table["query"] == "original"]
    several = retrieval.groupby("role")["degree"].transform("nunique") > 1
    keys = ["role", "method", "adaption", "metric", "query"]
    for (role, method, adaption, metric, query), group in groups(retrieval[several], keys):
        series = group.set_index("degree").sort_index()
        name = f"{_metric(metric, query)}, {method}, {_model(adaption)}"
        values = series["value"].dropna()
        if len(values) < 2:
            yield Case(role, name, None, "fewer than two degrees")
            continue
        falls = bool((np.diff(values) < 0).all())
        told = told_apart(series.loc[values.index])
        significant = (
            None if told is None else bool((told < 0).all() if falls else (told > 0).any())
        )
        numbers = ", ".join(f"{degree} %: {value:.1f}" for degree, value in values.items())
        yield Case(role, name, falls, numbers, significant)


def trends_agree(table: pd.DataFrame, metric: str, like: str) -> Iterator[Case]:
    """Cases are steps between two degrees: both metrics change in the same direction.

    Args:
        table: see `evaluate_claim`.
        metric: metric that is claimed to behave like the other.
        like: the other metric.
    """
    keys = ["role", "method", "adaption", "query"]
    for (role, method, adaption, query), group in groups(table.dropna(subset="value"), keys):
        courses = [
            group[group["metric"] == name].set_index("degree").sort_index()
            for name in (metric, like)
        ]
        degrees = courses[0].index.intersection(courses[1].index)
        both = [course.loc[degrees] for course in courses]
        change, other_change = (np.diff(course["value"]) for course in both)
        told, other_told = (told_apart(course) for course in both)
        name = f"{method}, {_model(adaption)}{f', {query} queries' if query else ''}"
        for i, (start, end) in enumerate(pairwise(degrees)):
            numbers = f"{_metric(like)} {other_change[i]:+.1f}, {_metric(metric)} {change[i]:+.1f}"
            agree = bool(np.sign(change[i]) == np.sign(other_change[i]))
            significant = None
            if told is not None and other_told is not None:  # if both are, the values decide
                significant = bool(told[i] != 0 and other_told[i] != 0)
            yield Case(role, f"{name}, {start} to {end} %", agree, numbers, significant)


def knn_rises(table: pd.DataFrame) -> pd.DataFrame:
    """Changes of RVL-CDIP's k-NN accuracy between the degrees of `LAST_STEP`.

    Returns:
        method, adaption, `rises`, and bounds: `may_rise` unless a fall is significant, `must_rise`
        if a rise is. Only series with both degrees. Without intervals the bounds equal `rises`.
    """
    chosen = table[(table["role"] == RVL) & (table["metric"] == "knn")].dropna(subset="value")
    before, after = (chosen[chosen["degree"] == each] for each in LAST_STEP)
    both = before.merge(after, on=["method", "adaption"], suffixes=("_before", ""))
    must = may = rises = both["value"] > both["value_before"]
    if not _as_printed(table):
        must, may = both["low"] > both["high_before"], ~(both["high"] < both["low_before"])
    return both[["method", "adaption"]].assign(rises=rises, may_rise=may, must_rise=must)


def rises_in_half(table: pd.DataFrame, *_: object) -> Iterator[Case]:
    """One case: number of series in which k-NN accuracy rises over the last step."""
    cells = knn_rises(table)
    if cells.empty:
        yield Case(RVL, LAST_STEP_NAME, None, "no k-NN accuracy at 75 and 100 %")
        return
    rises, least, most = (int(cells[column].sum()) for column in ("rises", "must_rise", "may_rise"))
    half = len(cells) / 2
    numbers = f"rises in {rises} of {len(cells)}{_bounds(least, most)}"
    told = None if _as_printed(table) else least == most or not least <= half <= most
    yield Case(RVL, LAST_STEP_NAME, rises == half, numbers, told)


def half_are_masking(table: pd.DataFrame, *_: object) -> Iterator[Case]:
    """One case: number of these rises that are masking's."""
    cells = knn_rises(table)
    masks = cells["method"] == Method.MASK.value
    rising, masking = int(cells["rises"].sum()), int(cells.loc[masks, "rises"].sum())
    if not rising:
        reason = "k-NN accuracy rises nowhere, or was not run at 75 and 100 %"
        yield Case(RVL, LAST_STEP_NAME, None, reason)
        return
    ends = ["must_rise", "may_rise"]
    least, most = map(int, cells.loc[masks, ends].sum())
    least_other, most_other = map(int, cells.loc[~masks, ends].sum())
    certain = least == most and least_other == most_other
    told = None if _as_printed(table) else certain or least > most_other or least_other > most
    numbers = f"{masking} of {rising} are masking{_bounds(least, most)}"
    yield Case(RVL, LAST_STEP_NAME, 2 * masking == rising, numbers, told)


def told_apart(series: pd.DataFrame) -> np.ndarray | None:
    """Direction of each step of a series: -1 falls, 1 rises, 0 neither is significant.

    Args:
        series: value, and its interval as low and high, in the order of the steps [N].

    Returns:
        int [N - 1]; None for numbers without interval columns, such as printed ones. A step between
        values without intervals is 0.
    """
    if _as_printed(series):
        return None
    low, high = series["low"].to_numpy(np.float64), series["high"].to_numpy(np.float64)
    rises, falls = low[1:] > high[:-1], high[1:] < low[:-1]
    return np.asarray(rises.astype(int) - falls.astype(int))


def groups(table: pd.DataFrame, keys: list[str]) -> Iterator[tuple[tuple[Any, ...], pd.DataFrame]]:
    """Groups of a table in the order of their first rows."""
    for key, group in table.groupby(keys, sort=False):
        yield tuple(key), group


def _as_printed(table: pd.DataFrame) -> bool:
    return "low" not in table


def _bounds(least: int, most: int) -> str:
    return f" (at least {least} and at most {most} by their intervals)" if least != most else ""


def _metric(metric: str, query: str = "") -> str:
    names = {"map": "mAP", "mndcg": "mnDCG", **CORRELATED}
    return names[f"{metric}_{query}" if query else metric]


def _model(adaption: str) -> str:
    return adaption if adaption == UNADAPTED else f"adaption {adaption}"
