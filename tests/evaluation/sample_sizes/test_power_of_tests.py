"""Variance components by hand and by simulation; clusters needed by tables and simulation."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.stats
from hypothesis import given
from hypothesis import strategies as st

from anonbench.core.numeric.clusters import clustered_mean
from anonbench.evaluation.sample_sizes.variance import (
    Components,
    clusters_needed,
    variance_components,
)

TRUE = Components(seed=0.04, cluster=0.5, query=1.0, seed_cluster=0.2, seed_query=0.6)
SIZES = np.r_[np.full(10, 2), np.full(8, 6), 12]
SINGLE = Components(float("nan"), 0.0, 1.0, 0.0, 0.0)


def trainings(
    generator: np.random.Generator, parts: Components, seeds: int, sizes: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return scores [S, N] with these variance components, and the labels of the clusters [N]."""
    labels = np.repeat(np.arange(len(sizes)), sizes)

    def draw(variance: float, *shape: int) -> np.ndarray:
        return np.sqrt(variance) * generator.standard_normal(shape)

    scores = draw(parts.seed, seeds, 1) + draw(parts.cluster, 1, len(sizes))[:, labels]
    scores = scores + draw(parts.query, 1, len(labels))
    scores = scores + draw(parts.seed_cluster, seeds, len(sizes))[:, labels]
    return scores + draw(parts.seed_query, seeds, len(labels)), labels


def test_one_seed_by_hand() -> None:
    # clusters (1, 3), (5, 7): means 2 and 6; within 4 / 2 = 2, between 2 · (2² + 2²) / 1 = 16
    parts = variance_components(np.array([[1.0, 3.0, 5.0, 7.0]]), np.array(["a", "a", "b", "b"]))
    assert (parts.cluster, parts.query) == (pytest.approx((16 - 2) / 2), pytest.approx(2.0))
    assert np.isnan(parts.seed)
    assert (parts.seed_cluster, parts.seed_query) == (0.0, 0.0)


def test_the_components_of_unequal_clusters_are_right_on_average() -> None:
    generator = np.random.default_rng(0)
    found = [
        list(vars(variance_components(*trainings(generator, TRUE, 4, SIZES))).values())
        for _ in range(800)
    ]
    # those cut at zero are a little too high; no component of these is often cut
    expected = [TRUE.seed, TRUE.cluster, TRUE.query, TRUE.seed_cluster, TRUE.seed_query]
    assert np.mean(found, axis=0) == pytest.approx(expected, rel=0.12, abs=0.01)


@pytest.mark.parametrize(
    ("seeds", "parts", "right"),
    [
        (2, Components(0.0, 0.5, 1.0, 0.9, 3.0), ["cluster", "query", "seed_cluster"]),
        (12, Components(0.05, 0.5, 1.0, 0.0, 6.0), ["seed", "query", "seed_query"]),
    ],
)
def test_interactions_are_taken_off_what_they_add_to(
    seeds: int, parts: Components, right: list[str]
) -> None:
    generator, sizes = np.random.default_rng(5), np.tile(SIZES, 4)
    found = [variance_components(*trainings(generator, parts, seeds, sizes)) for _ in range(200)]
    for name in right:
        average = np.mean([getattr(each, name) for each in found])
        assert average == pytest.approx(getattr(parts, name), rel=0.12), name


def test_one_seed_s_components_hold_the_interactions() -> None:
    generator = np.random.default_rng(1)
    found = [variance_components(*trainings(generator, TRUE, 1, SIZES)) for _ in range(800)]
    assert np.mean([parts.cluster for parts in found]) == pytest.approx(0.7, rel=0.12)
    assert np.mean([parts.query for parts in found]) == pytest.approx(1.6, rel=0.05)


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
    assert (parts.seed_cluster, parts.seed_query) == pytest.approx((0.0, 0.0), abs=1e-12)
    alone = variance_components(values, labels)
    assert (parts.cluster, parts.query) == pytest.approx((alone.cluster, alone.query))


def power(parts: Components, clusters: int, queries: float, difference: float) -> float:
    """Return the chance of a t test, by SciPy."""
    spread = np.sqrt((parts.cluster + parts.query / queries) / clusters)
    bound = scipy.stats.t.ppf(0.975, clusters - 1)
    return float(scipy.stats.nct.sf(bound, clusters - 1, difference / spread))


@pytest.mark.parametrize(("effect", "needed"), [(0.2, 199), (0.5, 34), (0.8, 15)])
def test_paired_t_tests_need_what_cohens_tables_say(effect: float, needed: int) -> None:
    assert clusters_needed(SINGLE, 1, effect, 0.95, 0.8) == needed
    assert clusters_needed(SINGLE, 1, -effect, 0.95, 0.8) == needed


def test_as_many_as_are_needed_show_it_in_simulated_archives() -> None:
    generator = np.random.default_rng(4)
    parts = Components(0.0, 0.01, 0.02, 0.0, 0.0)
    needed = clusters_needed(parts, 4, 0.07, 0.95, 0.8)
    assert needed is not None
    found = 0
    for _ in range(1500):
        values, labels = trainings(generator, parts, 1, np.full(needed, 4))
        found += clustered_mean(values[0] + 0.07, labels, 0.95).low > 0
    assert found / 1500 == pytest.approx(0.8, abs=0.04)


@given(st.floats(0.02, 1.0), st.floats(1, 20), st.floats(0.0, 1.0))
def test_the_clusters_needed_are_the_fewest_that_are_enough(
    difference: float, queries: float, cluster: float
) -> None:
    parts = Components(float("nan"), cluster, 0.3, 0.0, 0.0)
    needed = clusters_needed(parts, queries, difference, 0.95, 0.8)
    assert needed is not None
    assert power(parts, needed, queries, difference) >= 0.8 - 1e-6
    assert needed == 8 or power(parts, needed - 1, queries, difference) < 0.8 + 1e-6


def test_scores_that_never_differ_need_the_fewest_clusters() -> None:
    nothing = Components(float("nan"), 0.0, 0.0, 0.0, 0.0)
    assert clusters_needed(nothing, 1, 0.1, 0.95, 0.8) == 8


def test_what_is_not_known_needs_no_number() -> None:
    unknown = Components(*[float("nan")] * 5)
    assert clusters_needed(unknown, 1, 0.1, 0.95, 0.8) is None
