"""Expected scores of random rankings against random rankings."""

from __future__ import annotations

from fractions import Fraction
from math import comb, perm

import numpy as np
import pytest

from anonbench.config import Retrieval
from anonbench.embedding.store import Embeddings
from anonbench.evaluation.retrieval.scoring import chance
from anonbench.evaluation.retrieval.scoring.metrics import Measures
from anonbench.evaluation.retrieval.stage.scenario import score

RANKINGS = 20_000


@pytest.mark.parametrize(
    ("images", "k", "top", "include_self"),
    [(30, 6, 4, True), (12, 5, 10, True), (12, 11, 30, False), (7, 7, 3, True), (4, 1, 1, True)],
)
def test_levels_are_the_means_of_random_rankings(
    images: int, k: int, top: int, include_self: bool
) -> None:
    settings = Retrieval(top=top, persistence=0.8, ap_depth="k", include_self=include_self)
    measures = Measures(settings, k, images)
    retrievable = images if include_self else images - 1
    generator = np.random.default_rng(0)
    places = generator.permuted(np.tile(np.arange(retrievable), (RANKINGS, 1)), axis=1)
    places = np.minimum(places[:, : measures.depth], measures.depth)
    similarity = np.ones((RANKINGS, k), np.float32)
    scores = measures.scores(places, None, similarity, np.ones(RANKINGS))
    expected = chance.levels(images, k, settings)
    for metric, level in expected.items():
        values = scores["ap" if metric == "map" else metric]
        error = values.std() / np.sqrt(RANKINGS)
        rare = 1e-5  # what may not happen once
        assert values.mean() == pytest.approx(level, abs=4.5 * error + rare), metric


@pytest.mark.parametrize(("images", "k"), [(100, 5), (240, 12)])
def test_a_random_model_reaches_the_floor_by_asking_with_its_own_vectors(
    images: int, k: int
) -> None:
    """At the sizes of the demo, chance is less than half of what a random model reaches."""
    draw = np.random.default_rng(0).standard_normal
    ids = [f"{number:03d}" for number in range(images)]
    values = []
    for _ in range(10):
        reference, model = (
            Embeddings(ids, draw((images, 48)).astype(np.float32)) for _ in range(2)
        )
        scores = score(reference, {"anonymized": model}, model, Retrieval())
        values.append(scores.table[["ap", "overlap", "rbo", "tau"]].mean().to_numpy())
    level = chance.levels(images, k, Retrieval(), own_first=True)
    expected = [level[name] for name in ("map", "overlap", "rbo", "tau")]
    error = np.std(values, axis=0, ddof=1) / np.sqrt(len(values))
    assert (np.abs(np.mean(values, axis=0) - expected) < 4.5 * error).all()
    assert chance.levels(images, k, Retrieval())["map"] < level["map"] / 2


def test_without_own_images_there_is_one_level() -> None:
    settings = Retrieval(include_self=False)
    assert chance.levels(50, 4, settings, own_first=True) == chance.levels(50, 4, settings)


@pytest.mark.parametrize("images", [1, 2])
def test_the_own_image_is_all_that_has_to_be_found(images: int) -> None:
    levels = chance.levels(images, 1, Retrieval(top=1), own_first=True)
    assert all(level == pytest.approx(1.0) for level in levels.values())


def test_one_image_is_always_found() -> None:
    levels = chance.levels(1, 1, Retrieval())
    assert all(level == pytest.approx(1.0) for level in levels.values())


def exact(size: int, k: int, top: int, persistence: Fraction) -> dict[str, Fraction]:
    """The same expectations as rational numbers, from the distribution of what lists share."""
    shared = {
        z: Fraction(comb(top, z) * comb(size - top, top - z), comb(size, top))
        for z in range(max(0, 2 * top - size), top + 1)
    }
    worst = Fraction(top * (3 * top - 1), 2)
    tau = Fraction(0)
    for z, share in shared.items():
        alone = top - z
        # Pairs of shared images are discordant in half of the cases and cost 1. So are a shared
        # image and one of either list (2 · z · alone). One of each list always costs 1, two of the
        # same list 1/2.
        cost = Fraction(z * (z - 1), 4) + z * alone + alone * alone
        cost += Fraction(alone * (alone - 1), 2)
        tau += share * (1 - 2 * cost / worst)
    terms = (persistence**depth * Fraction(depth, size) for depth in range(1, k + 1))
    rbo = sum(terms, Fraction(0)) * (1 - persistence) / persistence
    return {
        "overlap": Fraction(k, size),
        "overlap_top": Fraction(top, size),
        "unchanged": Fraction(1, perm(size, top)),
        "tau": tau,
        "rbo": rbo + Fraction(k, size) * persistence**k,
    }


@pytest.mark.parametrize(
    ("images", "top"),
    [(1, 1), (2, 1), (2, 2), (3, 2), (300, 1), (300, 140), (300, 299), (300, 300), (300, 1000)],
)
@pytest.mark.parametrize("include_self", [True, False])
def test_levels_are_exact(images: int, top: int, include_self: bool) -> None:
    size = images if include_self else images - 1
    if not size:
        return
    k = max(1, size // 20)
    settings = Retrieval(top=top, persistence=0.75, include_self=include_self)
    found = chance.levels(images, k, settings)
    for metric, level in exact(size, k, min(top, size), Fraction(3, 4)).items():
        assert found[metric] == pytest.approx(float(level), rel=1e-12, abs=1e-15), metric


def test_levels_of_large_archives_are_numbers() -> None:
    for images in (10**6, 5 * 10**6):
        levels = chance.levels(images, images // 20, Retrieval(top=1000))
        assert all(np.isfinite(level) and -1.0 <= level <= 1.0 for level in levels.values())
        assert levels["unchanged"] == 0.0 < chance.levels(images, 10, Retrieval(top=2))["unchanged"]
