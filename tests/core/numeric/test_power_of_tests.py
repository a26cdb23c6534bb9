"""Variance components by hand and by simulation; power against tables, SciPy and simulation."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.stats
from hypothesis import given
from hypothesis import strategies as st

from anonbench.core.numeric.clusters import clustered_mean, design_effect
from anonbench.core.numeric.power import (
    Components,
    Design,
    clusters_needed,
    detectable_difference,
    equivalence_power,
    power,
    queries_needed,
    standard_error,
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


def test_the_standard_error_is_that_of_the_data_it_was_made_from() -> None:
    values, labels = trainings(np.random.default_rng(3), TRUE, 1, np.full(40, 5))
    parts = variance_components(values, labels)
    se, df = standard_error(parts, Design(40, 5), new_trainings=False)
    seen = clustered_mean(values[0], labels, 0.95)
    assert (se, df) == (pytest.approx(seen.se), pytest.approx(seen.df))
    effect = (5 * parts.cluster + parts.query) / (parts.cluster + parts.query)
    assert effect == pytest.approx(design_effect(values[0], labels), rel=0.03)


def test_new_trainings_count_the_variance_between_seeds() -> None:
    trained, _ = standard_error(TRUE, Design(100, 5, 3), new_trainings=False)
    anew, df = standard_error(TRUE, Design(100, 5, 3), new_trainings=True)
    assert anew**2 == pytest.approx(trained**2 + 0.04 / 3)
    assert 2 < df < 10  # three seeds leave two degrees of freedom, which clusters hardly add to
    assert np.isnan(standard_error(TRUE, Design(100, 5, 1), new_trainings=True)).all()


@pytest.mark.parametrize(("effect", "needed"), [(0.2, 199), (0.5, 34), (0.8, 15)])
def test_paired_t_tests_need_what_cohens_tables_say(effect: float, needed: int) -> None:
    assert clusters_needed(SINGLE, Design(0, 1), effect, 0.95, 0.8) == needed


@given(st.floats(0.05, 1.5), st.integers(8, 300))
def test_power_is_scipys_noncentral_t(effect: float, clusters: int) -> None:
    df = clusters - 1
    bound = scipy.stats.t.ppf(0.975, df)
    expected = scipy.stats.nct.sf(bound, df, effect * np.sqrt(clusters))
    found = power(SINGLE, Design(clusters, 1), effect, 0.95)
    assert found == pytest.approx(expected, abs=1e-6)
    assert power(SINGLE, Design(clusters, 1), -effect, 0.95) == found


def test_power_is_what_simulated_archives_find() -> None:
    generator = np.random.default_rng(4)
    parts = Components(0.0, 0.01, 0.02, 0.0, 0.0)
    found = equal = 0
    for _ in range(1500):
        values, labels = trainings(generator, parts, 1, np.full(30, 4))
        result = clustered_mean(values[0], labels, 0.95)
        found += result.low > -0.07  # as often as a true difference of 0.07 is above 0
        equal += result.low > -0.07 and result.high < 0.07
    design = Design(30, 4)
    assert found / 1500 == pytest.approx(power(parts, design, 0.07, 0.95), abs=0.03)
    assert equal / 1500 == pytest.approx(equivalence_power(parts, design, 0.07, 0.95), abs=0.03)


@given(st.floats(0.02, 1.0), st.floats(1, 20), st.floats(0.0, 1.0))
def test_the_clusters_needed_are_the_fewest_that_are_enough(
    difference: float, queries: float, cluster: float
) -> None:
    parts = Components(float("nan"), cluster, 0.3, 0.0, 0.0)
    needed = clusters_needed(parts, Design(0, queries), difference, 0.95, 0.8)
    assert needed is not None
    assert power(parts, Design(needed, queries), difference, 0.95) >= 0.8
    assert needed == 8 or power(parts, Design(needed - 1, queries), difference, 0.95) < 0.8


@given(st.integers(8, 500), st.floats(0.3, 0.99))
def test_the_detectable_difference_has_the_power_that_is_wanted(
    clusters: int, wanted: float
) -> None:
    parts, design = Components(float("nan"), 0.02, 0.3, 0.0, 0.0), Design(clusters, 4)
    difference = detectable_difference(parts, design, 0.95, wanted)
    assert power(parts, design, difference, 0.95) == pytest.approx(wanted, abs=1e-4)


def test_what_shows_nothing_has_no_detectable_difference() -> None:
    assert np.isnan(detectable_difference(SINGLE, Design(7, 5), 0.95, 0.8))
    assert np.isnan(detectable_difference(SINGLE, Design(9, 5), 0.95, 0.8, new_trainings=True))


def test_no_number_of_images_makes_up_for_few_trainings() -> None:
    seeds = Design(0, 5, 3)
    assert clusters_needed(TRUE, seeds, 0.1, 0.95, 0.8, new_trainings=True) is None
    assert clusters_needed(TRUE, seeds, 0.1, 0.95, 0.8) is not None
    assert clusters_needed(SINGLE, seeds, 0.1, 0.95, 0.8, new_trainings=True) is None


def test_more_queries_help_only_as_far_as_clusters_are_alike() -> None:
    parts = Components(float("nan"), 0.01, 0.3, 0.0, 0.0)
    enough = queries_needed(parts, Design(40, 1), 0.06, 0.95, 0.8)
    assert enough is not None and enough > 1
    assert power(parts, Design(40, enough), 0.06, 0.95) >= 0.8
    assert power(parts, Design(40, enough - 1), 0.06, 0.95) < 0.8
    assert queries_needed(parts, Design(40, 1), 0.04, 0.95, 0.8) is None


def test_equivalence_takes_more_than_a_difference_of_the_margin() -> None:
    # z of 0.975 and of 0.9 in place of 0.8: (1.96 + 1.28)² against (1.96 + 0.84)² independent ones
    needed = [
        clusters_needed(SINGLE, Design(0, 1), 0.1, 0.95, 0.8, chance=chance)
        for chance in (power, equivalence_power)
    ]
    assert needed == [787, 1053]


def test_too_few_clusters_show_nothing() -> None:
    assert power(SINGLE, Design(7, 100), 50.0, 0.95) == 0.0
    nothing = Components(float("nan"), 0.0, 0.0, 0.0, 0.0)
    assert (power(nothing, Design(8, 1), 0.1, 0.95), power(nothing, Design(8, 1), 0, 0.95)) == (
        1,
        0,
    )
