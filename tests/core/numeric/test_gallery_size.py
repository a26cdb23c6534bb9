"""Rates in smaller galleries by counting, and in larger ones by simulation."""

from __future__ import annotations

from itertools import combinations, pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import norm

from anonbench.core.numeric.gallery_size import hits_among, rate_among
from anonbench.core.numeric.rates import clustered_rate

PERSONS = np.repeat(np.arange(50), 3)


@given(st.integers(1, 7), st.data())
def test_a_smaller_gallery_by_counting_its_draws(others: int, data: st.DataObject) -> None:
    above = data.draw(st.integers(0, others))
    tied = data.draw(st.integers(0, others - above))
    size = data.draw(st.integers(1, others))
    # 2: above the mate, 1: tied with it, 0: below; a draw with t ties finds it in 1 of t + 1 orders
    crops = [2] * above + [1] * tied + [0] * (others - above - tied)
    draws = list(combinations(crops, size))
    chances = [0.0 if 2 in draw else 1.0 / (1 + draw.count(1)) for draw in draws]
    found = hits_among(np.array([above]), np.array([tied]), np.array([others]), size)
    assert found[0] == pytest.approx(np.mean(chances), abs=1e-9)


def test_the_gallery_that_was_searched_gives_its_own_hits() -> None:
    above, tied = np.array([0, 1, 0, 5]), np.array([0, 0, 3, 2])
    found = hits_among(above, tied, np.full(4, 1000), 1000)
    assert found == pytest.approx([1.0, 0.0, 1 / 4, 0.0], abs=1e-9)


def searches(
    generator: np.random.Generator, distance: float, others: int
) -> tuple[np.ndarray, np.ndarray]:
    """Return above and tied [150] of probes that are `distance` more similar to their mate."""
    own = np.sqrt(0.5) * generator.standard_normal(50)[PERSONS]
    mate = distance + own + np.sqrt(0.5) * generator.standard_normal(150)
    return generator.binomial(others, norm.sf(mate)), np.zeros(150, dtype=np.int64)


@pytest.mark.slow
@pytest.mark.parametrize("distance", [0.0, 1.5, 2.5, 3.5])
@pytest.mark.parametrize("size", [50, 400, 2000])
def test_the_interval_holds_the_rate_of_a_gallery_of_any_size(distance: float, size: int) -> None:
    generator = np.random.default_rng(0)
    mates = distance + norm.ppf((np.arange(200_000) + 0.5) / 200_000)
    truth = float((norm.cdf(mates) ** size).mean())
    covered = 0
    for number in range(200):
        above, tied = searches(generator, distance, 200)
        rate = rate_among(
            above, tied, np.full(150, 200), PERSONS, size, 0.95, 200, distance, number
        )
        covered += rate.low <= truth <= rate.high
    assert covered / 200 >= 0.93


def test_a_larger_gallery_lowers_rate_and_both_ends() -> None:
    above, tied = searches(np.random.default_rng(1), 2.5, 200)
    others = np.full(150, 200)
    rates = [
        rate_among(above, tied, others, PERSONS, size, 0.95, 300, "x")
        for size in (10, 50, 200, 201, 400, 2000)
    ]
    for smaller, larger in pairwise(rates):
        assert larger.value <= smaller.value
        assert larger.low <= smaller.low and larger.high <= smaller.high
    for rate in rates:
        assert rate.low <= rate.value <= rate.high
    assert rates[2] == clustered_rate((above == 0).astype(float), PERSONS, 0.95)


@pytest.mark.parametrize("missed", [0, 1, 2])
def test_where_hardly_a_probe_is_lost_the_interval_widens_all_the_same(missed: int) -> None:
    """Of 16 probes: no resample shows a loss that none of them had."""
    above = np.r_[np.zeros(16 - missed, int), np.full(missed, 150)]
    tied, others, persons = 0 * above, np.full(16, 200), np.arange(16)
    rates = [
        rate_among(above, tied, others, persons, size, 0.95, 300, "x")
        for size in (200, 201, 300, 400, 1000)
    ]
    for smaller, larger in pairwise(rates):
        assert larger.low < smaller.low and larger.high == smaller.high
    assert rates[-1].low < 0.3 and rates[-1].value == pytest.approx(1 - missed / 16, abs=0.01)


def test_beyond_the_gallery_each_doubling_takes_the_same_factor() -> None:
    above, others = np.array([0, 0, 1, 0, 3, 8, 0, 20, 50]), np.full(9, 100)
    clusters, tied = np.arange(9), np.zeros(9, dtype=np.int64)
    half, whole = (hits_among(above, tied, others, n).mean() for n in (50, 100))
    rate = rate_among(above, tied, others, clusters, 400, 0.95, 100, "x")
    assert rate.value == pytest.approx(whole * (whole / half) ** 2)


def test_with_many_probes_the_interval_is_that_of_its_bounds() -> None:
    above = np.repeat([0, 0, 0, 1, 5, 50], 3000)
    others, tied = np.full(len(above), 100), np.zeros(len(above), dtype=np.int64)
    half, whole = (hits_among(above, tied, others, n).mean() for n in (50, 100))
    rate = rate_among(above, tied, others, np.arange(len(above)), 150, 0.95, 100, "x")
    # the logarithm falls by no more than as much again in as many more others
    assert rate.low == pytest.approx(whole * whole / half, abs=0.02)
    assert rate.high == pytest.approx(whole, abs=0.02)


def test_nothing_found_and_too_few_persons() -> None:
    never = rate_among(
        np.full(30, 90), np.zeros(30, int), np.full(30, 100), np.arange(30), 500, 0.95, 100, "x"
    )
    assert (never.value, never.low) == (0.0, 0.0) and never.high > 0.1
    few = rate_among(
        np.zeros(6, int), np.zeros(6, int), np.full(6, 100), np.arange(6), 500, 0.95, 100, "x"
    )
    assert few.value == 1.0 and few.reason.startswith("6 clusters") and np.isnan(few.low)
