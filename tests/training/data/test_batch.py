"""The way of a batch to the network, and its masks."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from anonbench.config.training import Crops
from anonbench.core.numeric.seeding import rng
from anonbench.training.data import augment
from anonbench.training.data import batch as module
from anonbench.training.data.batch import batch_masks, block_mask, finish

CPU = torch.device("cpu")


def _crops(count: int, side: int) -> torch.Tensor:
    random = torch.Generator().manual_seed(0)
    return torch.randint(0, 256, (count, side, side, 3), dtype=torch.uint8, generator=random)


def _augmentations(count: int, settings: Crops) -> augment.CropAugmentations:
    return augment.augmentations_of(
        augment.crop_draws(0, 0, "a", count), np.arange(count) % 3, settings
    )


def test_a_crop_is_finished_alike_beside_any_others(monkeypatch: pytest.MonkeyPatch) -> None:
    crops, augmentations = _crops(37, 16), _augmentations(37, Crops())
    before = crops.clone()
    whole = finish(crops, augmentations, Crops(), CPU)
    assert torch.equal(crops, before)
    for rows in (np.array([4]), np.arange(36, 0, -5), np.arange(0)):
        found = finish(crops[rows], augmentations.part(rows), Crops(), CPU)
        torch.testing.assert_close(found, whole[rows], atol=1e-5, rtol=1e-5)
    monkeypatch.setattr(module, "CACHED_PIXELS", 1)
    torch.testing.assert_close(finish(crops, augmentations, Crops(), CPU), whole, atol=0, rtol=0)


@given(st.integers(2, 16), st.floats(0, 1), st.integers(0, 1000))
def test_a_mask_never_exceeds_its_target(side: int, share: float, seed: int) -> None:
    target = int(share * side * side)
    mask = block_mask(side, target, rng(seed))
    assert mask.shape == (side, side)
    assert mask.sum() <= target


def test_masks_are_made_of_blocks_in_their_ratios() -> None:
    mask = block_mask(14, 60, rng(1))
    grown = np.pad(mask, 1)
    neighbours = grown[:-2, 1:-1] + grown[2:, 1:-1] + grown[1:-1, :-2] + grown[1:-1, 2:]
    assert (neighbours[mask] > 0).mean() > 0.9
    assert not batch_masks(64, 14, 0.0, (0.1, 0.5), rng(0)).any()
    masks = batch_masks(64, 14, 0.5, (0.1, 0.5), rng(0))
    ratios = masks.mean(axis=1)
    chosen = np.sort(ratios[ratios > 0])
    assert len(chosen) == 32
    assert chosen.max() <= 0.5
    # one in each of 32 even steps of the range, as far as blocks reach it
    assert np.abs(chosen - np.linspace(0.1, 0.5, 32)).mean() < 0.04
