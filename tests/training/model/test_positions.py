"""Resampling of position embeddings, against computations that share no code with torch's."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from PIL import Image

from anonbench.core.errors import InputError
from anonbench.training.model.positions import resize_positions

WIDTH = 3


def _positions(side: int, prefix: int) -> torch.Tensor:
    random = torch.Generator().manual_seed(side)
    return torch.randn(1, prefix + side * side, WIDTH, generator=random)


def _cubic(distance: float) -> float:
    """Keys' cubic convolution kernel with a = -0.75."""
    a, x = -0.75, abs(distance)
    if x <= 1:
        return (a + 2) * x**3 - (a + 3) * x**2 + 1
    return a * (x**3 - 5 * x**2 + 8 * x - 4) if x < 2 else 0.0


def _matrix(source: int, target: int) -> np.ndarray:
    """Weights [target, source] of the bicubic interpolation with DINOv2's offset."""
    scale = (target + 0.1) / source
    matrix = np.zeros((target, source))
    for row in range(target):
        centre = (row + 0.5) / scale - 0.5
        for tap in range(math.floor(centre) - 1, math.floor(centre) + 3):
            matrix[row, min(max(tap, 0), source - 1)] += _cubic(centre - tap)
    return matrix


@pytest.mark.parametrize("grid", [(3, 3), (7, 7), (9, 4)])
def test_without_antialias_the_scale_has_an_offset(grid: tuple[int, int]) -> None:
    positions = _positions(6, prefix=1)
    found = resize_positions(positions, grid, prefix=1, antialias=False)
    image = positions[0, 1:].numpy().astype(np.float64).reshape(6, 6, WIDTH)
    rows, columns = (_matrix(6, length) for length in grid)
    expected = np.einsum("ia,jb,abd->ijd", rows, columns, image).reshape(-1, WIDTH)
    np.testing.assert_allclose(found[0, 1:].numpy(), expected, atol=1e-5)
    assert torch.equal(found[:, :1], positions[:, :1])


@pytest.mark.parametrize("grid", [(3, 3), (7, 7), (9, 4)])
def test_with_antialias_it_is_pillows_bicubic(grid: tuple[int, int]) -> None:
    positions = _positions(6, prefix=5)
    found = resize_positions(positions, grid, prefix=5, antialias=True)
    image = positions[0, 5:].numpy().reshape(6, 6, WIDTH)
    planes = [
        np.asarray(Image.fromarray(image[..., plane]).resize(grid[::-1], Image.Resampling.BICUBIC))
        for plane in range(WIDTH)
    ]
    expected = np.stack(planes, axis=-1).reshape(-1, WIDTH)
    np.testing.assert_allclose(found[0, 5:].numpy(), expected, atol=1e-5)
    assert torch.equal(found[:, :5], positions[:, :5])


@pytest.mark.parametrize("antialias", [False, True])
def test_the_same_grid_changes_nothing(antialias: bool) -> None:
    positions = _positions(5, prefix=1)
    assert torch.equal(resize_positions(positions, (5, 5), 1, antialias), positions)


@pytest.mark.parametrize("antialias", [False, True])
def test_half_precision_is_resampled_in_float32(antialias: bool) -> None:
    half = _positions(37, prefix=0).bfloat16()
    found = resize_positions(half, (16, 16), 0, antialias)
    assert found.dtype == torch.bfloat16 and found.shape == (1, 256, WIDTH)
    exact = resize_positions(half.float(), (16, 16), 0, antialias)
    assert torch.equal(found, exact.bfloat16())


def test_every_size_up_to_dinov2s_comes_out_as_asked() -> None:
    positions = _positions(37, prefix=1)
    for side in range(1, 60):
        found = resize_positions(positions, (side, side), 1, antialias=False)
        assert found.shape[1] == 1 + side * side


def test_no_square() -> None:
    with pytest.raises(InputError, match="12 patches"):
        resize_positions(torch.zeros(1, 13, WIDTH), (2, 2), 1, antialias=True)
    with pytest.raises(InputError, match="0 patches"):
        resize_positions(torch.zeros(1, 1, WIDTH), (2, 2), 1, antialias=True)
