from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from paper_numbers import ADAPTIONS, METHODS, cells
from scipy import stats

from anonbench.reporting.paper.cases import (
    compare_within,
    correlates_strongly,
    predicts_best,
)


def correlated(noise: dict[str, float], n: int = 12) -> pd.DataFrame:
    """Return rows whose retrieval metrics follow k-NN with so much noise."""
    rng = np.random.default_rng(3)
    truth = np.linspace(40, 90, 12)
    rows = []
    errors = {name: rng.normal(0, size, 12) for name, size in noise.items()}
    keys = [(method, adaption) for method in METHODS for adaption in ADAPTIONS][:n]
    for i, (method, adaption) in enumerate(keys):
        for name, error in errors.items():
            metric, _, query = name.partition("_")
            row = ("celeba", 100, method, adaption, query, metric)
            rows.append((*row, float(truth[i] + error[i])))
    return cells(*rows)


NAMES = ("map_original", "map_anonymized", "mndcg_original", "knn", "linear")


def test_predicts_best_and_correlates_strongly() -> None:
    good = correlated(
        {**dict.fromkeys(NAMES, 20.0), "mndcg_anonymized": 0.1, "knn": 0, "linear": 0}
    )
    assert [case.holds for case in predicts_best(good, None, 0.05)] == [True, True]
    assert all(case.significant for case in predicts_best(good, None, 0.05))
    for case in correlates_strongly(good, None, 0.05):
        assert case.holds and case.significant is True
    bad = correlated({**dict.fromkeys(NAMES, 0.1), "mndcg_anonymized": 60.0})
    assert [case.holds for case in predicts_best(bad, None, 0.05)] == [False, False]
    for case in correlates_strongly(bad, None, 0.05):  # its interval within methods reaches 0.96
        assert case.holds is False and case.significant is False
        assert case.numbers.endswith("to 0.96")
    opposite = good.assign(
        value=np.where(good["metric"] == "mndcg", 100 - good["value"], good["value"])
    )
    for case in correlates_strongly(opposite, None, 0.05):
        assert case.holds is False and case.significant is True


def test_coefficients_that_do_not_exist() -> None:
    few = correlated({**dict.fromkeys(NAMES, 1.0), "mndcg_anonymized": 1.0}, n=2)
    assert {case.holds for case in predicts_best(few, None, 0.05)} == {None}
    assert {case.holds for case in correlates_strongly(few, None, 0.05)} == {None}
    flat = correlated({**dict.fromkeys(NAMES, 1.0), "mndcg_anonymized": 1.0})
    flat.loc[flat["metric"] == "mndcg", "value"] = 50.0
    assert {case.holds for case in predicts_best(flat, None, 0.05)} == {None}
    unlabelled = flat[flat["query"] != ""]
    assert list(predicts_best(unlabelled, None, 0.05)) == []


def rows_of(*metrics: np.ndarray) -> pd.DataFrame:
    """Return rows of three methods and so many models, with metrics a, b and c."""
    methods = np.repeat(METHODS, len(metrics[0]) // 3)
    return pd.DataFrame({"method": methods} | dict(zip("abc", metrics, strict=True)))


def test_told_apart_in_both_directions() -> None:
    rng = np.random.default_rng(0)
    truth = rng.normal(size=12)
    good, bad = truth + rng.normal(0, 0.1, 12), rng.normal(size=12)
    difference, p = compare_within(rows_of(good, bad, truth), "a", "b", "c")
    assert difference > 0 and p < 0.01
    assert compare_within(rows_of(bad, good, truth), "a", "b", "c") == pytest.approx(
        (-difference, p)
    )


def test_the_same_or_an_undefined_coefficient_is_not_told_apart() -> None:
    a, b, c = np.random.default_rng(3).normal(size=(3, 12))
    flat = np.repeat([1.0, 2.0, 3.0], 4)  # the same within each method
    assert compare_within(rows_of(a, a, c), "a", "b", "c") == (0, 1)
    assert compare_within(rows_of(a, flat, c), "a", "b", "c")[1] == 1
    assert compare_within(rows_of(a, b, c).iloc[:3], "a", "b", "c")[1] == 1


def test_levels_of_methods_tell_nothing() -> None:
    """A metric that follows the methods alone correlates over rows and not within methods."""
    rng = np.random.default_rng(1)
    level = np.repeat([0.0, 50.0, 100.0], 4)
    follows, other, third = (level + rng.normal(size=12) for _ in range(3))
    rows = rows_of(follows, other - level, third)
    over_rows = rows[["a", "b", "c"]].corr()["c"]
    assert over_rows["a"] - over_rows["b"] > 0.5
    assert compare_within(rows, "a", "b", "c")[1] > 0.05


def test_equal_correlations_are_told_apart_as_often_as_the_level_says() -> None:
    """False alarms over 300 draws in which both metrics correlate alike with the third."""
    rng = np.random.default_rng(2)
    covariance = [[1, 0.5, 0.6], [0.5, 1, 0.6], [0.6, 0.6, 1]]
    level = np.repeat([0.0, 5.0, 9.0], 4)
    alarms = sum(
        compare_within(
            rows_of(*(rng.multivariate_normal([0, 0, 0], covariance, 12).T + level)), "a", "b", "c"
        )[1]
        < 0.05
        for _ in range(300)
    )
    low, high = stats.binom.interval(0.999, 300, 0.05)
    assert alarms <= high and alarms > low / 3  # the test is known to be a little conservative
