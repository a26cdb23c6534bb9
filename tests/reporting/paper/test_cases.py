from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from paper_numbers import ADAPTIONS, METHODS, best_choice, cells

from anonbench.reporting.paper.cases import (
    Verdict,
    decide,
    falls_with_degree,
    half_are_masking,
    knn_rises,
    rises_in_half,
    told_apart,
    trends_agree,
    unadapted_wins,
    unadapted_wins_by_second,
)


def between(table: pd.DataFrame, half: float) -> pd.DataFrame:
    """Return the table with intervals of so many points to both sides."""
    return table.assign(low=table["value"] - half, high=table["value"] + half)


def column(unadapted: float, a: float, b: float) -> pd.DataFrame:
    where = ("celeba", 100, "blur")
    return cells(
        (*where, "unadapted", "original", "map", unadapted),
        (*where, "A", "original", "map", a),
        (*where, "B", "original", "map", b),
        (*where, "A", "", "knn", 99.0),
    )


def pairs(p: float) -> pd.DataFrame:
    row = ("celeba", 100, "blur", "original", "map", "unadapted")
    columns = ["role", "degree", "method", "query", "metric", "a", "b", "p_holm"]
    return pd.DataFrame([(*row, "A", 1e-9), (*row, "B", p)], columns=columns)


def test_unadapted_wins_only_where_it_is_above_the_best() -> None:
    (won,) = unadapted_wins(column(50.0, 40.0, 49.9), None, 0.05)
    assert won.holds and won.significant is None
    assert won.numbers == "unadapted 50.0, B 49.9 (+0.1)"
    (tie,) = unadapted_wins(column(50.0, 40.0, 50.0), None, 0.05)
    assert tie.holds is False
    (alone,) = unadapted_wins(column(50.0, 40.0, 49.9).iloc[:1], None, 0.05)
    assert alone.holds is None


@pytest.mark.parametrize(
    ("p", "told", "numbers", "verdict"),
    [
        (0.2, False, "p = 0.200", Verdict.OPEN),
        (0.01, True, "p = 0.010", Verdict.FAILS),
        (np.nan, False, "not tested", Verdict.OPEN),
    ],
)
def test_the_paired_test_is_the_best_rivals(
    p: float, told: bool, numbers: str, verdict: Verdict
) -> None:
    (lost,) = unadapted_wins(column(49.0, 40.0, 50.0), pairs(p), 0.05)
    assert lost.holds is False and lost.significant is told
    assert numbers in lost.numbers and decide([lost]) is verdict


@pytest.mark.parametrize(
    ("best", "alike", "holds", "told"),
    [
        ("unadapted", "unadapted", True, True),
        ("unadapted", "unadapted;A", True, False),
        ("A", "A;B", False, True),
        ("A", "unadapted;A", False, False),
    ],
)
def test_the_second_training_names_all_that_are_as_good(
    best: str, alike: str, holds: bool, told: bool
) -> None:
    row = best_choice(best, alike)
    (case,) = unadapted_wins_by_second(row)
    assert (case.holds, case.significant) == (holds, told)
    assert case.name == "mAP (original), blur, 100 %" and case.role == "celeba"
    assert f"best {best} 50.0" in case.numbers
    assert ("not told from it" in case.numbers) == (";" in alike)
    for change in ({"scope": "choices"}, {"reference": "own"}, {"metric": "tau"}, {"query": ""}):
        assert list(unadapted_wins_by_second(row.assign(**change))) == []


def series(*values: float, query: str = "original", metric: str = "map") -> pd.DataFrame:
    where = ("rvl_cdip", "mask", "A", query, metric)
    rows = zip((25, 50, 75, 100), values, strict=False)
    return cells(*((where[0], degree, *where[1:], value) for degree, value in rows))


def test_falls_with_degree() -> None:
    for values, holds in (((9, 8, 7, 6), True), ((9, 8, 8, 6), False), ((6, 9), False)):
        assert [case.holds for case in falls_with_degree(series(*values))] == [holds]
    assert list(falls_with_degree(series(6, 9, query="anonymized"))) == []
    # one degree is no series; order of the rows does not matter
    assert list(falls_with_degree(series(9))) == []
    assert [c.holds for c in falls_with_degree(series(9, 8, 7).iloc[::-1])] == [True]


def test_a_rise_refutes_a_fall_only_where_it_is_told() -> None:
    for half, verdict in ((0.4, Verdict.FAILS), (0.6, Verdict.OPEN), (np.nan, Verdict.OPEN)):
        (case,) = falls_with_degree(between(series(9, 8, 9, 6), half))
        assert case.holds is False and decide([case]) is verdict
        (case,) = falls_with_degree(between(series(9, 8, 7, 6), half))
        assert case.holds and case.significant is (half == 0.4)


def test_steps_that_are_told_apart() -> None:
    assert told_apart(series(1, 2)) is None
    for values, half, steps in (((5, 6, 5, 5), 0.4, [1, -1, 0]), ((5, 6), 0.5, [0])):
        told = told_apart(between(series(*values), half))
        assert told is not None and told.tolist() == steps


def test_trends_agree_step_by_step() -> None:
    both = pd.concat([series(9, 8, 7, 7), series(5, 4, 6, 5, metric="mndcg")])
    assert [c.holds for c in trends_agree(both, "mndcg", "map")] == [True, False, False]
    (first, *_) = trends_agree(both, "mndcg", "map")
    assert first.numbers == "mAP -1.0, mnDCG -1.0" and "25 to 50 %" in first.name


def test_opposite_steps_refute_only_where_both_are_told() -> None:
    fall, rise = series(9, 8), series(5, 6, metric="mndcg")
    for of_fall, of_rise, told in ((None, None, None), (0.4, 0.4, True), (0.1, 0.6, False)):
        tables = (
            [fall, rise] if of_fall is None else [between(fall, of_fall), between(rise, of_rise)]
        )
        (case,) = trends_agree(pd.concat(tables), "mndcg", "map")
        assert case.holds is False and case.significant is told


def accuracies(rising: set[tuple[str, str]], still: float = 50.0) -> pd.DataFrame:
    """Return accuracies at two degrees: 50 first; then 51 of what rises, `still` of the others."""
    return cells(
        *(
            ("rvl_cdip", degree, method, adaption, "", "knn", value)
            for method in METHODS
            for adaption in ADAPTIONS
            for degree, value in (
                (75, 50.0),
                (100, 51.0 if (method, adaption) in rising else still),
            )
        )
    )


def test_rises_of_the_last_step() -> None:
    half = accuracies({("mask", a) for a in "ABC"} | {("blur", a) for a in "ABC"})
    assert int(knn_rises(half)["rises"].sum()) == 6 and len(knn_rises(half)) == 12
    (case,) = rises_in_half(half)
    assert case.holds and case.numbers == "rises in 6 of 12"
    (case,) = half_are_masking(half)
    assert case.holds and case.numbers == "3 of 6 are masking"
    few = accuracies({("mask", a) for a in ADAPTIONS})
    none = accuracies(set())
    one_degree = none[none["degree"] == 100]
    assert [c.holds for c in (*rises_in_half(few), *half_are_masking(few))] == [False, False]
    assert [c.holds for c in (*half_are_masking(none), *rises_in_half(one_degree))] == [None, None]


def test_counts_of_rises_have_bounds() -> None:
    """All 12 steps are 0 or 1 point; intervals of more than half a point tell none."""
    rising = {("mask", "A"), ("blur", "A"), ("blur", "B")}
    sunk = accuracies(rising, still=49.0)
    # three must rise and nine may, so that half of twelve cannot be excluded
    for table, told, bounds in (
        (accuracies(rising), None, ""),
        (between(accuracies(rising), 0.6), False, "at least 0 and at most 12"),
        (between(accuracies(rising), 0.4), False, "at least 3 and at most 12"),
        (between(sunk, 0.4), True, ""),
    ):
        (case,) = rises_in_half(table)
        assert case.holds is False and case.significant is told and bounds in case.numbers
    for half, told in ((0.4, True), (0.6, False)):
        (masks,) = half_are_masking(between(sunk, half))
        assert masks.holds is False and masks.significant is told
