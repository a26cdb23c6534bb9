"""Rates of clustered hits: hand computations, bounds, coverage by simulation."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from anonbench.core.numeric.clusters import clustered_rate, paired_rate_difference
from anonbench.core.numeric.statistics import wilson

probes = st.integers(8, 40).flatmap(
    lambda n: st.tuples(
        arrays(np.float64, n, elements=st.sampled_from([0.0, 0.5, 1.0])),
        arrays(np.int64, n, elements=st.integers(0, 15)),
    )
)
REPETITIONS = 800


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
def test_intervals_hold_the_rate_and_lie_within_the_bounds(
    given_probes: tuple[np.ndarray, np.ndarray],
) -> None:
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


@given(arrays(np.float64, st.integers(8, 60), elements=st.sampled_from([0.0, 1.0])))
def test_probes_of_different_persons_give_wilsons_interval(hits: np.ndarray) -> None:
    rate = clustered_rate(hits, np.arange(len(hits)), 0.95)
    assert rate.effective == pytest.approx(len(hits))
    assert (rate.low, rate.high) == pytest.approx(wilson(hits.sum(), len(hits), 0.95))


@pytest.mark.parametrize(
    ("groups", "size", "alike", "share"),
    [(32, 3, 0.0, 0.97), (32, 3, 0.3, 0.9), (32, 10, 0.3, 0.97), (100, 3, 0.3, 0.5)],
)
def test_intervals_cover_at_least_as_often_as_they_say(
    groups: int, size: int, alike: float, share: float
) -> None:
    generator = np.random.default_rng(0)
    persons = np.repeat(np.arange(groups), size)
    covered = 0
    for _ in range(REPETITIONS):
        chance = np.full(groups, share)
        if alike:
            spread = 1 / alike - 1
            chance = generator.beta(share * spread, (1 - share) * spread, groups)
        hits = (generator.random(len(persons)) < chance[persons]).astype(float)
        rate = clustered_rate(hits, persons, 0.95)
        covered += rate.low <= share <= rate.high
    assert covered / REPETITIONS >= 0.925


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
    for _ in range(REPETITIONS):
        hard = generator.random(50)[persons] if alike else generator.random(200)
        a, b = ((generator.random(200) < hard + shift).astype(float) for shift in (0.0, 0.1))
        result = paired_rate_difference(a, b, persons, 0.95)
        # hard + 0.1 is above one for a tenth of the probes, which take 0.005 off
        covered += result.low <= -0.095 <= result.high
    assert covered / REPETITIONS == pytest.approx(0.955, abs=0.025)
