"""Expected scores of random rankings against random rankings."""

from __future__ import annotations

import numpy as np
import pytest

from anonbench.config import Retrieval
from anonbench.retrieval import chance
from anonbench.retrieval.metrics import Measures

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


def test_one_image_is_always_found() -> None:
    levels = chance.levels(1, 1, Retrieval())
    assert all(level == pytest.approx(1.0) for level in levels.values())
