"""Clustered means against SciPy, leave-one-out by hand, and simulations whose truth is known."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from functools import partial

import numpy as np
import pytest
import scipy.stats
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from anonbench.core.numeric.clusters import (
    MIN_CLUSTERS,
    cluster_draws,
    cluster_totals,
    clustered_mean,
    design_effect,
    weighted_means,
)

coarse = st.integers(-5, 5).map(float)
clustered = st.integers(8, 30).flatmap(
    lambda n: st.tuples(
        arrays(np.float64, n, elements=coarse), arrays(np.int64, n, elements=st.integers(0, 12))
    )
)
REPETITIONS = 1500


@pytest.fixture(autouse=True)
def _no_warnings() -> object:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        yield


def persons(
    generator: np.random.Generator, sizes: np.ndarray, alike: float
) -> tuple[np.ndarray, np.ndarray]:
    """Return values of mean 0 and variance 1 whose correlation within a person is `alike`."""
    labels = np.repeat(np.arange(len(sizes)), sizes)
    own = generator.standard_normal(len(sizes))[labels]
    values = np.sqrt(alike) * own + np.sqrt(1 - alike) * generator.standard_normal(len(labels))
    return values, labels


@given(arrays(np.float64, st.integers(8, 30), elements=coarse))
def test_single_values_give_students_interval(values: np.ndarray) -> None:
    result = clustered_mean(values, np.arange(len(values)), 0.9)
    assert result.value == pytest.approx(values.mean())
    if np.ptp(values) == 0:
        assert result.low == result.value == result.high
        return
    expected = scipy.stats.ttest_1samp(values, 0.0)
    assert (result.low, result.high) == pytest.approx(tuple(expected.confidence_interval(0.9)))
    assert (result.n, result.clusters, result.df) == (len(values), len(values), len(values) - 1)
    assert result.se == pytest.approx(scipy.stats.sem(values))


@given(clustered)
def test_the_variance_is_that_of_leaving_out_one_cluster_at_a_time(
    given_values: tuple[np.ndarray, np.ndarray],
) -> None:
    values, labels = given_values
    result = clustered_mean(values, labels, 0.95)
    groups = np.unique(labels)
    if len(groups) < MIN_CLUSTERS:
        assert np.isnan([result.se, result.low, result.high]).all()
        assert "and at least 8 are needed for an interval" in result.reason
        return
    without = np.array([values[labels != group].mean() for group in groups])
    left_out = (1 - 1 / len(groups)) * np.square(without - values.mean()).sum()
    assert result.se == pytest.approx(np.sqrt(left_out), abs=1e-9)
    assert result.reason == ""
    undefined = clustered_mean(np.append(values, np.nan), np.append(labels, 99), 0.95)
    assert undefined == result, "left out with its cluster"


@given(st.floats(-2, 2), st.floats(-2, 2))
def test_one_sided_p_values_equal_scipys(shift: float, bound: float) -> None:
    values = np.random.default_rng(0).random(12) + shift
    result = clustered_mean(values, np.arange(12), 0.95)
    above = scipy.stats.ttest_1samp(values, bound, alternative="greater").pvalue
    assert result.p_above(bound) == pytest.approx(above, abs=1e-9)
    assert result.p_below(bound) == pytest.approx(1 - above, abs=1e-9)


def test_p_values_without_spread_or_interval() -> None:
    same = clustered_mean(np.zeros(9), np.arange(9), 0.95)
    assert (same.p_above(-0.03), same.p_below(-0.03), same.p_above(0.0)) == (0.0, 1.0, 1.0)
    few = clustered_mean(np.arange(4.0), np.arange(4), 0.95)
    assert np.isnan([few.p_above(0.0), few.p_below(0.0)]).all()
    empty = clustered_mean(np.array([np.nan]), np.array(["a"]), 0.95)
    assert empty.reason.startswith("0 clusters") and np.isnan(empty.value)


def skewed(generator: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Return values that are the same for all of a person, and far from normal."""
    return np.repeat(generator.exponential(size=8) - 1.0, 5), np.repeat(np.arange(8), 5)


@pytest.mark.parametrize(
    ("archive", "least", "most"),
    [
        (partial(persons, sizes=np.full(8, 5), alike=0.3), 0.93, 0.97),
        (partial(persons, sizes=np.full(40, 4), alike=0.0), 0.93, 0.97),
        (partial(persons, sizes=np.r_[np.full(30, 2), np.full(10, 8)], alike=1.0), 0.93, 0.97),
        # one person has a third of all photographs; G - 1 degrees of freedom would cover less
        (partial(persons, sizes=np.r_[np.full(31, 3), 48], alike=0.3), 0.93, 0.98),
        (partial(persons, sizes=np.r_[np.full(31, 3), 48], alike=1.0), 0.93, 0.98),
        (skewed, 0.88, 0.92),  # the limit that docs/explanation/statistics.md states
    ],
    ids=["8 of 5", "40 of 4", "unequal", "one large", "one large, alike", "few and skewed"],
)
def test_intervals_cover_in_95_of_100_archives(
    archive: Callable[[np.random.Generator], tuple[np.ndarray, np.ndarray]],
    least: float,
    most: float,
) -> None:
    generator = np.random.default_rng(1)
    covered = 0
    for _ in range(REPETITIONS):
        result = clustered_mean(*archive(generator), 0.95)
        covered += result.low <= 0.0 <= result.high
    assert least <= covered / REPETITIONS <= most


def test_design_effect_of_equal_clusters_is_kishs() -> None:
    # 1 + (m - 1) · intraclass correlation
    generator = np.random.default_rng(4)
    values, labels = persons(generator, np.full(2000, 5), 0.3)
    assert design_effect(values, labels) == pytest.approx(1 + 4 * 0.3, rel=0.1)
    assert design_effect(values, np.arange(len(values))) == pytest.approx(1.0)
    assert np.isnan(design_effect(np.ones(9), np.arange(9)))
    assert np.isnan(design_effect(np.arange(9.0), np.zeros(9)))


def bootstrap_means(values: np.ndarray, clusters: np.ndarray, count: int, seed: str) -> np.ndarray:
    totals, sizes = cluster_totals(values, clusters)
    parts = cluster_draws(len(sizes), count, seed)
    return np.concatenate([weighted_means(times, totals, sizes) for times in parts])


def test_the_bootstrap_draws_clusters_whole() -> None:
    values = np.array([[0.0, 1.0], [0.0, 1.0], [1.0, 5.0]])
    means = bootstrap_means(values, np.array(["a", "a", "b"]), 500, "x")
    # two clusters are drawn: a and a, one of each (three rows), b and b
    assert set(np.round(means[:, 0], 9)) == {0.0, round(1 / 3, 9), 1.0}
    assert np.allclose(means[:, 1], 1 + 4 * means[:, 0])  # the same draws for all columns
    assert means[:, 0].mean() == pytest.approx(0.25 * 0 + 0.5 / 3 + 0.25, abs=0.05)


def test_the_bootstrap_agrees_with_the_standard_error(monkeypatch: pytest.MonkeyPatch) -> None:
    values, labels = persons(np.random.default_rng(5), np.full(60, 5), 0.5)
    means = bootstrap_means(values[:, None], labels, 3000, "se")
    assert means.std() == pytest.approx(clustered_mean(values, labels, 0.95).se, rel=0.05)
    monkeypatch.setattr("anonbench.core.numeric.clusters._DRAWS", 60 * 7)
    parts = bootstrap_means(values[:, None], labels, 3000, "se")
    assert np.array_equal(parts, means)
