"""Block masking: counts, shapes, spread."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from anonbench.core.numeric.seeding import rng
from anonbench.training.data.batch import batch_masks, block_mask


@settings(max_examples=60, deadline=None)
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
    masks = batch_masks(64, 14, 0.5, (0.1, 0.5), rng(0))
    ratios = masks.where.mean(axis=1)
    chosen = np.sort(ratios[ratios > 0])
    assert len(chosen) == 32
    assert chosen.max() <= 0.5
    # one in each of 32 even steps of the range, as far as blocks reach it
    assert np.abs(chosen - np.linspace(0.1, 0.5, 32)).mean() < 0.04


def test_indices_and_weights_against_loops() -> None:
    masks = batch_masks(6, 5, 0.5, (0.2, 0.5), rng(3))
    indices, weights = [], []
    for crop, row in enumerate(masks.where):
        for patch in range(25):
            if row[patch]:
                indices.append(25 * crop + patch)
                weights.append(1 / row.sum())
    assert masks.indices.tolist() == indices
    np.testing.assert_allclose(masks.weights, weights, rtol=1e-6)
    assert np.isclose(masks.weights.sum(), 3)  # one for each masked crop


def test_no_masks() -> None:
    masks = batch_masks(4, 5, 0.0, (0.1, 0.5), rng(0))
    assert not masks.where.any() and len(masks.indices) == len(masks.weights) == 0


def test_a_mask_about_reaches_its_target() -> None:
    counts = [block_mask(14, 80, rng(seed)).sum() for seed in range(50)]
    assert np.mean(counts) > 72  # ten blocks in a row may not fit
