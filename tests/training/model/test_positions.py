"""Resampling of position embeddings, against computations that share no code with torch's."""

from __future__ import annotations

import pytest
import torch

from anonbench.core.errors import InputError
from anonbench.training.model.positions import resize_positions

WIDTH = 3


def _positions(side: int, prefix: int) -> torch.Tensor:
    random = torch.Generator().manual_seed(side)
    return torch.randn(1, prefix + side * side, WIDTH, generator=random)


@pytest.mark.parametrize("antialias", [False, True])
def test_the_same_grid_changes_nothing(antialias: bool) -> None:
    positions = _positions(5, prefix=1)
    assert torch.equal(resize_positions(positions, (5, 5), 1, antialias), positions)


def test_no_square() -> None:
    with pytest.raises(InputError, match="12 patches"):
        resize_positions(torch.zeros(1, 13, WIDTH), (2, 2), 1, antialias=True)
    with pytest.raises(InputError, match="0 patches"):
        resize_positions(torch.zeros(1, 1, WIDTH), (2, 2), 1, antialias=True)
