"""Intervals of scores: by hand, at the ends of their range, and their coverage of new trainings."""

from __future__ import annotations

import numpy as np
import pytest

from anonbench.core.numeric.clusters import clustered_mean
from anonbench.evaluation.scores import retrained_interval

PERSONS = np.repeat(np.arange(10), 3)


def test_an_interval_ends_where_the_score_does() -> None:
    values = np.where(PERSONS == 0, 0.5, 0.99)
    plain, found = (clustered_mean(values, PERSONS, 0.95, 0.0, most) for most in (np.inf, 1.0))
    assert plain.high > 1.0 and found.high == 1.0
    assert (found.value, found.low, found.se) == (plain.value, plain.low, plain.se)
    assert clustered_mean(-values, PERSONS, 0.95, -1.0, 1.0).low == -1.0


def test_new_trainings_need_three_seeds() -> None:
    scores = np.random.default_rng(0).random((3, 30))
    for count, reason in ((1, "1 seed, "), (2, "2 seeds, ")):
        found = retrained_interval(scores[:count], PERSONS, 0.95)
        assert found.reason.startswith(reason) and np.isnan([found.low, found.high]).all()
        assert found.value == pytest.approx(scores[:count].mean())
    assert retrained_interval(scores, PERSONS // 2, 0.95).reason.startswith("5 clusters")
    queries = clustered_mean(scores.mean(axis=0), PERSONS, 0.95)
    whole = retrained_interval(scores, PERSONS, 0.95)
    seeds = scores.mean(axis=1).var(ddof=1) / 3
    assert whole.se == pytest.approx(np.sqrt(queries.se**2 + seeds))
    # Satterthwaite's: nine degrees of freedom of ten persons, two of three seeds
    assert whole.df == pytest.approx(whole.se**4 / (queries.se**4 / 9 + seeds**2 / 2))
    assert retrained_interval(scores[[0, 0, 0]], PERSONS, 0.95).se == pytest.approx(
        clustered_mean(scores[0], PERSONS, 0.95).se
    )


@pytest.mark.parametrize("between", [0.0, 0.02, 0.04])
def test_the_interval_of_new_trainings_covers_their_mean(between: float) -> None:
    generator, covered, over_queries = np.random.default_rng(0), 0, 0
    persons = np.repeat(np.arange(40), 4)
    for _ in range(400):
        hard = generator.normal(0.5, 0.1, 40)[persons] + generator.normal(0, 0.1, 160)
        scores = hard + generator.normal(0, between, (3, 1)) + generator.normal(0, 0.05, (3, 160))
        found = retrained_interval(scores, persons, 0.95)
        covered += found.low <= 0.5 <= found.high
        queries = clustered_mean(scores.mean(axis=0), persons, 0.95)
        over_queries += queries.low <= 0.5 <= queries.high
    assert 0.92 <= covered / 400 <= 0.98
    assert between < 0.04 or over_queries / 400 < 0.87
