"""Clustered means and rates against SciPy, by hand, and in simulations whose truth is known."""

import warnings
from collections.abc import Callable
from functools import partial

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from anonbench.core.numeric.clusters import (
    MIN_CLUSTERS,
    cluster_draws,
    cluster_totals,
    clustered_mean,
    clustered_rate,
    paired_rate_difference,
    weighted_means,
)

coarse = st.integers(-5, 5).map(float)
clustered = st.integers(8, 30).flatmap(
    lambda n: st.tuples(
        arrays(np.float64, n, elements=coarse), arrays(np.int64, n, elements=st.integers(0, 12))
    )
)
REPETITIONS, RATES = 1500, 800
"""Simulated archives of means, and of rates."""


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


@given(clustered)
def test_variance_is_the_jackknife(given_values: tuple[np.ndarray, np.ndarray]) -> None:
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


probes = st.integers(8, 40).flatmap(
    lambda n: st.tuples(
        arrays(np.float64, n, elements=st.sampled_from([0.0, 0.5, 1.0])),
        arrays(np.int64, n, elements=st.integers(0, 15)),
    )
)


def test_all_hits_count_as_one_of_each_person() -> None:
    persons = np.repeat(np.arange(32), 3)
    everything = clustered_rate(np.ones(96), persons, 0.95)
    assert everything.effective == pytest.approx(32.0)
    # Wilson's end for 32 of 32: 32 / (32 + 1.96²)
    assert (everything.low, everything.high) == (pytest.approx(32 / (32 + 1.959964**2)), 1.0)
    nothing = clustered_rate(np.zeros(96), persons, 0.95)
    assert (nothing.low, nothing.high) == (0.0, pytest.approx(1 - everything.low))
    undefined = clustered_rate(np.append(np.ones(96), np.nan), np.append(persons, 99), 0.95)
    assert undefined == everything, "what is undefined is left out"
    assert clustered_rate(np.ones(0), np.arange(0), 0.95).reason.startswith("0 clusters")


@given(probes)
def test_intervals_contain_the_rate(given_probes: tuple[np.ndarray, np.ndarray]) -> None:
    hits, persons = given_probes
    rate = clustered_rate(hits, persons, 0.95)
    groups = len(np.unique(persons))
    assert rate.value == pytest.approx(hits.mean())
    sizes = np.unique(persons, return_counts=True)[1]
    assert len(hits) ** 2 / np.square(sizes).sum() <= rate.effective * (1 + 1e-9)
    assert rate.effective <= len(hits) * (1 + 1e-9)
    if groups < 8:
        assert rate.reason.startswith(f"{groups} cluster") and np.isnan(rate.low)
        return
    assert 0.0 <= rate.low <= rate.value <= rate.high <= 1.0
    turned = clustered_rate(1.0 - hits, persons, 0.95)
    assert (turned.low, turned.high) == pytest.approx((1 - rate.high, 1 - rate.low))


@pytest.mark.parametrize(
    ("groups", "size", "alike", "share"),
    [(32, 3, 0.0, 0.97), (32, 3, 0.3, 0.9), (32, 10, 0.3, 0.97), (100, 3, 0.3, 0.5)],
)
def test_rate_intervals_cover(groups: int, size: int, alike: float, share: float) -> None:
    generator = np.random.default_rng(0)
    persons = np.repeat(np.arange(groups), size)
    covered = 0
    for _ in range(RATES):
        chance = np.full(groups, share)
        if alike:
            spread = 1 / alike - 1
            chance = generator.beta(share * spread, (1 - share) * spread, groups)
        hits = (generator.random(len(persons)) < chance[persons]).astype(float)
        rate = clustered_rate(hits, persons, 0.95)
        covered += rate.low <= share <= rate.high
    assert covered / RATES >= 0.925


answers = st.integers(8, 60).flatmap(
    lambda n: arrays(np.float64, (2, n), elements=st.sampled_from([0.0, 1.0]))
)


@given(answers)
def test_paired_shares_of_different_persons_by_agresti_and_min(pair: np.ndarray) -> None:
    a, b = pair
    n, only_a, only_b = len(a), int((a > b).sum()), int((b > a).sum())
    result = paired_rate_difference(a, b, np.arange(n), 0.95)
    # a half in each cell: n + 2 probes, of which (only_a + ½) + (only_b + ½) differ
    variance = (only_a + only_b + 1) - (only_a - only_b) ** 2 / (n + 2)
    assert result.value == pytest.approx((only_a - only_b) / n)
    assert result.se == pytest.approx(np.sqrt(variance) / (n + 2))
    assert -1.0 <= result.low <= result.value <= result.high <= 1.0
    turned = paired_rate_difference(b, a, np.arange(n), 0.95)
    assert (turned.low, turned.high) == pytest.approx((-result.high, -result.low))


def test_equal_answers_are_no_proof_of_equal_systems() -> None:
    few = paired_rate_difference(np.ones(20), np.ones(20), np.arange(20), 0.95)
    assert few.value == 0.0 and few.high == pytest.approx(0.0951, abs=1e-4)
    # ten photographs of each person are no more than one where they all agree
    repeated = np.repeat(np.arange(20), 10)
    many = paired_rate_difference(np.ones(200), np.ones(200), repeated, 0.95)
    assert many.se == pytest.approx(few.se)
    below = paired_rate_difference(np.ones(40), np.zeros(40), np.arange(40) % 7, 0.95)
    assert below.value == 1.0 and np.isnan(below.low) and below.reason.startswith("7 clusters")
    empty = paired_rate_difference(np.full(3, np.nan), np.ones(3), np.arange(3), 0.95)
    assert empty.reason.startswith("0 clusters") and empty.n == 0


@pytest.mark.parametrize("alike", [False, True])
def test_paired_shares_cover_as_often_as_they_say(alike: bool) -> None:
    generator = np.random.default_rng(1)
    persons = np.repeat(np.arange(50), 4)
    covered = 0
    for _ in range(RATES):
        hard = generator.random(50)[persons] if alike else generator.random(200)
        a, b = ((generator.random(200) < hard + shift).astype(float) for shift in (0.0, 0.1))
        result = paired_rate_difference(a, b, persons, 0.95)
        # hard + 0.1 is above one for a tenth of the probes, which take 0.005 off
        covered += result.low <= -0.095 <= result.high
    assert covered / RATES == pytest.approx(0.955, abs=0.025)
