"""Tests of a table's column against SciPy, and the rows that may be the best."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import scipy.stats

from anonbench.core.numeric.rates import paired_rate_difference
from anonbench.evaluation.comparisons.pairwise import compare_pairs

PERSONS = np.repeat(np.arange(40), 5)


@pytest.fixture
def scores() -> pd.DataFrame:
    """Three rows of which A and B have the same true mean."""
    generator = np.random.default_rng(0)
    hard = generator.normal(0.5, 0.2, 40)[PERSONS]
    truth = {"control": -0.2, "A": 0.0, "B": 0.0}
    return pd.DataFrame(
        {name: hard + shift + generator.normal(0, 0.05, 200) for name, shift in truth.items()}
    )


def test_a_p_value_of_independent_queries_is_students(scores: pd.DataFrame) -> None:
    table = compare_pairs(scores, np.arange(200), 0.03, 0.95, hits=False)
    expected = scipy.stats.ttest_rel(scores["A"], scores["B"]).pvalue
    assert table.iloc[2]["p"] == pytest.approx(expected)


def test_hits_have_intervals_of_shares(scores: pd.DataFrame) -> None:
    right = (scores > 0.5).astype(float)
    table = compare_pairs(right, PERSONS, 0.03, 0.95, hits=True)
    expected = paired_rate_difference(
        right["control"].to_numpy(), right["A"].to_numpy(), PERSONS, 0.95
    )
    assert (table.iloc[0]["low"], table.iloc[0]["high"]) == (expected.low, expected.high)
    same = compare_pairs(right.assign(A=right["B"]), PERSONS, 0.03, 0.95, hits=True).iloc[2]
    assert same["low"] < 0.0 < same["high"] and same["p"] == 1.0
