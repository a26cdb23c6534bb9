"""Cases of the paper's claims about retrieval and accuracies, in a table of scores.

A claim holds if all its cases do; a case that a test cannot distinguish from a tie refutes nothing.
Values count as different if their intervals do not overlap. This is stricter than the level of the
intervals if two values come from the same images (Schenker and Gentleman 2001, The American
Statistician 55:182-186).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import pairwise
from typing import Any

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


@dataclass(frozen=True)
class Case:
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


@dataclass(frozen=True)
class Claim:
    """A claim and the functions that check it."""

    key: str
    statement: str
    source: str
    cases: Callable[[pd.DataFrame, Pairs | None, float], Iterable[Case]]
    """Cases in a table with the columns `CELL` and value (percent), and low and high if there are
    intervals; with the paired tests and their level."""
    second: Callable[[pd.DataFrame], Iterable[Case]] | None = None
    """Cases in the best choices (`role` and the columns of `best.csv`) by a second training on
    originals; None if the claim does not depend on the ranking of one training."""


@dataclass(frozen=True)
class Finding:
    """Result of a claim on one set of numbers."""

    claim: Claim
    verdict: Verdict
    cases: tuple[Case, ...]

    def within(self, role: str) -> Finding:
        """Restrict the finding to one data set of the paper."""
        cases = tuple(case for case in self.cases if case.role == role)
        return Finding(self.claim, decide(cases), cases)

    @property
    def decided(self) -> list[Case]:
        """Cases that could be decided."""
        return [case for case in self.cases if case.holds is not None]

    @property
    def exceptions(self) -> list[Case]:
        """Cases that contradict the claim."""
        return [case for case in self.decided if not case.holds]

    @property
    def count(self) -> str:
        """Count of supporting cases, such as ``10 of 12``."""
        return f"{sum(bool(case.holds) for case in self.decided)} of {len(self.decided)}"


def evaluate_claim(
    claim: Claim, table: pd.DataFrame, pairs: Pairs | None = None, level: float = 0.05
) -> Finding:
    """Evaluate a claim on one set of numbers.

    Args:
        claim: one of `CLAIMS`.
        table: columns `CELL` and value, in percent; low and high if there are intervals.
        pairs: paired tests; an exception that they cannot distinguish from a tie does not refute a
            claim.
        level: significance level of the tests, on p-values adjusted by Holm's method.
    """
    cases = tuple(claim.cases(table, pairs, level))
    return Finding(claim, decide(cases), cases)


def decide(cases: Sequence[Case]) -> Verdict:
    """Verdict of all cases together; an exception that its test shows as a tie leaves it open."""
    against = [case for case in cases if case.holds is False]
    if any(case.significant is not False for case in against):
        return Verdict.FAILS
    if against or not any(case.holds for case in cases):
        return Verdict.OPEN
    return Verdict.HOLDS


UNADAPTED = Adaption.UNADAPTED.value
RVL = PaperRole.RVL_CDIP.value
LAST_STEP = (75, 100)
"""Degrees between which the paper counts increases of k-NN accuracy."""


def unadapted_wins(table: pd.DataFrame, pairs: Pairs | None, level: float) -> Iterator[Case]:
    """Cases are columns of a retrieval table: unadapted against the best adapted model."""
    retrieval = table[table["query"] != ""]
    keys = ["role", "degree", "query", "metric", "method"]
    for key, column in groups(retrieval, keys):
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
    for key, series in _series(retrieval, ["metric", "query"]):
        role, method, adaption, metric, query = key
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
        yield Case(role, name, falls, _course(values), significant)


def trends_agree(table: pd.DataFrame, metric: str, like: str) -> Iterator[Case]:
    """Cases are steps between two degrees: both metrics change in the same direction.

    Args:
        table: see `evaluate_claim`.
        metric: metric that is claimed to behave like the other.
        like: the other metric.
    """
    keys = ["role", "method", "adaption", "query"]
    for (role, method, adaption, query), group in groups(table, keys):
        courses = [
            group[group["metric"] == name].set_index("degree").sort_index()
            for name in (metric, like)
        ]
        degrees = (
            courses[0]
            .dropna(subset="value")
            .index.intersection(courses[1].dropna(subset="value").index)
        )
        both = [course.loc[degrees] for course in courses]
        change, other_change = (np.diff(course["value"]) for course in both)
        told = [told_apart(course) for course in both]
        name = f"{method}, {_model(adaption)}{f', {query} queries' if query else ''}"
        for i, (start, end) in enumerate(pairwise(degrees)):
            numbers = f"{_metric(like)} {other_change[i]:+.1f}, {_metric(metric)} {change[i]:+.1f}"
            agree = bool(np.sign(change[i]) == np.sign(other_change[i]))
            # for directions that are both significant, the values decide
            significant = (
                None
                if told[0] is None or told[1] is None
                else bool(told[0][i] != 0 and told[1][i] != 0)
            )
            yield Case(role, f"{name}, {start} to {end} %", agree, numbers, significant)


def knn_rises(table: pd.DataFrame) -> pd.DataFrame:
    """Changes of RVL-CDIP's k-NN accuracy between the degrees of `LAST_STEP`.

    Returns:
        method, adaption, `rises`, and bounds: `may_rise` unless a fall is significant, `must_rise`
        if a rise is. Only series with both degrees. Without intervals the bounds equal `rises`.
    """
    chosen = table[
        (table["role"] == RVL) & (table["metric"] == "knn") & table["degree"].isin(LAST_STEP)
    ].dropna(subset="value")
    rows = []
    for (method, adaption), group in groups(chosen, ["method", "adaption"]):
        series = group.set_index("degree").sort_index()
        if len(series) < 2:
            continue
        rises = bool(np.diff(series["value"])[0] > 0)
        told = told_apart(series)
        must, may = (rises, rises) if told is None else (told[0] > 0, told[0] >= 0)
        rows.append((method, adaption, rises, bool(may), bool(must)))
    return pd.DataFrame(rows, columns=["method", "adaption", "rises", "may_rise", "must_rise"])


def rises_in_half(table: pd.DataFrame, *_: object) -> Iterator[Case]:
    """One case: number of series in which k-NN accuracy rises over the last step."""
    cells = knn_rises(table)
    name = "k-NN, 75 to 100 %"
    if cells.empty:
        yield Case(RVL, name, None, "no k-NN accuracy at 75 and 100 %")
        return
    rises, least, most = (int(cells[column].sum()) for column in ("rises", "must_rise", "may_rise"))
    half = len(cells) / 2
    numbers = f"rises in {rises} of {len(cells)}{_bounds(least, most)}"
    told = None if _as_printed(table) else least == most or not least <= half <= most
    yield Case(RVL, name, rises == half, numbers, told)


def half_are_masking(table: pd.DataFrame, *_: object) -> Iterator[Case]:
    """One case: number of these rises that are masking's."""
    cells = knn_rises(table)
    rising = cells[cells["rises"]]
    name = "k-NN, 75 to 100 %"
    if rising.empty:
        yield Case(RVL, name, None, "k-NN accuracy rises nowhere, or was not run at 75 and 100 %")
        return
    masks = cells["method"] == Method.MASK.value
    masking = int((rising["method"] == Method.MASK.value).sum())
    least, most = (int(cells.loc[masks, column].sum()) for column in ("must_rise", "may_rise"))
    least_other, most_other = (
        int(cells.loc[~masks, column].sum()) for column in ("must_rise", "may_rise")
    )
    certain = least == most and least_other == most_other
    told = None if _as_printed(table) else certain or least > most_other or least_other > most
    numbers = f"{masking} of {len(rising)} are masking{_bounds(least, most)}"
    yield Case(RVL, name, 2 * masking == len(rising), numbers, told)


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


def _tested(
    pairs: Pairs | None, column: Sequence[object], rival: str, level: float
) -> tuple[bool | None, str]:
    """Whether a column's test separates the unadapted model from its rival, and the p-value.

    None without tests. If there are tests but none for this column, for example because of too few
    clusters, the two are not separated.
    """
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
        return False, ", not tested"
    p = float(found.iloc[0])
    return p < level, ", p < 0.001" if p < 0.001 else f", p = {p:.3f}"


def _series(table: pd.DataFrame, also: list[str]) -> Iterator[tuple[tuple[Any, ...], pd.DataFrame]]:
    """Yield each series over degrees, for data sets that have several degrees."""
    several = table.groupby("role")["degree"].transform("nunique") > 1
    for key, group in groups(table[several], ["role", "method", "adaption", *also]):
        yield key, group.set_index("degree").sort_index()


def _metric(metric: str, query: str = "") -> str:
    names = {"map": "mAP", "mndcg": "mnDCG", **CORRELATED}
    return names[f"{metric}_{query}" if query else metric]


def _model(adaption: str) -> str:
    return adaption if adaption == UNADAPTED else f"adaption {adaption}"


def _course(values: pd.Series) -> str:
    return ", ".join(f"{degree} %: {value:.1f}" for degree, value in values.items())
