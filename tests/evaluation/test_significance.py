"""Paired tests against SciPy, hand computations and what must hold for any scores."""

from __future__ import annotations

import warnings
from math import comb

import numpy as np
import pytest
import scipy.stats
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from anonbench.evaluation.significance import Paired, mcnemar, paired_t

scores = st.integers(2, 25).flatmap(
    lambda n: arrays(np.float64, (2, n), elements=st.integers(0, 5).map(lambda i: i / 5))
)
right = st.integers(1, 40).flatmap(
    lambda n: arrays(np.float64, (2, n), elements=st.integers(0, 1).map(float))
)


@pytest.fixture(autouse=True)
def _no_warnings() -> object:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        yield


def test_t_by_hand() -> None:
    # differences 0.1, 0.3, 0.2: mean 0.2, s = 0.1, t = 0.2 / (0.1 / √3) with 2 degrees of freedom
    result = paired_t(np.array([0.5, 0.9, 0.4]), np.array([0.4, 0.6, 0.2]), 0.95)
    t = 0.2 / (0.1 / np.sqrt(3))
    half = 4.302653 * 0.1 / np.sqrt(3)
    assert result.p == pytest.approx(2 * scipy.stats.t.sf(t, 2))
    assert (result.low, result.high) == pytest.approx((0.2 - half, 0.2 + half))
    assert (result.difference, result.n) == (pytest.approx(0.2), 3)


@given(scores)
def test_t_equals_the_test_of_the_differences(pair: np.ndarray) -> None:
    a, b = pair
    result = paired_t(a, b, 0.9)
    if np.ptp(a - b) < 1e-9:
        same = np.allclose(a, b)
        assert result.p == (1.0 if same else 0.0)
        assert result.low == result.difference == result.high
        return
    expected = scipy.stats.ttest_1samp(a - b, 0.0)
    assert result.p == pytest.approx(expected.pvalue)
    low, high = expected.confidence_interval(0.9)
    assert (result.low, result.high) == pytest.approx((low, high))


@given(scores, st.randoms(), st.booleans())
def test_any_test_is_symmetric_and_knows_no_order(
    pair: np.ndarray, random: object, binary: bool
) -> None:
    test = mcnemar if binary else paired_t
    a, b = np.round(pair) if binary else pair
    result, swapped = test(a, b, 0.95), test(b, a, 0.95)
    order = list(range(len(a)))
    random.shuffle(order)
    shuffled = test(a[order], b[order], 0.95)
    assert 0.0 <= result.p <= 1.0
    assert result.low <= result.difference <= result.high
    assert vars(shuffled) == pytest.approx(vars(result))
    assert swapped.p == pytest.approx(result.p)
    turned = (-swapped.difference, -swapped.high, -swapped.low)
    assert (result.difference, result.low, result.high) == pytest.approx(turned)


def test_differences_without_spread() -> None:
    a = np.array([0.3, 0.6, 0.9])
    assert paired_t(a, a, 0.95) == Paired(0.0, 0.0, 0.0, 1.0, 3)
    shifted = paired_t(a + 0.1, a, 0.95)  # the same but for rounding
    assert shifted.p == 0.0
    assert shifted.low == shifted.high == pytest.approx(0.1)


def test_queries_without_a_score_are_left_out_in_pairs() -> None:
    a = np.array([0.1, np.nan, 0.5, 0.9, 0.2])
    b = np.array([0.3, 0.4, np.nan, 0.5, 0.1])
    both = [0, 3, 4]
    assert paired_t(a, b, 0.9) == paired_t(a[both], b[both], 0.9)
    one = paired_t(a[:2], b[:2], 0.9)
    assert (one.difference, one.n) == (pytest.approx(-0.2), 1)
    assert np.isnan([one.p, one.low, one.high]).all()
    none = paired_t(a[1:2], b[1:2], 0.9)
    assert none.n == 0 and np.isnan(none.difference)


def test_mcnemar_by_hand() -> None:
    # 9 of 20 differ: 8 for a, 1 for b; p = 2 · (C(9,0) + C(9,1)) / 2^9
    a = np.array([1.0] * 8 + [0.0] + [1.0] * 6 + [0.0] * 5)
    b = np.array([0.0] * 8 + [1.0] + [1.0] * 6 + [0.0] * 5)
    result = mcnemar(a, b, 0.95)
    assert result.p == pytest.approx(2 * (comb(9, 0) + comb(9, 1)) / 2**9)
    assert (result.difference, result.n) == (pytest.approx(7 / 20), 20)
    # Agresti and Min: the 2 × 2 table plus a half in each cell
    share = 7 / 22
    error = np.sqrt((8.5 + 1.5) / 22 - share**2) / np.sqrt(22)
    assert result.low == pytest.approx(share - 1.959964 * error)
    assert result.high == pytest.approx(share + 1.959964 * error)


@given(right)
def test_mcnemar_counts_only_what_differs(pair: np.ndarray) -> None:
    a, b = pair
    result = mcnemar(a, b, 0.9)
    only_a, only_b = int(((a == 1) & (b == 0)).sum()), int(((a == 0) & (b == 1)).sum())
    total = only_a + only_b
    tail = sum(comb(total, i) for i in range(min(only_a, only_b) + 1)) / 2**total
    assert result.p == pytest.approx(min(1.0, 2 * tail))
    more = mcnemar(np.append(a, [1, 0, np.nan]), np.append(b, [1, 0, 1]), 0.9)
    assert more.p == result.p and more.n == result.n + 2


def test_mcnemar_without_a_difference_or_an_image() -> None:
    same = mcnemar(np.ones(50), np.ones(50), 0.95)
    assert (same.difference, same.p) == (0.0, 1.0)
    assert -0.05 < same.low < 0.0 < same.high < 0.05
    none = mcnemar(np.array([np.nan]), np.array([1.0]), 0.95)
    assert none.n == 0 and np.isnan(none.p)
    assert mcnemar(np.ones(3), np.zeros(3), 1.0).low == -1.0


@pytest.mark.parametrize("test", [paired_t, mcnemar])
def test_false_findings_are_as_rare_as_they_should_be(test: object) -> None:
    generator = np.random.default_rng(0)
    hard = generator.random(200)  # queries differ far more than systems
    found = covered = 0
    for _ in range(400):
        a, b = (generator.random(200) < hard for _ in range(2))
        if test is paired_t:
            a, b = (hard + 0.1 * generator.standard_normal(200) for _ in range(2))
        result = test(np.asarray(a, float), np.asarray(b, float), 0.95)
        found += result.p < 0.05
        covered += result.low <= 0.0 <= result.high
    assert 0.01 < found / 400 < 0.08
    assert 0.92 < covered / 400 < 0.99
