from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from anonbench.evaluation.privacy.worst_off import worst_off


def probes(chances: np.ndarray, each: int, seed: int = 0) -> pd.DataFrame:
    """Return probes of persons who are found with these probabilities."""
    hits = np.random.default_rng(seed).uniform(size=(len(chances), each)) < chances[:, None]
    return pd.DataFrame(
        {
            "cluster": np.repeat(np.arange(len(chances)), each),
            "id": [f"{n:05d}" for n in range(hits.size)],
            "order": 0,
            "hit_1": hits.ravel().astype(np.float64),
        }
    )


def test_the_luck_of_being_chosen_is_not_counted() -> None:
    alike = probes(np.full(300, 0.3), 6)
    found = worst_off(alike, 1, 0.95)
    mean = alike["hit_1"].mean()
    naive = alike.groupby("cluster")["hit_1"].mean().nlargest(30).mean()
    assert naive > mean + 0.3
    assert abs(found.value - mean) < 0.1 and found.low < mean < found.high


def test_persons_who_are_easily_told_are_found() -> None:
    few = np.where(np.arange(200) < 20, 0.95, 0.05)
    found = worst_off(probes(few, 8), 1, 0.95)
    assert found.value > 0.8 and found.low > 0.6
    assert (found.n, found.clusters) == (1600, 200)


def test_too_few_persons_give_a_reason_and_no_number() -> None:
    sure = (np.arange(40) < 2).astype(float)
    for chances, each in ((sure, 6), (np.full(9, 0.5), 6), (np.full(200, 0.5), 3)):
        found = worst_off(probes(chances, each), 1, 0.95)
        assert np.isnan([found.value, found.low, found.high]).all()
        assert "are needed" in found.reason


@pytest.mark.parametrize("hit", [0.0, 1.0])
def test_where_all_are_alike_the_tenth_is_everybody(hit: float) -> None:
    found = worst_off(probes(np.full(30, hit), 4), 1, 0.95)
    assert found.value == hit and found.effective == pytest.approx(30)
    assert found.low < found.high


@given(st.integers(0, 999), st.integers(10, 120), st.integers(4, 7))
@settings(max_examples=8, deadline=None)
def test_the_order_of_probes_and_the_names_of_persons_do_not_matter(
    seed: int, persons: int, each: int
) -> None:
    given = probes(np.linspace(0, 0.9, persons), each, seed)
    other = given.sample(frac=1, random_state=seed).assign(cluster=lambda t: -t["cluster"])
    first, second = worst_off(given, 1, 0.9), worst_off(other, 1, 0.9)
    assert first.reason == second.reason
    if not first.reason:
        assert first.value == pytest.approx(second.value) and 0 <= first.low <= first.high <= 1
