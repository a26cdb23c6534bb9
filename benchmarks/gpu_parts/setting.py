"""The setting that all parts measure: model, batch, steps, and how a step is timed."""

from __future__ import annotations

import resource
import statistics
import time
from collections.abc import Callable
from typing import Any

import torch
from checks import small
from synthetic import batch_of, recipe_of

from anonbench.training.data.batch import Batch, finish
from anonbench.training.loop.trainer import Trainer


def recipe(batch: int, tiny: bool, **changes: Any) -> Any:
    """Return ViT-L/16 in bf16 with 65,536 prototypes, or the small model of the checks.

    LayerScale starts at 1, so that the blocks count in the losses that are compared.
    """
    optimizer = {
        "batch_size": batch, "steps": 1000, "learning_rate": 1e-4, "scale_rate": False,
    }  # fmt: skip
    if tiny:
        return small(torch.device("cpu"), optimizer=optimizer, **changes)
    return recipe_of(
        backbone={"name": "vit_large_patch16_224", "drop_path": 0.3, "layer_scale": 1.0},
        precision="bf16",
        optimizer=optimizer,
        **changes,
    )


def device_of(tiny: bool) -> torch.device:
    """Return the device that is measured."""
    return torch.device("cpu" if tiny else "cuda")


def finished(trainer: Trainer, size: int) -> tuple[Batch, torch.Tensor, torch.Tensor]:
    """Return a batch as a loader gives it, and its crops as the network takes them."""
    crops = trainer.recipe.crops
    batch = batch_of(trainer.recipe, size, trainer.patches_a_side)
    if trainer.device.type == "cuda":
        batch = batch.pin_memory()
    views = finish(batch.global_crops, batch.global_augmentations, crops, trainer.device)
    return batch, views, finish(batch.local_crops, batch.local_augmentations, crops, trainer.device)


def timed(
    step: Callable[[], object], device: torch.device, warm_up: int, steps: int
) -> list[float]:
    """Return the seconds of `steps` steps, after some that do not count."""
    for _ in range(warm_up):
        step()
    taken = []
    for _ in range(steps):
        synchronize(device)
        began = time.perf_counter()
        step()
        synchronize(device)
        taken.append(time.perf_counter() - began)
    return taken


def median_seconds(step: Callable[[], object], device: torch.device) -> float:
    """Return the median time of a short operation."""
    few = device.type == "cpu"
    return statistics.median(timed(step, device, *((1, 3) if few else (5, 20))))


def synchronize(device: torch.device) -> None:
    """Wait for the device."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def allocated_gb(device: torch.device) -> float:
    """Return the most memory that was allocated so far: of the GPU, or of this process."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device) / 1e9
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6


def forget_peak(device: torch.device) -> None:
    """Let the peak of a GPU's memory be that of what follows."""
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)
