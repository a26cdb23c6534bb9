"""The exact order of a row, against a sort of (similarity, position) pairs."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from anonbench.core.numeric.similarity import first

few = st.sampled_from([-1.0, -0.5, -0.0, 0.0, 1e-45, -1e-45, 0.25, 0.5, 1.0])
any_value = st.floats(-1, 1, width=32)
rows = st.integers(1, 60).flatmap(
    lambda n: arrays(np.float32, n, elements=st.one_of(few, any_value))
)


@given(rows, st.data())
def test_the_first_equal_a_plain_sort(values: np.ndarray, data: st.DataObject) -> None:
    k = data.draw(st.integers(1, len(values)))
    expected = sorted(range(len(values)), key=lambda i: (-float(values[i]), i))[:k]
    assert first(values, k).tolist() == expected


@pytest.mark.parametrize("lowest", [-0.5, 0.0, 0.25])
@pytest.mark.parametrize("spread", [0.0, 1e-44, 1e-7, 1.0])
def test_long_rows_with_many_ties(spread: float, lowest: float) -> None:
    generator = np.random.default_rng(3)
    values = (lowest + spread * generator.integers(0, 300, 5000)).astype(np.float32)
    expected = np.argsort(-values.astype(np.float64), kind="stable")
    assert np.array_equal(first(values, 400), expected[:400])
