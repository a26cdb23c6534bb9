"""Cut-offs, gains and levels of chance; scores of rankings are tested with the engine."""

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


def test_too_few_images() -> None:
    for settings, needed in ((Retrieval(), 20), (Retrieval(include_self=False), 21)):
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


def test_levels_of_large_archives_are_numbers() -> None:
    for images in (10**6, 5 * 10**6):
        levels = chance.levels(images, Retrieval(top=1000))
        assert all(np.isfinite(level) and -1.0 <= level <= 1.0 for level in levels.values())
        assert levels["unchanged"] == 0.0 < chance.levels(images, Retrieval(top=2))["unchanged"]
