"""Choice of the device that a network runs on, and torch's settings for it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from anonbench.core.errors import InputError
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
    """Return the device called `auto`, `cpu` or `cuda`, where float32 is in full precision.

    TF32, which has 10 bits, is off in this process. cuDNN's convolutions use it by default: a patch
    embedding would be off by 1e-3. bf16 under autocast is not affected.

    Raises:
        InputError: `cuda`, and there is none.

    """
    if name == "cuda" and not torch.cuda.is_available():
        raise InputError("recipe.device is cuda, but torch sees no GPU; use auto or cpu")
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    torch.backends.cuda.matmul.allow_tf32 = False
    torch.backends.cudnn.allow_tf32 = False
    return torch.device(name)
