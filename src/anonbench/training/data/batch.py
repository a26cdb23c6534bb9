"""Batch of a training step, its masks, and its preparation on the training's device.

Needs only torch and numpy; images are read elsewhere.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from math import exp, log, sqrt
from typing import TYPE_CHECKING, TypeVar

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader

from anonbench.training.data import augment
from anonbench.training.model.blocks import joined

if TYPE_CHECKING:
    from anonbench.config.training import Crops

Item = TypeVar("Item")

CACHED_PIXELS = 2**18  # finished at once on a CPU, to stay in its cache


@dataclass(frozen=True)
class Batch:
    """Images of one forward pass, before they are moved to the device; crop-major."""

    ids: tuple[str, ...]
    global_crops: Tensor  # uint8 [2 B, S, S, 3]
    local_crops: Tensor  # uint8 [L B, s, s, 3]
    global_augmentations: augment.CropAugmentations
    local_augmentations: augment.CropAugmentations
    masked: Tensor  # bool [2 B, patches]

    @property
    def masked_indices(self) -> Tensor:
        """int64 [M] into the flattened `masked`."""
        return self.masked.flatten().nonzero().flatten()

    @property
    def masked_weights(self) -> Tensor:
        """float32 [M]: one over the number of masked patches of the patch's crop."""
        counts = self.masked.sum(dim=1)
        return (1.0 / counts.clamp(min=1).double()).repeat_interleave(counts).float()

    def pin_memory(self) -> Batch:
        """Return the batch with its crops in page-locked memory, as torch's DataLoader asks."""
        large, small = self.global_crops.pin_memory(), self.local_crops.pin_memory()
        return replace(self, global_crops=large, local_crops=small)


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
    crops: Tensor, augmentations: augment.CropAugmentations, settings: Crops, device: torch.device
) -> Tensor:
    """Augment and normalize crops, uint8 [N, S, S, 3], on the device, float32 [N, 3, S, S]."""
    few = CACHED_PIXELS // (crops.shape[1] * crops.shape[2])
    few = max(few if device.type == "cpu" else len(crops), 1)
    finished = []
    for start in range(0, max(len(crops), 1), few):
        rows = slice(start, start + few)
        pixels = crops[rows].to(device, non_blocking=True).permute(0, 3, 1, 2).contiguous()
        steps = augment.steps_of(augmentations.part(rows))
        images = augment.apply_steps(pixels.float().div_(255.0), steps)
        finished.append(augment.normalize_images(images, settings.normalize))
    return joined(finished)


SMALLEST_BLOCK = 4  # least number of patches in a block
LARGEST_BLOCK = 0.5  # greatest share of the crop in a block
ASPECT = 0.3  # blocks are between 0.3 and 1 / 0.3 times as high as wide
ATTEMPTS = 10


def block_mask(side: int, target: int, random: np.random.Generator) -> np.ndarray:
    """Return bool [side, side] with at most `target` patches masked, in rectangles.

    BEiT (Bao et al. 2022), algorithm 1, in DINOv2's form: rectangles of random area and aspect are
    laid until the target is reached or ten in a row do not fit.
    """
    mask = np.zeros((side, side), dtype=bool)
    masked = 0
    while masked < target:
        added = _lay_block(mask, min(target - masked, int(LARGEST_BLOCK * mask.size)), random)
        if added == 0:
            break
        masked += added
    return mask


def _lay_block(mask: np.ndarray, room: int, random: np.random.Generator) -> int:
    """Mask one more rectangle that adds at most `room` patches; return the number added."""
    side = len(mask)
    draws = random.random((ATTEMPTS, 4)).tolist()
    smallest = min(SMALLEST_BLOCK, room)
    for area_draw, aspect_draw, top_draw, left_draw in draws:
        area = smallest + area_draw * (room - smallest)
        aspect = exp((2.0 * aspect_draw - 1.0) * log(1.0 / ASPECT))
        height, width = round(sqrt(area * aspect)), round(sqrt(area / aspect))
        if not (0 < height < side and 0 < width < side):
            continue
        top, left = int(top_draw * (side - height + 1)), int(left_draw * (side - width + 1))
        block = mask[top : top + height, left : left + width]
        added = height * width - int(np.count_nonzero(block))
        if 0 < added <= room:
            block[:] = True
            return added
    return 0


def batch_masks(
    crops: int, side: int, share: float, ratios: tuple[float, float], random: np.random.Generator
) -> np.ndarray:
    """Return the masked patches of a batch's global crops of side² patches, bool [crops, side²].

    A `share` of the crops has a mask, with ratios of masked patches evenly spread over their range.
    """
    chosen = int(crops * share)
    edges = np.linspace(*ratios, chosen + 1)
    where = np.zeros((crops, side * side), dtype=bool)
    rows = random.permutation(crops)[:chosen]
    for row, low, high in zip(rows, edges[:-1], edges[1:], strict=True):
        target = int(side * side * random.uniform(low, high))
        where[row] = block_mask(side, target, random).ravel()
    return where
