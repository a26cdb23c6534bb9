"""Correlations within methods against SciPy and regression."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.stats
from hypothesis import given
from hypothesis import strategies as st

from anonbench.core.numeric.grouped_correlation import GroupedCorrelation, within_methods

METHODS, MODELS = np.repeat(["blur", "mask", "pixelate"], 4), np.tile(list("ABCU"), 3)


def correlate(x: np.ndarray, y: np.ndarray) -> GroupedCorrelation:
    return within_methods(x, y, METHODS, MODELS, 0.95, 500, "x")


@given(st.integers(0, 10_000))
def test_the_coefficient_is_the_partial_correlation_given_the_method(number: int) -> None:
    x, y = np.random.default_rng(number).random((2, 12))
    dummies = np.stack([(name == METHODS).astype(float) for name in np.unique(METHODS)], axis=1)
    residuals = [v - dummies @ np.linalg.lstsq(dummies, v, rcond=None)[0] for v in (x, y)]
    found = correlate(x, y)
    assert found.coefficient == pytest.approx(scipy.stats.pearsonr(*residuals).statistic)
    # Fisher's interval, with the methods' two contrasts held fixed
    half = scipy.stats.norm.ppf(0.975) / np.sqrt(12 - 2 - 3)
    ends = np.tanh(np.arctanh(found.coefficient) + np.array([-half, half]))
    assert (found.low, found.high) == pytest.approx(tuple(ends))
    assert (found.rows, found.methods, found.reason) == (12, 3, "")
    # what a method adds to all its rows has no effect
    shifted = correlate(x + np.repeat([0.0, 5.0, -2.0], 4), y + np.repeat([1.0, 9.0, 4.0], 4))
    assert vars(shifted) == pytest.approx(vars(found))


def test_exact_p_values_count_permutations() -> None:
    # two methods of two models: four permutations, of which two reach the coefficient
    x, y = np.array([1.0, 2.0, 5.0, 6.0]), np.array([3.0, 4.0, 0.0, 1.0])
    found = within_methods(x, y, np.array([*"aabb"]), np.array([*"UCUC"]), 0.95, 10, "x")
    assert found.coefficient == pytest.approx(1.0)
    assert found.p == pytest.approx(2 / 4)
    assert found.p_models == pytest.approx(2 / 2)
    assert found.reason == "4 rows of 2 methods, and at least 10 are needed"


def test_one_method_s_p_value_and_interval_are_scipys() -> None:
    x, y = np.random.default_rng(0).random((2, 6))
    found = within_methods(x, y, np.zeros(6), np.arange(6), 0.95, 10, "x")
    expected = scipy.stats.permutation_test(
        (x,),
        lambda shuffled: abs(np.corrcoef(shuffled, y)[0, 1]),
        permutation_type="pairings",
        alternative="greater",
        n_resamples=np.inf,
    )
    assert abs(found.coefficient) == pytest.approx(expected.statistic)
    assert found.p == found.p_models == pytest.approx(expected.pvalue)
    x, y = np.random.default_rng(1).random((2, 9))
    found = within_methods(x, y, np.zeros(9), np.arange(9), 0.95, 100, "x")
    fishers = scipy.stats.pearsonr(x, y).confidence_interval(0.95)
    assert (found.low, found.high) == pytest.approx((fishers.low, fishers.high))


def test_what_is_undefined_has_a_reason() -> None:
    found = correlate(np.repeat([0.1, 0.2, 0.3], 4), np.arange(12.0))
    assert np.isnan([found.coefficient, found.p, found.low]).all()
    assert found.reason == "a metric is the same for all models of each method"
    incomplete = within_methods(
        np.arange(11.0), np.arange(11.0) ** 2, METHODS[1:], MODELS[1:], 0.95, 500, "x"
    )
    assert incomplete.p < 0.05 and np.isnan(incomplete.p_models)
