"""Recipes and batches for benchmarks of the training step: needs torch, timm, NumPy and PyYAML."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest.mock import patch

import numpy as np
import torch
import yaml

from anonbench.training.data.augment import COLUMNS, augmentations_of
from anonbench.training.data.batch import Batch, batch_masks

Losses = dict[str, float]
CONFIG = Path(__file__).resolve().parents[1] / "config"


def recipe_of(**changes: Any) -> Any:
    """Return the default recipe with changes, as plain attributes (no pydantic is needed)."""
    defaults = yaml.safe_load((CONFIG / "defaults.yaml").read_text(encoding="utf-8"))
    recipe = _merged(defaults["recipes"]["default"], changes)
    recipe.backbone.registered = None  # a property of the settings
    recipe.crops.blur_probabilities = (1.0, 0.1, 0.5)
    # constants of the settings' classes
    recipe.crops.global_count, recipe.heads.student_temperature = 2, 0.1
    recipe.losses.mask_ratio, recipe.optimizer.clip = (0.1, 0.5), 3.0
    return recipe


def _merged(values: dict[str, Any], changes: dict[str, Any]) -> SimpleNamespace:
    unknown = changes.keys() - values.keys()
    if unknown:
        raise KeyError(f"no such settings: {sorted(unknown)}")
    result = {
        key: _merged(value, changes.get(key, {}))
        if isinstance(value, dict)
        else changes.get(key, value)
        for key, value in values.items()
    }
    return SimpleNamespace(**result)


def batch_of(recipe: Any, images: int, patches_a_side: int, seed: int = 0) -> Batch:
    """Return a batch of random crops with random augmentations and masks."""
    random = np.random.default_rng(seed)
    crops, losses = recipe.crops, recipe.losses

    def pixels(number: int, side: int) -> torch.Tensor:
        shape = (number * images, side, side, 3)
        return torch.from_numpy(random.integers(0, 256, shape, dtype=np.uint8))

    def augmentations(number: int, kinds: np.ndarray) -> Any:
        return augmentations_of(random.random((number * images, COLUMNS)), kinds, crops)

    masks = batch_masks(2 * images, patches_a_side, losses.mask_images, losses.mask_ratio, random)
    return Batch(
        ids=tuple(f"image-{number}" for number in range(images)),
        global_crops=pixels(2, crops.global_size),
        local_crops=pixels(crops.local_count, crops.local_size),
        global_augmentations=augmentations(2, np.repeat([0, 1], images)),
        local_augmentations=augmentations(
            crops.local_count, np.full(crops.local_count * images, 2)
        ),
        masked=torch.from_numpy(masks),
    )


@contextmanager
def crops_given(views: torch.Tensor, local_views: torch.Tensor) -> Iterator[None]:
    """Let trainers take crops that are augmented already: the loader is not what is measured."""

    def finished(crops: torch.Tensor, *_: object) -> torch.Tensor:
        return views if len(crops) == len(views) else local_views

    with patch("anonbench.training.loop.trainer.finish", finished):
        yield


def values(terms: dict[str, torch.Tensor]) -> Losses:
    """Return the three terms of a loss as numbers."""
    return {name: float(terms[name].detach()) for name in ("dino", "ibot", "koleo")}
