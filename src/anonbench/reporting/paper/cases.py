"""Cases of the paper's claims, in a table of scores.

Values count as different if their intervals do not overlap, which is strict for values of the same
images (Schenker and Gentleman 2001, The American Statistician 55:182-186). Of correlations the
coefficient over all rows decides, as in the paper; the test uses the one within methods, because
rows of one method are not independent.
"""

import math
from collections.abc import Iterable, Iterator
from enum import StrEnum
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from anonbench.config import PaperRole
from anonbench.core.numeric.grouped_correlation import centred, within_methods
from anonbench.core.numeric.statistics import holm, pearson
from anonbench.core.vocabulary import UNADAPTED, Method
from anonbench.evaluation.comparisons.best import JOINT, SECOND
from anonbench.evaluation.correlation import METRICS as CORRELATED
from anonbench.evaluation.correlation import MIN_ROWS, metric_rows
from anonbench.evaluation.scores import CLASSIFIERS
from anonbench.reporting.labels import RETRIEVAL_METRICS
from anonbench.reporting.paper.comparison import CELL, METRICS


class Verdict(StrEnum):
    """Verdict of the numbers on a claim."""

    HOLDS = "holds"
    FAILS = "does not hold"
    OPEN = "cannot be told"


class Case(NamedTuple):
    """One instance in which a claim can be checked."""

    role: str
    name: str
    holds: bool | None  # whether the numbers support it; None if undecidable
    numbers: str  # the decisive numbers, or the reason why there are none
    significant: bool | None = None  # whether a test separates the two sides; None without a test


Pairs = pd.DataFrame  # paired tests of all data sets: `pairwise.COLUMNS` with `role`
RVL = PaperRole.RVL_CDIP.value
LAST_STEP, LAST_STEP_NAME = (75, 100), "k-NN, 75 to 100 %"  # where the paper counts increases
_RISES = ["rises", "must_rise", "may_rise"]
PREDICTOR = "mndcg_anonymized"
STRONG = 0.95


def decide(cases: Iterable[Any]) -> Verdict:
    """Verdict of all cases together; an exception that its test shows as a tie leaves it open."""
    found = [(case.holds, case.significant) for case in cases]
    against = [significant for holds, significant in found if holds is False]
    if any(significant is not False for significant in against):
        return Verdict.FAILS
    return Verdict.OPEN if against or not any(holds for holds, _ in found) else Verdict.HOLDS


def unadapted_wins(table: pd.DataFrame, pairs: Pairs | None, level: float) -> Iterator[Case]:
    """Cases are columns of a retrieval table: unadapted against the best adapted model."""
    keys = ["role", "degree", "query", "metric", "method"]
    key: Any
    for key, column in table[table["query"] != ""].groupby(keys, sort=False):
        place = key[0], f"{_metric(*key[3:1:-1])}, {key[4]}, {key[1]} %"
        values = column.set_index("adaption")["value"].dropna()
        rivals = values.drop(UNADAPTED, errors="ignore")
        if UNADAPTED not in values or rivals.empty:
            yield Case(*place, None, "no two models to compare")
            continue
        best = str(rivals.idxmax())
        lead = values[UNADAPTED] - rivals[best]
        numbers = f"unadapted {values[UNADAPTED]:.1f}, {best} {rivals[best]:.1f} ({lead:+.1f}"
        told = None
        if pairs is not None:
            same = pairs[["a", "b"]].isin([UNADAPTED, best]).all(axis=1)
            same &= (pairs[keys] == list(key)).all(axis=1)
            p = pairs.loc[same, "p_holm"].dropna().min()  # NaN of too few clusters tells nothing
            told = bool(p < level)
            small = "p < 0.001" if p < 0.001 else f"p = {p:.3f}"
            numbers += ", not tested" if math.isnan(p) else f", {small}"
        yield Case(*place, bool(lead > 0), f"{numbers})", told)


def unadapted_wins_by_second(best: pd.DataFrame, *_: object) -> Iterator[Case]:
    """Cases are the same columns by a second training; `best` is `best.csv` with `role`."""
    of_second = (best["scope"] == "models") & (best["reference"] == SECOND) & (best["query"] != "")
    for row in best[of_second & best["metric"].isin(METRICS)].to_dict("records"):
        name = f"{_metric(row['metric'], row['query'])}, {row['method']}, {row['degree']} %"
        equals = row["indistinguishable"].split(JOINT)
        rest = ", ".join(model for model in equals if model != row["best"])
        numbers = f"best {row['best']} {100 * row['value']:.1f}"
        numbers += f", not told from it: {rest}" if rest else ""
        told = UNADAPTED not in equals or equals == [UNADAPTED]
        yield Case(row["role"], name, row["best"] == UNADAPTED, numbers, told)


def falls_with_degree(table: pd.DataFrame, *_: object) -> Iterator[Case]:
    """Cases are the series of a model and method over the degrees, with original queries."""
    retrieval = table[table["query"] == "original"]
    several = retrieval.groupby("role")["degree"].transform("nunique") > 1
    keys = ["role", "method", "adaption", "metric", "query"]
    key: Any
    for key, group in retrieval[several].groupby(keys, sort=False):
        place = key[0], f"{_metric(*key[3:])}, {key[1]}, {_model(key[2])}"
        series = group.dropna(subset="value").set_index("degree").sort_index()
        if len(series) < 2:
            yield Case(*place, None, "fewer than two degrees")
            continue
        falls = bool((np.diff(series["value"]) < 0).all())
        told = told_apart(series)
        clear = None if told is None else bool((told < 0).all() if falls else (told > 0).any())
        numbers = ", ".join(f"{degree} %: {value:.1f}" for degree, value in series["value"].items())
        yield Case(*place, falls, numbers, clear)


def trends_agree(table: pd.DataFrame, metric: str, like: str) -> Iterator[Case]:
    """Cases are steps between two degrees: `metric` changes in the same direction as `like`."""
    keys = ["role", "method", "adaption", "query"]
    key: Any
    for key, group in table.dropna(subset="value").groupby(keys, sort=False):
        role, method, adaption, query = key
        by_metric = {m: of.set_index("degree").sort_index() for m, of in group.groupby("metric")}
        if not {metric, like} <= by_metric.keys():
            continue
        degrees = by_metric[metric].index.intersection(by_metric[like].index)
        both = [by_metric[name].loc[degrees] for name in (metric, like)]
        change, other_change = (np.diff(course["value"]) for course in both)
        told, other_told = map(told_apart, both)
        name = f"{method}, {_model(adaption)}{f', {query} queries' if query else ''}"
        for i, (start, end) in enumerate(pairwise(degrees)):
            numbers = f"{_metric(like)} {other_change[i]:+.1f}, {_metric(metric)} {change[i]:+.1f}"
            agree = bool(np.sign(change[i]) == np.sign(other_change[i]))
            clear = None
            if told is not None and other_told is not None:  # if both are, the values decide
                clear = bool(told[i] != 0 and other_told[i] != 0)
            yield Case(role, f"{name}, {start} to {end} %", agree, numbers, clear)


def knn_rises(table: pd.DataFrame) -> pd.DataFrame:
    """Changes of RVL-CDIP's k-NN accuracy between the degrees of `LAST_STEP`.

    Columns method, adaption, `rises`, and bounds: `must_rise` if a rise is significant, `may_rise`
    unless a fall is. Without intervals the bounds equal `rises`.
    """
    chosen = table[(table["role"] == RVL) & (table["metric"] == "knn")].dropna(subset="value")
    before, after = (chosen[chosen["degree"] == each] for each in LAST_STEP)
    both = before.merge(after, on=["method", "adaption"], suffixes=("_before", ""))
    must = may = rises = both["value"] > both["value_before"]
    if "low" in table:
        must, may = both["low"] > both["high_before"], ~(both["high"] < both["low_before"])
    return both[["method", "adaption"]].assign(rises=rises, must_rise=must, may_rise=may)


def rises_in_half(table: pd.DataFrame, *_: object) -> Iterator[Case]:
    """One case: number of series in which k-NN accuracy rises over the last step."""
    rises = knn_rises(table)[_RISES]
    rest = ~rises.set_axis(["rises", "may_rise", "must_rise"], axis=1)
    nothing = "no k-NN accuracy at 75 and 100 %"
    yield _as_many(rises, rest, "rises in {} of {}", nothing, "low" in table)


def half_are_masking(table: pd.DataFrame, *_: object) -> Iterator[Case]:
    """One case: number of these rises that are masking's."""
    cells = knn_rises(table)
    masks = cells["method"] == Method.MASK.value
    nothing = "k-NN accuracy rises nowhere, or was not run at 75 and 100 %"
    yield _as_many(cells[masks], cells[~masks], "{} of {} are masking", nothing, "low" in table)


def _as_many(
    these: pd.DataFrame, others: pd.DataFrame, numbers: str, nothing: str, has_intervals: bool
) -> Case:
    """Case that two tables (`knn_rises`) have equally many rises."""
    (count, least, most), (rest, least_rest, most_rest) = (
        each[_RISES].sum().astype(int) for each in (these, others)
    )
    if not count + rest:
        return Case(RVL, LAST_STEP_NAME, None, nothing)
    certain = least == most and least_rest == most_rest
    told = bool(certain or least > most_rest or least_rest > most)
    numbers = numbers.format(count, count + rest)
    if least != most:
        numbers += f" (at least {least} and at most {most} by their intervals)"
    return Case(RVL, LAST_STEP_NAME, bool(count == rest), numbers, told if has_intervals else None)


def told_apart(series: pd.DataFrame) -> np.ndarray | None:
    """Direction of each step between N values with `low` and `high`, int [N - 1].

    -1 falls, 1 rises, 0 if neither is significant; None for printed numbers without intervals.
    """
    if "low" not in series:
        return None
    low, high = series[["low", "high"]].to_numpy(np.float64).T
    return np.asarray((low[1:] > high[:-1]).astype(int) - (high[1:] < low[:-1]))


def predicts_best(table: pd.DataFrame, pairs: object, level: float) -> Iterator[Case]:
    """Cases are a data set, degree and accuracy: the retrieval metric that correlates best.

    P-values are adjusted over all cases (Holm). They treat rows as independent within methods.
    """
    names = [metric for metric in CORRELATED if metric not in CLASSIFIERS]
    cases, tests = [], []
    for role, degree, rows in _correlated(table):
        for accuracy in CLASSIFIERS:
            place = role, f"{CORRELATED[accuracy]}, {degree} %"
            known = pd.Series({name: coefficient(rows, name, accuracy) for name in names}).dropna()
            if PREDICTOR not in known or len(known) < 2:
                reason = "no coefficients (too few rows, or a constant metric)"
                cases.append(Case(*place, None, reason))
                continue
            r, rest = known[PREDICTOR], known.drop(PREDICTOR)
            best, next_r = str(rest.idxmax()), rest.max()
            numbers = f"r = {r:.2f}, next {CORRELATED[best]} {next_r:.2f}, n = {len(rows)}"
            within, p = compare_within(rows, PREDICTOR, best, accuracy)
            tests.append((len(cases), p, (within > 0) == (r > next_r)))
            cases.append(Case(*place, bool(r > next_r), numbers))
    adjusted = holm(np.array([p for _, p, _ in tests]))
    for (number, _, is_alike), p in zip(tests, adjusted, strict=True):
        cases[number] = cases[number]._replace(significant=bool(p < level and is_alike))
    yield from cases


def correlates_strongly(table: pd.DataFrame, pairs: object, level: float) -> Iterator[Case]:
    """Cases are the accuracies on CelebA: a coefficient of at least 0.95, at two decimals."""
    for role, degree, rows in _correlated(table[table["role"] == PaperRole.CELEBA.value]):
        for accuracy in CLASSIFIERS:
            r = coefficient(rows, PREDICTOR, accuracy)
            place = role, f"{CORRELATED[accuracy]}, {degree} %"
            if np.isnan(r):
                yield Case(*place, None, "no coefficient")
                continue
            both = rows.dropna(subset=[PREDICTOR, accuracy])
            x, y = both[[PREDICTOR, accuracy]].to_numpy(np.float64).T
            methods, adaptions = both[["method", "adaption"]].to_numpy().T
            found = within_methods(x, y, methods, adaptions, 1 - level, 1)
            low, high = found.low, found.high
            within = "" if np.isnan(low) else f", within methods {low:.2f} to {high:.2f}"
            holds = round(r, 2) >= STRONG
            told = low >= STRONG if holds else high < STRONG
            yield Case(*place, holds, f"r = {r:.3f}, n = {len(rows)}{within}", bool(told))


def coefficient(rows: pd.DataFrame, a: str, b: str) -> float:
    """Pearson's coefficient of two columns over the rows that have both; NaN under three."""
    both = rows[[a, b]].dropna().to_numpy(np.float64)
    return float(pearson(*both.T)) if len(both) >= MIN_ROWS else math.nan


def compare_within(rows: pd.DataFrame, a: str, b: str, third: str) -> tuple[float, float]:
    """Difference of two metrics' correlations with a third within methods, and its p-value.

    Williams' test of two dependent correlations (Williams 1959, J. R. Stat. Soc. B 21:396-399;
    Steiger 1980, Psychol. Bull. 87:245-251), two-sided, on the deviations from each method's means,
    with one row less for each further method. `rows` have the method and the metrics as columns.

    Returns:
        Coefficient of `a` with `third` minus that of `b`, and p; NaN and 1 if undefined.
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
    from scipy.special import stdtr  # imported here: most reports start without it

    t = (xz - yz) * math.sqrt((n - 1) * (1 + xy) / spread)
    return xz - yz, float(2 * stdtr(n - 3, -abs(t)))


def _correlated(table: pd.DataFrame) -> Iterator[tuple[str, int, pd.DataFrame]]:
    labelled = table[table["role"].isin(table.loc[table["query"] == "", "role"])]
    key: Any
    for key, group in labelled.groupby(["role", "degree"], sort=False):
        rows = group.assign(dataset=key[0])[["dataset", *CELL, "value"]]
        yield *key, metric_rows(rows, key[1])


def _metric(metric: str, query: str = "") -> str:
    return (RETRIEVAL_METRICS | CORRELATED)[f"{metric}_{query}" if query else metric]


def _model(adaption: str) -> str:
    return adaption if adaption == UNADAPTED else f"adaption {adaption}"
