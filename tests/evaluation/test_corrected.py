"""Corrected scores: 0 at the floor, 1 at the ceiling, and nothing where there is no room."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from anonbench.evaluation.scores import ceilings, corrected, with_corrected

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


def table() -> pd.DataFrame:
    """Scores of the control and two models; mAP and k-NN accuracy."""
    columns = ["method", "adaption", "seed", "query", "metric", "value", "low", "high", "floor"]
    rows = [
        ("original", "unadapted", 0, "original", "map", 1.0, 1.0, 1.0, 0.2),
        ("original", "control", 1, "original", "map", 0.5, 0.4, 0.6, 0.2),
        ("original", "control", 2, "original", "map", 0.6, 0.5, 0.7, 0.2),
        ("original", "unadapted", 0, "", "knn", 0.7, 0.6, 0.8, 0.5),
        ("original", "control", 1, "", "knn", 0.9, 0.8, 1.0, 0.5),
        ("blur", "control", 1, "original", "map", 0.45, 0.35, 0.55, 0.1),
        ("blur", "A", 0, "original", "map", 0.325, 0.1, 0.55, 0.1),
        ("blur", "A", 0, "anonymized", "map", 0.2, 0.15, 0.25, 0.2),
        ("blur", "A", 0, "", "knn", 0.6, 0.5, 0.7, 0.5),
        ("blur", "A", 0, "original", "tau", 0.6, 0.5, 0.7, 0.0),
    ]
    return pd.DataFrame(rows, columns=columns)


def test_the_ceiling_is_the_control_on_originals_and_for_accuracies_the_originals() -> None:
    found = ceilings(table())
    assert found.to_dict() == {"map": pytest.approx(0.55), "knn": pytest.approx(0.7)}


def test_every_row_by_its_own_floor() -> None:
    scores = table()
    found = with_corrected(scores)
    added = ["ceiling", "corrected", "corrected_low", "corrected_high"]
    assert list(found.columns) == [*scores.columns, *added]
    pd.testing.assert_frame_equal(found[scores.columns], scores)
    blurred = found[found["method"] == "blur"].iloc[1:]
    assert blurred["corrected"].tolist() == pytest.approx([0.5, 0.0, 0.5, math.nan], nan_ok=True)
    assert blurred["corrected_low"].tolist()[0] == pytest.approx(0.0)
    assert blurred["corrected_high"].tolist()[0] == pytest.approx(1.0)
    assert found["corrected"].iloc[0] > 1.0  # the reference's own model


def test_without_a_control_rankings_have_no_ceiling() -> None:
    scores = table()
    found = with_corrected(scores[scores["adaption"] != "control"])
    assert found.loc[found["metric"] == "map", "corrected"].isna().all()
    assert found.loc[found["metric"] == "knn", "corrected"].notna().all()
