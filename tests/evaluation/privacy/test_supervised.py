"""Supervised attack: leaks that are planted are found, and where there is none it is at chance."""

from typing import Any

import numpy as np
import pytest

from anonbench.core.numeric.seeding import rng
from anonbench.core.numeric.similarity import unit_rows
from anonbench.core.registries.attacks import AttackNotPossibleError
from anonbench.evaluation.privacy.probes import hit_rates, places
from anonbench.evaluation.privacy.supervised import TrainingSet, learn

WIDTH = 24


def crops(seed: object, persons: int, photos: int, noise: float = 0.5) -> tuple[Any, Any]:
    """Return unit vectors of photographs of persons, and the person of each."""
    who = np.repeat(np.arange(persons), photos)
    faces = rng("faces", seed).normal(size=(persons, WIDTH))[who]
    return unit_rows(faces + noise * rng("light", seed).normal(size=faces.shape)), who


def permuted(clear: np.ndarray) -> np.ndarray:
    return clear[:, rng("permutation").permutation(WIDTH)]


def weakly_leaked(clear: np.ndarray) -> np.ndarray:
    """Show four coordinates, faintly, among strong noise in all the others."""
    hidden = 3 * rng("strong noise", len(clear)).normal(size=clear.shape)
    hidden[:, :4] = 0.05 * clear[:, :4]
    return hidden.astype(np.float32)


def masked(clear: np.ndarray) -> np.ndarray:
    return np.full_like(clear, 0.3)


def found(
    hide: Any, finds_itself: bool = False, gallery_is_hidden: bool = False
) -> tuple[float, float, float]:
    """Return the rank-1 rates of the supervised and the naive attack on new persons, and chance."""
    clear, who = crops("train", 80, 5)
    if finds_itself:
        who = np.arange(len(who))
    learned = learn(TrainingSet(clear, hide(clear), WIDTH, who, finds_itself))[gallery_is_hidden]
    clear, who = crops("attacked", 30, 4)
    probes, every = hide(clear), np.ones(len(who), bool)
    gallery, of_gallery = (probes, every) if gallery_is_hidden else (clear, ~every)
    match, left_out = who[:, None] == who, np.eye(len(who), dtype=bool)
    if finds_itself:
        match, left_out = left_out, np.zeros_like(match)

    def rate(one: np.ndarray, other: np.ndarray) -> float:
        return float(hit_rates(places(one, other, match, left_out), 1).mean())

    chance = float((match & ~left_out).sum(axis=1).mean() / (len(who) - (not finds_itself)))
    best = rate(learned.vectors(probes, every), learned.vectors(gallery, of_gallery))
    return best, rate(unit_rows(probes), unit_rows(gallery)), chance


@pytest.mark.parametrize("finds_itself", [False, True])
def test_a_permuted_signal_is_found_that_the_naive_attacker_misses(finds_itself: bool) -> None:
    best, naive, chance = found(permuted, finds_itself)
    assert naive < 5 * chance and best > 0.8


def test_a_weak_leak_is_found_that_the_naive_attacker_misses_and_no_leak_as_by_it() -> None:
    best, naive, chance = found(weakly_leaked, gallery_is_hidden=True)
    assert naive < 2.5 * chance and best > 5 * chance
    for gallery_is_hidden in (False, True):
        best, naive, _ = found(np.copy, gallery_is_hidden=gallery_is_hidden)
        assert best >= naive - 0.02 > 0.8


def test_equal_crops_and_noise_are_at_chance() -> None:
    best, _, chance = found(masked)  # one fixed order of the originals
    assert best == pytest.approx(chance, rel=1.0)
    for place in ({"gallery_is_hidden": True}, {"finds_itself": True}):
        best, _, chance = found(masked, **place)
        assert best == pytest.approx(chance, rel=1e-6)

    def noise(clear: np.ndarray) -> np.ndarray:
        return rng("noise", len(clear)).normal(size=clear.shape).astype(np.float32)

    best, _, chance = found(noise)
    assert best < chance + 3 * np.sqrt(chance * (1 - chance) / 30)


@pytest.mark.slow
def test_what_only_seen_persons_or_crops_show_is_not_learned() -> None:
    """Features of noise tell seen crops apart, and seen persons, but no others."""

    def wide(clear: np.ndarray, who: np.ndarray, seed: str) -> np.ndarray:
        own = 3 * rng("own", seed).normal(size=(len(set(who.tolist())), 100))[who]
        noise = 3 * rng("noise", seed).normal(size=(len(who), 300))
        return np.concatenate([clear, own, noise], axis=1).astype(np.float32)

    clear, who = crops("train", 40, 5, noise=1.0)
    lesson = TrainingSet(wide(clear, who, "a"), wide(clear, who, "b"), WIDTH, who, False)
    learned = learn(lesson)[False]
    clear, who = crops("attacked", 30, 4, noise=1.0)
    probes, gallery, every = wide(clear, who, "c"), wide(clear, who, "d"), np.ones(len(who), bool)
    match, left_out = who[:, None] == who, np.eye(len(who), dtype=bool)
    naive = places(unit_rows(probes[:, :WIDTH]), unit_rows(gallery[:, :WIDTH]), match, left_out)
    best = places(learned.vectors(probes, every), learned.vectors(gallery, ~every), match, left_out)
    assert hit_rates(naive, 1).mean() > 0.5
    assert hit_rates(best, 1).mean() >= hit_rates(naive, 1).mean() - 0.02


def test_clear_and_hidden_crops_meet_in_one_gallery() -> None:
    clear, who = crops("train", 80, 5)
    learned = learn(TrainingSet(clear, permuted(clear), WIDTH, who, False))[True]
    clear, who = crops("attacked", 30, 4)
    hidden = np.arange(len(who)) % 2 == 0
    mixed = np.where(hidden[:, None], permuted(clear), clear)
    vectors = learned.vectors(mixed, hidden)
    assert np.linalg.norm(vectors, axis=1) == pytest.approx(1, abs=1e-5)
    for part in (hidden, ~hidden):
        np.testing.assert_array_equal(vectors[part], learned.vectors(mixed[part], hidden[part]))


def test_persons_are_told_by_what_stays_the_same_and_ten_are_enough() -> None:
    clear, who = crops("train", 80, 5)
    lit = clear + (np.arange(WIDTH) < 4) * rng("sun", len(clear)).normal(size=clear.shape)
    learned = learn(TrainingSet(lit, lit, WIDTH, who, False))[True]
    assert learned.hidden.weights.shape[1] == 80  # persons, no vector
    enough, few = (
        TrainingSet(clear, clear, WIDTH, who, False)
        for clear, who in (crops("train", 10, 5), crops("train", 9, 5))
    )
    assert set(learn(enough)) == {False, True}
    with pytest.raises(AttackNotPossibleError, match="9 persons, and 10 are needed"):
        learn(few)
