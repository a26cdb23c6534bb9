"""The exact order of a row, against a sort of (similarity, position) pairs."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from anonbench.core.numeric.topk import WORD, Order, sort_keys, sorted_words

few = st.sampled_from([-1.0, -0.5, -0.0, 0.0, 1e-45, -1e-45, 0.25, 0.5, 1.0])
any_value = st.floats(-1, 1, width=32)
rows = st.integers(1, 60).flatmap(
    lambda n: arrays(np.float32, n, elements=st.one_of(few, any_value))
)


def plain_order(values: np.ndarray) -> list[int]:
    return sorted(range(len(values)), key=lambda i: (-float(values[i]), i))


@given(rows, st.data())
def test_the_first_equal_a_plain_sort(values: np.ndarray, data: st.DataObject) -> None:
    k = data.draw(st.integers(1, len(values)))
    assert Order(values).first(k).tolist() == plain_order(values)[:k]


@given(rows)
def test_words_come_in_the_order_of_values(values: np.ndarray) -> None:
    block = np.stack([values, values[::-1]])
    words = 3 * np.arange(len(values))
    expected = [[3 * i for i in plain_order(row)] for row in block]
    assert sorted_words(block, words).tolist() == expected
    assert (sort_keys(block, words) & WORD).tolist() == [words.tolist()] * 2


@pytest.mark.parametrize("lowest", [-0.5, 0.0, 0.25])
@pytest.mark.parametrize("spread", [0.0, 1e-44, 1e-7, 1.0])
def test_long_rows_with_many_ties(spread: float, lowest: float) -> None:
    generator = np.random.default_rng(3)
    values = (lowest + spread * generator.integers(0, 300, 5000)).astype(np.float32)
    expected = np.argsort(-values.astype(np.float64), kind="stable")
    assert np.array_equal(Order(values).first(400), expected[:400])
    assert np.array_equal(sorted_words(values, np.arange(5000)), expected)


def test_the_first_are_found_where_a_sample_misleads() -> None:
    values = np.linspace(0.5, 0.1, 4096, dtype=np.float32)
    values[::16] += 0.5  # the sample has all that is large
    assert Order(values).first(300).tolist() == plain_order(values)[:300]
