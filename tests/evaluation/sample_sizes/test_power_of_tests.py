"""Variance components by hand and by simulation; clusters needed by tables and simulation."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from anonbench.core.numeric.clusters import clustered_mean
from anonbench.evaluation.sample_sizes import POWER, clusters_needed, variance_components

Parts = tuple[float, float, float, float, float]
TRUE = 0.04, 0.5, 1.0, 0.2, 0.6
SIZES = np.r_[np.full(10, 2), np.full(8, 6), 12]


def trainings(
    generator: np.random.Generator, parts: Parts, seeds: int, sizes: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return scores [S, N] and the labels of the clusters [N].

    The variances are those between trainings, clusters and queries, and of a training with either.
    """
    seed, cluster, query, seed_cluster, seed_query = parts
    labels = np.repeat(np.arange(len(sizes)), sizes)

    def draw(variance: float, *shape: int) -> np.ndarray:
        return np.sqrt(variance) * generator.standard_normal(shape)

    scores = draw(seed, seeds, 1) + draw(cluster, 1, len(sizes))[:, labels]
    scores = scores + draw(query, 1, len(labels))
    scores = scores + draw(seed_cluster, seeds, len(sizes))[:, labels]
    return scores + draw(seed_query, seeds, len(labels)), labels


def test_one_seed_by_hand() -> None:
    # clusters (1, 3), (5, 7): means 2 and 6; within 4 / 2 = 2, between 2 · (2² + 2²) / 1 = 16
    parts = variance_components(np.array([[1.0, 3.0, 5.0, 7.0]]), np.array(["a", "a", "b", "b"]))
    assert (parts.cluster, parts.query) == (pytest.approx((16 - 2) / 2), pytest.approx(2.0))
    assert np.isnan(parts.seed)


@pytest.mark.parametrize(
    ("seeds", "parts", "copies"),
    [
        (4, TRUE, 1),
        (2, (0.0, 0.5, 1.0, 0.9, 3.0), 4),
        (12, (0.05, 0.5, 1.0, 0.0, 6.0), 4),
    ],
)
def test_interactions_are_taken_off_what_they_add_to(seeds: int, parts: Parts, copies: int) -> None:
    generator, sizes = np.random.default_rng(5), np.tile(SIZES, copies)
    found = [variance_components(*trainings(generator, parts, seeds, sizes)) for _ in range(400)]
    seed, *others = np.mean(found, axis=0)
    assert others == pytest.approx(parts[1:3], rel=0.12)
    if parts[0]:  # those cut at zero are too high
        assert seed == pytest.approx(parts[0], rel=0.2)


def test_clusters_of_one_query_have_no_variance_of_their_own() -> None:
    values = np.random.default_rng(2).random((1, 30))
    parts = variance_components(values, np.arange(30))
    assert parts.cluster == 0.0 and parts.query == pytest.approx(values.var(ddof=1))
    assert np.isnan(variance_components(values, np.zeros(30)).query)


@given(st.integers(0, 1000))
def test_a_seed_that_adds_a_constant_is_a_seed(number: int) -> None:
    generator = np.random.default_rng(number)
    values, labels = trainings(generator, TRUE, 1, SIZES)
    shifts = generator.random((3, 1))
    parts = variance_components(values + shifts, labels)
    assert parts.seed == pytest.approx(shifts.var(ddof=1))
    assert parts[1:] == pytest.approx(variance_components(values, labels)[1:])


@pytest.mark.parametrize(("effect", "needed"), [(0.2, 199), (0.5, 34), (0.8, 15)])
def test_paired_t_tests_need_what_cohens_tables_say(effect: float, needed: int) -> None:
    values = np.tile([-1.0, 1.0], 20)
    values /= values.std(ddof=1)
    assert clusters_needed(values, np.arange(40), effect, 0.95) == needed


def differences(
    generator: np.random.Generator, sizes: np.ndarray, shift: float
) -> tuple[np.ndarray, np.ndarray]:
    """Return differences of mean `shift`, alike within persons, and their persons."""
    values, persons = trainings(generator, (0.0, 0.06**2, 0.12**2, 0.0, 0.0), 1, sizes)
    return shift + values[0], persons


def test_with_as_many_as_are_needed_the_difference_is_shown() -> None:
    generator = np.random.default_rng(1)
    pilot = [
        clusters_needed(*differences(generator, np.full(60, 6), 0.0), 0.02, 0.95)
        for _ in range(100)
    ]
    needed = int(np.median([number or 0 for number in pilot]))
    assert needed > 60
    found = 0
    for _ in range(600):
        result = clustered_mean(*differences(generator, np.full(needed, 6), 0.02), 0.95)
        found += result.low > 0
    assert found / 600 == pytest.approx(POWER, abs=0.06)


def test_few_clusters_need_eight_and_one_tells_nothing() -> None:
    values, forms = differences(np.random.default_rng(3), np.full(4, 30), 0.0)
    needed = clusters_needed(np.append(values, np.nan), np.append(forms, 9), 0.1, 0.95)
    assert needed is not None and needed >= 8
    assert clusters_needed(np.zeros(9), np.arange(9), 0.1, 0.95) == 8
    for few in (values, values[:0]):
        assert clusters_needed(few, np.zeros(len(few)), 0.1, 0.95) is None
    assert clusters_needed(values, forms, 1e-12, 0.95) is None


def test_more_persons_are_needed_where_one_has_most_images() -> None:
    generator = np.random.default_rng(4)
    equal = clusters_needed(*differences(generator, np.full(40, 6), 0.0), 0.02, 0.95)
    values, persons = differences(generator, np.r_[np.full(39, 3), 123], 0.0)
    unequal = clusters_needed(values, persons, 0.02, 0.95)
    assert equal is not None and unequal is not None
    assert unequal > 2 * equal
