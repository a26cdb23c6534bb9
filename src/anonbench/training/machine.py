"""The processor that a network runs on, and how torch is set up for it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from anonbench.errors import InputError
from anonbench.training.distributed import Ranks, join

if TYPE_CHECKING:
    from anonbench.config.training import Recipe


def prepare_torch(recipe: Recipe) -> tuple[torch.device, Ranks]:
    """Set threads and determinism of this process; return its device and place among the ranks.

    Raises:
        InputError: the recipe asks for CUDA and there is none.

    """
    torch.set_num_threads(recipe.threads)
    torch.set_flush_denormal(True)
    device = pick_device(recipe.device)
    ranks, number = join(device.type)
    if device.type == "cpu":
        torch.use_deterministic_algorithms(True)
        torch.utils.deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]
        return device, ranks
    return torch.device("cuda", number), ranks


def pick_device(name: str) -> torch.device:
    """Return the device called `auto`, `cpu` or `cuda`.

    Raises:
        InputError: `cuda`, and there is none.

    """
    if name == "cuda" and not torch.cuda.is_available():
        raise InputError("recipe.device is cuda, but torch sees no GPU; use auto or cpu")
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    return torch.device(name)
