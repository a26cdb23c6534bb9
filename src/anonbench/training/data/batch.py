"""Batch of a training step, and its preparation on the training's device.

Needs only torch and numpy; images are read elsewhere.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, TypeVar

import torch
from torch import Tensor
from torch.utils.data import DataLoader

from anonbench.training.data.augment import (
    CropAugmentations,
    apply_steps,
    normalize_images,
    steps_of,
)

if TYPE_CHECKING:
    from anonbench.config.training import Crops

Item = TypeVar("Item")

CACHED_PIXELS = 65_536
"""Pixels finished at once on a CPU, so that they stay in its cache: one crop of 256 x 256."""


@dataclass(frozen=True)
class Batch:
    """Images of one forward pass, before they are moved to the device; crop-major."""

    ids: tuple[str, ...]
    global_crops: Tensor
    """uint8 [2 B, S, S, 3]."""
    local_crops: Tensor
    """uint8 [L B, s, s, 3]."""
    global_augmentations: CropAugmentations
    local_augmentations: CropAugmentations
    masked: Tensor
    """bool [2 B, patches]."""
    masked_indices: Tensor
    """int64 [M] into the flattened `masked`."""
    masked_weights: Tensor
    """float32 [M]: one over the number of masked patches of the patch's crop."""

    def pin_memory(self) -> Batch:
        """Return the batch with its crops in page-locked memory.

        torch's DataLoader calls this by its name. The small rest goes by `augment.to_device`.
        """
        return replace(
            self,
            global_crops=self.global_crops.pin_memory(),
            local_crops=self.local_crops.pin_memory(),
        )


def loaded(
    make: Callable[[int], Item], steps: range, workers: int, pin_memory: bool = False
) -> DataLoader[Item]:
    """Load the batches of some steps, which `make` gives by number, in so many processes."""
    return DataLoader(
        range(steps.stop),  # type: ignore[arg-type]
        batch_size=None,
        sampler=steps,
        num_workers=workers,
        collate_fn=make,  # type: ignore[arg-type]
        multiprocessing_context="fork" if workers else None,
        pin_memory=pin_memory,
    )


def finish(
    crops: Tensor, augmentations: CropAugmentations, settings: Crops, device: torch.device
) -> Tensor:
    """Return crops as the network's input: augmented, normalized, on the device.

    A GPU takes all of them at once. A CPU would then move every crop through the memory for each
    operation, so there a few crops go through all operations before the next few; crops with the
    same operations are grouped.

    Args:
        crops: uint8 [N, S, S, 3].
        augmentations: of the N crops.
        settings: how to normalize.
        device: where the work is done.

    Returns:
        float32 [N, 3, S, S].

    """
    steps = steps_of(augmentations)
    if device.type != "cpu":
        images = apply_steps(_as_floats(crops.to(device, non_blocking=True)), steps)
        return normalize_images(images, settings.normalize)
    finished = torch.empty(len(crops), 3, *crops.shape[1:3])
    few = max(CACHED_PIXELS // (crops.shape[1] * crops.shape[2]), 1)
    order = augmentations.grouped()
    for start in range(0, len(order), few):
        rows = order[start : start + few]
        where = torch.from_numpy(rows)
        images = apply_steps(_as_floats(crops[where]), steps, rows)
        finished.index_copy_(0, where, normalize_images(images, settings.normalize))
    return finished


def _as_floats(crops: Tensor) -> Tensor:
    """Return uint8 [N, S, S, 3] as float32 [N, 3, S, S] in 0 … 1."""
    return crops.permute(0, 3, 1, 2).contiguous().float().div_(255.0)
