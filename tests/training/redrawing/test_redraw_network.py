"""The network that draws hidden regions anew."""

from __future__ import annotations

from typing import Literal

import numpy as np
import pytest
import torch

from anonbench.training.data.preprocess import Preprocess
from anonbench.training.redrawing_network import random_redrawer

NOISE = torch.Generator().manual_seed(0)


@pytest.mark.parametrize("side", [8, 30, 48])
def test_it_draws_hidden_pixels_and_no_others(side: int) -> None:
    pictures, share = torch.rand(2, 3, side, side, generator=NOISE), torch.zeros(2, 1, side, side)
    share[:, :, 2:5, 3:6] = 1.0
    drawn = random_redrawer(4, side, seed=0)(pictures, share)
    changed = (drawn != pictures).any(dim=1)
    assert torch.equal(changed, share[:, 0] > 0)
    assert (drawn >= 0).all() and (drawn <= 1).all()


def test_all_that_is_seen_counts_for_each_hidden_pixel() -> None:
    pictures = torch.rand(1, 3, 48, 48, generator=NOISE).requires_grad_()
    share = torch.zeros(1, 1, 48, 48)
    share[..., 24, 24] = 1.0
    random_redrawer(4, 48, seed=0)(pictures, share)[..., 24, 24].sum().backward()
    assert pictures.grad is not None
    assert (pictures.grad.abs().sum(dim=(0, 1)) > 0).all()


@pytest.mark.parametrize("resize", ["crop", "squash"])
@pytest.mark.parametrize("shape", [(70, 50), (33, 90), (200, 150, 3)])
def test_a_model_sees_what_was_placed(
    resize: Literal["crop", "squash"], shape: tuple[int, ...]
) -> None:
    """A soft pattern goes into an image and comes back; the rest of the image does not matter."""
    preprocess = Preprocess(32, "imagenet", resize)
    rows, columns = np.mgrid[:32, :32] * 7
    pattern = np.stack([rows, columns, rows], axis=2).astype(np.uint8)
    image, seen = preprocess.placed(pattern, shape)
    assert image.shape == (*shape[:2], 3) and seen.shape == shape[:2]
    image[~seen] = 0
    again = preprocess.fit(image)
    inner = slice(3, -3), slice(3, -3)
    assert np.abs(again[inner].astype(int) - pattern[inner]).max() <= 8
    # an image that only the unseen part tells apart is the same to the model
    other = np.where(seen[..., None], image, 255).astype(np.uint8)
    assert np.abs(preprocess.fit(other)[inner].astype(int) - again[inner]).max() <= 8
    assert seen.all() == (resize == "squash")
