"""The numbers behind crops and augmentations."""

from __future__ import annotations

import numpy as np

from anonbench.training.data.augment_params import COLUMNS, crop_draws


def test_draws_depend_on_seed_epoch_and_id_alone() -> None:
    draws = crop_draws(3, 1, "folder/a", 4)
    assert draws.shape == (4, COLUMNS)
    np.testing.assert_array_equal(draws, crop_draws(3, 1, "folder/a", 4))
    for other in ((4, 1, "folder/a"), (3, 2, "folder/a"), (3, 1, "folder/b")):
        assert not np.array_equal(draws, crop_draws(*other, 4))


def test_draws_are_uniform_in_every_column() -> None:
    draws = crop_draws(0, 0, "a", 4000)
    assert draws.min() >= 0.0 and draws.max() < 1.0
    np.testing.assert_allclose(draws.mean(axis=0), 0.5, atol=0.02)
    assert np.abs(np.corrcoef(draws.T) - np.eye(COLUMNS)).max() < 0.08


def test_the_stream_of_numbers_stays_what_it_is() -> None:
    # trained models depend on it
    np.testing.assert_allclose(
        crop_draws(0, 0, "a", 1)[0, :3],
        [0.41075057151701533, 0.6666036568988062, 0.02600027598578536],
        atol=1e-12,
    )
