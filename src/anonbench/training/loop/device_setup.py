"""Choice of the device that a network runs on, and torch's settings for it."""

from __future__ import annotations

import os
import platform
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from anonbench.core.errors import InputError
from anonbench.core.libraries.precision import full_float32
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

    Raises:
        InputError: `cuda`, and there is none.

    """
    if name == "cuda" and not torch.cuda.is_available():
        raise InputError("recipe.device is cuda, but torch sees no GPU; use auto or cpu")
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    full_float32()
    return torch.device(name)


def describe(device: torch.device) -> dict[str, Any]:
    """Hardware of a training (processor, cores, memory in GB, GPU) and version of torch.

    If there are several machines, those of the first.
    """
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return {
        "processor": _processor(),
        "cores": len(os.sched_getaffinity(0)),
        "memory_gb": round(memory / 1e9),
        "gpu": torch.cuda.get_device_name(device) if device.type == "cuda" else None,
        "torch": torch.__version__,
    }


def _processor() -> str:
    information = Path("/proc/cpuinfo")
    if information.exists():
        for line in information.read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()
