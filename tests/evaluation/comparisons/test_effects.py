"""Effects of single queries: identities, simulated truths, and shares of a ceiling."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from anonbench.core.numeric.statistics import standard_error
from anonbench.evaluation.comparisons.effect_table import Judged, share_of, tell_apart

# multiples of 1/1024: sums and differences of a few are exact in floating point
SCORES = st.lists(st.integers(0, 1024), min_size=6, max_size=6)


def judged(*scores: float) -> Judged:
    return Judged(*(np.array([score]) for score in scores))


@given(st.lists(SCORES, min_size=1, max_size=8))
def test_both_identities_are_exact_for_every_query(queries: list[list[int]]) -> None:
    scores = np.array(queries, dtype=np.float64).T / 1024
    second, own = Judged(*scores[:3]), Judged(*scores[3:])
    found = tell_apart(second, own)
    np.testing.assert_array_equal(
        1.0 - second.adapted, found["retraining"] + found["anonymizing"] + found["adapting"]
    )
    np.testing.assert_array_equal(own.unadapted - own.adapted, found["adapting"] + found["bias"])


def test_effects_by_hand() -> None:
    found = tell_apart(judged(0.45, 0.40, 0.38), judged(1.0, 0.80, 0.55))
    assert found["retraining"][0] == pytest.approx(0.55)
    assert found["anonymizing"][0] == pytest.approx(0.05)
    assert found["adapting"][0] == pytest.approx(0.02)
    assert found["lead"][0] == pytest.approx(0.25)
    assert found["bias"][0] == pytest.approx(0.23)


def average_precision(reference: np.ndarray, model: np.ndarray, k: int = 10) -> np.ndarray:
    """Return AP of each query, similarities [Q, N]; relevant are the reference's first k."""
    relevant = np.zeros(reference.shape, dtype=bool)
    np.put_along_axis(relevant, np.argsort(-reference, axis=1)[:, :k], True, axis=1)
    hits = np.take_along_axis(relevant, np.argsort(-model, axis=1), axis=1)
    precision = np.cumsum(hits, axis=1) / np.arange(1, hits.shape[1] + 1)
    return np.asarray((precision * hits).sum(axis=1) / k)


@pytest.mark.slow
@pytest.mark.parametrize(("adapting", "is_lost"), [(0.0, False), (0.5, True)])
def test_simulated_trainings_tell_a_cost_of_adapting_from_retrieval_bias(
    adapting: float, is_lost: bool
) -> None:
    """By its own reference the unadapted model leads in any case, and the control is behind.

    A training sees the truth through noise of its own, which an adapted model of its seed shares.
    """
    generator = np.random.default_rng(0)
    costs, leads, gains = [], [], []
    for _ in range(100):
        draws = generator.standard_normal((5, 100, 120))
        one, other = draws[0] + 0.8 * draws[1], draws[0] + 0.8 * draws[2]
        adapted = draws[0] + 0.8 * (0.8 * draws[1] + 0.6 * draws[3]) + adapting * draws[4]
        second = Judged(*(average_precision(other, model) for model in (one, one, adapted)))
        own = Judged(*(average_precision(one, model) for model in (one, one, adapted)))
        found = tell_apart(second, own)
        costs.append(float(found["adapting"].mean()) / standard_error(found["adapting"]))
        leads.append(float(found["lead"].mean()))
        gains.append(float((own.adapted - average_precision(one, other)).mean()))
    assert min(leads) > 0.15
    assert min(gains) > 0  # compared with the control, adapting seems to gain even where it costs
    clear = sum(cost > 1.96 if is_lost else abs(cost) > 1.96 for cost in costs) / len(costs)
    assert clear >= 0.93 if is_lost else clear <= 0.07


@given(
    st.lists(st.tuples(st.integers(-100, 100), st.integers(1, 100)), min_size=1, max_size=20),
)
def test_the_mean_of_shares_is_the_ratio_of_means(pairs: list[tuple[int, int]]) -> None:
    effect, ceiling = (np.array(column, dtype=np.float64) for column in zip(*pairs, strict=True))
    exact = Fraction(sum(a for a, _ in pairs), sum(b for _, b in pairs))
    assert share_of(effect, ceiling).mean() == pytest.approx(float(exact), abs=1e-9)


def test_a_share_of_nothing_is_undefined() -> None:
    assert np.isnan(share_of(np.array([0.1, 0.2]), np.array([0.0, 0.0]))).all()
    assert np.isnan(share_of(np.array([np.nan]), np.array([0.5]))).all()
    found = share_of(np.array([0.1, np.nan, 0.3]), np.array([0.5, 0.5, np.nan]))
    assert found[0] == pytest.approx(0.2) and np.isnan(found[1:]).all()
