"""The way of a batch to the network."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from anonbench.config.training import Crops
from anonbench.training.data import batch as module
from anonbench.training.data.augment import (
    CropAugmentations,
    apply_steps,
    augmentations_of,
    crop_draws,
    normalize_images,
    steps_of,
)
from anonbench.training.data.batch import finish

CPU = torch.device("cpu")


def _crops(count: int, side: int) -> torch.Tensor:
    random = torch.Generator().manual_seed(0)
    return torch.randint(0, 256, (count, side, side, 3), dtype=torch.uint8, generator=random)


def _augmentations(count: int, settings: Crops) -> CropAugmentations:
    return augmentations_of(crop_draws(0, 0, "a", count), np.arange(count) % 3, settings)


@pytest.mark.parametrize("pixels", [1, 10**9])
def test_how_many_are_finished_at_once_has_no_effect(
    pixels: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "CACHED_PIXELS", pixels)
    settings = Crops()
    crops, augmentations = _crops(37, 16), _augmentations(37, settings)
    images = crops.permute(0, 3, 1, 2).float() / 255
    whole = apply_steps(images.contiguous(), steps_of(augmentations))  # as on a GPU
    expected = normalize_images(whole, settings.normalize)
    before = crops.clone()
    found = finish(crops, augmentations, settings, CPU)
    torch.testing.assert_close(found, expected, atol=1e-4, rtol=1e-4)
    assert torch.equal(crops, before)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU")
def test_gpu_and_cpu_agree() -> None:
    crops, augmentations = _crops(64, 32), _augmentations(64, Crops())
    found = finish(crops, augmentations, Crops(), torch.device("cuda")).cpu()
    torch.testing.assert_close(
        found, finish(crops, augmentations, Crops(), CPU), atol=1e-3, rtol=1e-3
    )
