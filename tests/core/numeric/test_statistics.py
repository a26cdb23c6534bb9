"""Intervals and coefficients, also within methods, against SciPy, regression and known values."""

import warnings

import numpy as np
import pytest
import scipy.stats
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from anonbench.core.numeric.grouped_correlation import GroupedCorrelation, within_methods
from anonbench.core.numeric.statistics import (
    bootstrap_means,
    bootstrap_pearson,
    fewest_trials,
    holm,
    interval,
    pearson,
    spearman,
    standard_error,
    wilson,
)

coarse = st.integers(-5, 5).map(float)
series = st.integers(3, 20).flatmap(lambda n: arrays(np.float64, (2, n), elements=coarse))


@given(series)
def test_coefficients_equal_scipys(pair: np.ndarray) -> None:
    x, y = pair
    if np.ptp(x) == 0 or np.ptp(y) == 0:
        assert np.isnan(pearson(x, y))
        assert np.isnan(spearman(x, y))
    else:
        assert pearson(x, y) == pytest.approx(scipy.stats.pearsonr(x, y).statistic, abs=1e-12)
        assert spearman(x, y) == pytest.approx(scipy.stats.spearmanr(x, y).statistic, abs=1e-12)


def test_what_is_undefined_is_nan_without_a_warning() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert np.isnan(pearson(np.full(5, 0.1), np.arange(5.0)))
        assert np.isnan(pearson(np.array([0.3, 0.1 + 0.2, 0.3]), np.arange(3.0)))
        assert np.isnan(pearson(np.ones(1), np.ones(1)))
        assert np.isnan(pearson(np.array([0.0, 1e-300, 0.0]), np.arange(3.0)))
        samples = bootstrap_pearson(np.arange(3.0), np.arange(3.0), 200, "x")
        assert np.isnan(samples).any()
        assert interval(samples, 0.9) == (1.0, 1.0)
        assert np.isnan(interval(np.full(3, np.nan), 0.9)).all()
        assert np.isnan([standard_error(np.full(n, 0.5)) for n in (0, 1)]).all()
        values = np.array([[1.0, np.nan], [1.0, np.nan], [np.nan, np.nan]] * 10)
        means = bootstrap_means(values, 100, "nan")
        assert np.allclose(means[:, 0], 1.0) and np.isnan(means[:, 1]).all()


@given(st.integers(1, 200), st.data())
def test_wilson_equals_scipys(count: int, data: st.DataObject) -> None:
    correct = data.draw(st.integers(0, count))
    expected = scipy.stats.binomtest(correct, count).proportion_ci(0.9, "wilson")
    assert wilson(correct, count, 0.9) == pytest.approx((expected.low, expected.high), abs=1e-9)


def test_holm_by_hand() -> None:
    # sorted: .005 · 4, .01 · 3, .03 · 2, .04 · 1, each at least the one before
    p = np.array([0.01, 0.04, 0.03, 0.005])
    assert holm(p) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm(np.array([0.6, 0.7])) == pytest.approx([1.0, 1.0])
    assert holm(np.array([0.02])) == pytest.approx([0.02])
    assert holm(np.array([])).shape == (0,)
    undefined = holm(np.array([np.nan, 0.01, 0.04, np.nan]))  # they count as no tests
    assert undefined == pytest.approx([np.nan, 0.02, 0.04, np.nan], nan_ok=True)


@given(arrays(np.float64, st.integers(2, 20), elements=coarse))
def test_standard_error_equals_scipys(values: np.ndarray) -> None:
    assert standard_error(values) == pytest.approx(scipy.stats.sem(values), abs=1e-12)


def test_bootstrap_intervals_cover_the_mean_as_often_as_they_say() -> None:
    generator = np.random.default_rng(1)
    values = generator.exponential(size=(200, 300))  # 300 data sets of 200 queries
    means = bootstrap_means(values, 400, "coverage")
    low, high = np.quantile(means, [0.05, 0.95], axis=0)
    assert 0.84 < np.mean((low <= 1.0) & (high >= 1.0)) < 0.95
    error = means.std(axis=0).mean()
    assert error == pytest.approx(1 / np.sqrt(200), rel=0.1)


def test_bootstrap_draws_depend_on_the_seed(monkeypatch: pytest.MonkeyPatch) -> None:
    values = np.random.default_rng(0).random((50, 2))
    both = bootstrap_means(values, 30, "a")
    assert np.array_equal(both[:, :1], bootstrap_means(values[:, :1], 30, "a"))
    assert not np.array_equal(both, bootstrap_means(values, 30, "b"))
    monkeypatch.setattr("anonbench.core.numeric.statistics.DRAWS", 50 * 7)
    assert np.array_equal(both, bootstrap_means(values, 30, "a")), "in parts"


@pytest.mark.parametrize(("limit", "trials"), [(0.1, 35), (0.5, 4), (0.01, 381)])
def test_so_many_trials_without_success_are_within_a_limit(limit: float, trials: int) -> None:
    assert fewest_trials(limit, 0.95) == trials
    assert wilson(0, trials, 0.95)[1] <= limit < wilson(0, trials - 1, 0.95)[1]
    assert wilson(3, 10, 1.0) == (0.0, 1.0)


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
