"""Corrected scores: 0 at the floor, 1 at the ceiling, and nothing where there is no room."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from anonbench.evaluation.scores import corrected

shares = st.floats(0, 1)


@given(shares, shares, shares)
def test_floor_and_ceiling_are_nought_and_one(score: float, floor: float, ceiling: float) -> None:
    assume(ceiling - floor > 1e-6)
    assert corrected(floor, floor, ceiling) == 0.0
    assert corrected(ceiling, floor, ceiling) == 1.0
    value = float(corrected(score, floor, ceiling))
    assert floor + value * (ceiling - floor) == pytest.approx(score, abs=1e-9)
    assert (value > 0) == (score > floor) and (value > 1) == (score > ceiling)


@pytest.mark.parametrize(
    ("floor", "ceiling"), [(0.4, 0.4), (0.5, 0.4), (math.nan, 0.4), (0.1, math.nan)]
)
def test_without_room_there_is_no_score(floor: float, ceiling: float) -> None:
    assert np.isnan(corrected([0.2, 0.6], floor, ceiling)).all()
