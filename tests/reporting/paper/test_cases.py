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


def test_the_paired_test_is_the_best_rivals() -> None:
    for p, told in ((0.2, False), (0.01, True)):
        (lost,) = unadapted_wins(column(49.0, 40.0, 50.0), pairs(p), 0.05)
        assert lost.holds is False and lost.significant is told
        assert f"p = {p:.3f}" in lost.numbers
        wanted = Verdict.FAILS if told else Verdict.OPEN
        assert decide([lost]) is wanted


def test_no_test_tells_nothing_apart() -> None:
    """Such as of fewer clusters than an interval takes."""
    (lost,) = unadapted_wins(column(49.0, 40.0, 50.0), pairs(float("nan")), 0.05)
    assert lost.holds is False and lost.significant is False and "not tested" in lost.numbers
    assert decide([lost]) is Verdict.OPEN


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
    (case,) = unadapted_wins_by_second(best_choice(best, alike))
    assert (case.holds, case.significant) == (holds, told)
    assert case.name == "mAP (original), blur, 100 %" and case.role == "celeba"
    assert f"best {best} 50.0" in case.numbers
    assert ("not told from it" in case.numbers) == (";" in alike)


def test_only_choices_of_a_model_by_the_second_training_count() -> None:
    row = best_choice("A", "A")
    for change in ({"scope": "choices"}, {"reference": "own"}, {"metric": "tau"}, {"query": ""}):
        assert list(unadapted_wins_by_second(row.assign(**change))) == []


def series(*values: float, query: str = "original", metric: str = "map") -> pd.DataFrame:
    degrees = (25, 50, 75, 100)
    return cells(
        *(
            ("rvl_cdip", d, "mask", "A", query, metric, value)
            for d, value in zip(degrees, values, strict=False)
        )
    )


def test_falls_with_degree() -> None:
    assert [c.holds for c in falls_with_degree(series(9, 8, 7, 6))] == [True]
    assert [c.holds for c in falls_with_degree(series(9, 8, 8, 6))] == [False]
    assert [c.holds for c in falls_with_degree(series(6, 9))] == [False]
    assert list(falls_with_degree(series(6, 9, query="anonymized"))) == []
    # one degree is no series; order of the rows does not matter
    assert list(falls_with_degree(series(9))) == []
    assert [c.holds for c in falls_with_degree(series(9, 8, 7).iloc[::-1])] == [True]


def test_trends_agree_step_by_step() -> None:
    both = pd.concat([series(9, 8, 7, 7), series(5, 4, 6, 5, metric="mndcg")])
    assert [c.holds for c in trends_agree(both, "mndcg", "map")] == [True, False, False]
    (first, *_) = trends_agree(both, "mndcg", "map")
    assert first.numbers == "mAP -1.0, mnDCG -1.0" and "25 to 50 %" in first.name


def test_a_rise_refutes_a_fall_only_where_it_is_told() -> None:
    for half, verdict in ((0.4, Verdict.FAILS), (0.6, Verdict.OPEN), (np.nan, Verdict.OPEN)):
        (case,) = falls_with_degree(between(series(9, 8, 9, 6), half))
        assert case.holds is False and decide([case]) is verdict
    for half, told in ((0.4, True), (0.6, False), (np.nan, False)):
        (case,) = falls_with_degree(between(series(9, 8, 7, 6), half))
        assert case.holds and case.significant is told


def test_steps_that_are_told_apart() -> None:
    assert told_apart(series(1, 2)) is None
    rows = between(series(5, 6, 5, 5), 0.4)
    told = told_apart(rows)
    assert told is not None and told.tolist() == [1, -1, 0]
    touching = told_apart(between(series(5, 6), 0.5))
    assert touching is not None and touching.tolist() == [0]


def test_opposite_steps_refute_only_where_both_are_told() -> None:
    both = pd.concat([series(9, 8), series(5, 6, metric="mndcg")])
    (case,) = trends_agree(both, "mndcg", "map")
    assert case.holds is False and case.significant is None
    for half, told in ((0.4, True), (0.6, False)):
        (case,) = trends_agree(between(both, half), "mndcg", "map")
        assert case.holds is False and case.significant is told
    narrow_and_wide = pd.concat(
        [between(series(9, 8), 0.1), between(series(5, 6, metric="mndcg"), 0.6)]
    )
    (case,) = trends_agree(narrow_and_wide, "mndcg", "map")
    assert case.significant is False


def accuracies(rising: set[tuple[str, str]]) -> pd.DataFrame:
    return cells(
        *(
            ("rvl_cdip", degree, method, adaption, "", "knn", value)
            for method in METHODS
            for adaption in ADAPTIONS
            for degree, value in ((75, 50.0), (100, 51.0 if (method, adaption) in rising else 50.0))
        )
    )


def test_rises_of_the_last_step() -> None:
    masks = {("mask", a) for a in ADAPTIONS}
    half = accuracies({("mask", a) for a in "ABC"} | {("blur", a) for a in "ABC"})
    assert int(knn_rises(half)["rises"].sum()) == 6 and len(knn_rises(half)) == 12
    (case,) = rises_in_half(half)
    assert case.holds and case.numbers == "rises in 6 of 12"
    (case,) = half_are_masking(half)
    assert case.holds and case.numbers == "3 of 6 are masking"
    few = accuracies(masks)
    assert [c.holds for c in rises_in_half(few)] == [False]
    assert [c.holds for c in half_are_masking(few)] == [False]
    none = accuracies(set())
    assert [c.holds for c in half_are_masking(none)] == [None]
    one_degree = none[none["degree"] == 100]
    assert [c.holds for c in rises_in_half(one_degree)] == [None]


def test_counts_of_rises_have_bounds() -> None:
    """All 12 steps are 0 or 1 point; intervals of more than half a point tell none."""
    rising = accuracies({("mask", "A"), ("blur", "A"), ("blur", "B")})
    (printed,) = rises_in_half(rising)
    assert printed.holds is False and printed.significant is None
    (wide,) = rises_in_half(between(rising, 0.6))
    assert wide.holds is False and wide.significant is False
    assert "at least 0 and at most 12" in wide.numbers
    # three must rise and nine may, so that half of twelve cannot be excluded
    (narrow,) = rises_in_half(between(rising, 0.4))
    assert narrow.significant is False and "at least 3 and at most 12" in narrow.numbers
    sunk = rising.copy()
    sunk.loc[(sunk["degree"] == 100) & (sunk["value"] == 50.0), "value"] = 49.0
    (certain,) = rises_in_half(between(sunk, 0.4))
    assert certain.holds is False and certain.significant is True
    (masks,) = half_are_masking(between(sunk, 0.4))
    assert masks.holds is False and masks.significant is True
    (masks,) = half_are_masking(between(sunk, 0.6))
    assert masks.holds is False and masks.significant is False
