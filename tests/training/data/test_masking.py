"""Block masking: counts, shapes, spread."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from anonbench.core.numeric.seeding import rng
from anonbench.training.data.batch import batch_masks, block_mask


@given(st.integers(2, 16), st.floats(0, 1), st.integers(0, 1000))
def test_a_mask_never_exceeds_its_target(side: int, share: float, seed: int) -> None:
    target = int(share * side * side)
    mask = block_mask(side, target, rng(seed))
    assert mask.shape == (side, side)
    assert mask.sum() <= target


def test_masks_are_made_of_blocks() -> None:
    mask = block_mask(14, 60, rng(1))
    grown = np.pad(mask, 1)
    neighbours = grown[:-2, 1:-1] + grown[2:, 1:-1] + grown[1:-1, :-2] + grown[1:-1, 2:]
    assert (neighbours[mask] > 0).mean() > 0.9


def test_share_and_ratios_of_a_batch() -> None:
    assert not batch_masks(64, 14, 0.0, (0.1, 0.5), rng(0)).where.any()
    masks = batch_masks(64, 14, 0.5, (0.1, 0.5), rng(0))
    ratios = masks.where.mean(axis=1)
    chosen = np.sort(ratios[ratios > 0])
    assert len(chosen) == 32
    assert chosen.max() <= 0.5
    # one in each of 32 even steps of the range, as far as blocks reach it
    assert np.abs(chosen - np.linspace(0.1, 0.5, 32)).mean() < 0.04
