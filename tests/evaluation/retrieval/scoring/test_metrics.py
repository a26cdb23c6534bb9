"""Cut-offs, gains and levels of chance; scores of rankings are tested with the engine."""

from fractions import Fraction
from math import comb, perm

import numpy as np
import pytest

from anonbench.config import Retrieval
from anonbench.core.errors import InputError
from anonbench.evaluation.retrieval.scoring import chance, metrics


@pytest.mark.parametrize(
    ("images", "fraction", "include_self", "k"),
    [
        (39_972, 0.05, True, 1998),
        (39_972, 0.05, False, 1998),
        (100, 0.29, True, 29),
        (21, 0.05, False, 1),
        (1, 1.0, True, 1),
    ],
)
def test_cutoff(images: int, fraction: float, include_self: bool, k: int) -> None:
    assert metrics.cutoff(images, Retrieval(fraction=fraction, include_self=include_self)) == k


@pytest.mark.parametrize(("include_self", "needed"), [(True, 20), (False, 21)])
def test_too_few_images(include_self: bool, needed: int) -> None:
    settings = Retrieval(include_self=include_self)
    with pytest.raises(InputError, match=f"at least {needed} images"):
        metrics.cutoff(needed - 1, settings)
    assert metrics.cutoff(needed, settings) == 1


@pytest.mark.parametrize(
    ("images", "fraction", "own"), [(100, 0.05, True), (99, 0.05, False), (26, 0.05, False)]
)
def test_own_images_count_from_k_five_on(images: int, fraction: float, own: bool) -> None:
    settings = metrics.effective_settings(images, Retrieval(fraction=fraction))
    assert settings.include_self is own
    assert metrics.effective_settings(images, settings) == settings
    assert (metrics.cutoff(images, settings) >= metrics.MIN_K) is own


@pytest.mark.parametrize("own", [True, False])
@pytest.mark.parametrize("k", [1, 4, 5, 9])
def test_so_many_images_are_needed(own: bool, k: int) -> None:
    settings = Retrieval(fraction=0.07, include_self=own)
    needed = metrics.images_needed(settings, k)
    assert metrics.cutoff(needed, metrics.effective_settings(needed, settings)) >= k
    with_less = metrics.effective_settings(needed - 1, settings) if k > 1 else settings
    assert k == 1 or metrics.cutoff(needed - 1, with_less) < k


def test_without_own_images_there_is_one_level() -> None:
    settings = Retrieval(include_self=False)
    assert chance.levels(50, 4, settings, own_first=True) == chance.levels(50, 4, settings)


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
