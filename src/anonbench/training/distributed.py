"""Devices that a network runs on, and communication between processes that train one model.

Each process ("rank") has an equal share of every batch. Values that a loss computes over the whole
batch (centering, nearest neighbours, means) are exchanged, so that the ranks together take the same
step as a single process.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import torch
import torch.distributed as dist
from torch import Tensor

from anonbench.core.errors import InputError

if TYPE_CHECKING:
    from anonbench.config.training import Recipe

PATIENCE = timedelta(minutes=60)  # time that a rank waits for the others: rank 0 may be writing


@dataclass(frozen=True)
class Ranks:
    """Place of this process among those that train together."""

    rank: int = 0
    world: int = 1
    hosts: Any = None  # process group in which the hosts communicate without waiting for their GPUs

    def sum(self, values: Tensor) -> Tensor:
        """Return the sum over all ranks; the same shape."""
        if self.world > 1:
            values = values.clone()
            dist.all_reduce(values)
        return values

    def mean(self, values: Tensor) -> Tensor:
        """Return the mean over all ranks; the same shape."""
        return self.sum(values) / self.world

    def logsumexp(self, values: Tensor) -> Tensor:
        """Return log of the sum over all ranks of exp(values); the same shape."""
        return values if self.world == 1 else torch.logsumexp(_all(values, self.world), dim=0)

    def gather(self, values: Tensor) -> Tensor:
        """Return all ranks' values [B, …] as [world · B, …]; gradients flow back to each rank."""
        if self.world == 1:
            return values
        return _Gather.apply(values, self)  # type: ignore[no-untyped-call, no-any-return]

    def any(self, *flags: bool) -> list[bool]:
        """Return for each flag whether it is set on any rank."""
        if self.world == 1:
            return list(flags)
        raised = torch.tensor(flags, dtype=torch.uint8)
        dist.all_reduce(raised, dist.ReduceOp.MAX, group=self.hosts)
        return [bool(flag) for flag in raised]

    def leave(self) -> None:
        """Leave the other ranks, after all have done their work; not after an error."""
        if self.world > 1:
            dist.barrier(group=self.hosts)  # rank 0 may still be writing
            dist.destroy_process_group()


def _all(values: Tensor, world: int) -> Tensor:
    parts = [torch.empty_like(values) for _ in range(world)]
    dist.all_gather(parts, values.contiguous())
    return torch.stack(parts)


class _Gather(torch.autograd.Function):
    @staticmethod
    def forward(context: Any, values: Tensor, ranks: Ranks) -> Tensor:
        context.ranks, context.count = ranks, len(values)
        return _all(values, ranks.world).flatten(0, 1)

    @staticmethod
    def backward(context: Any, gradient: Tensor) -> tuple[Tensor, None]:
        ranks, count = context.ranks, context.count
        return ranks.sum(gradient)[ranks.rank * count : (ranks.rank + 1) * count], None


def join(device_type: str) -> tuple[Ranks, int]:
    """Join the other ranks, if torchrun started this process; also return its local number."""
    world = int(os.environ.get("WORLD_SIZE", "1"))
    if world == 1:
        return Ranks(), 0
    local = int(os.environ["LOCAL_RANK"])
    if not dist.is_initialized():
        if device_type == "cuda":
            torch.cuda.set_device(local)
        dist.init_process_group("nccl" if device_type == "cuda" else "gloo", timeout=PATIENCE)
    hosts = dist.new_group(backend="gloo", timeout=PATIENCE)
    return Ranks(dist.get_rank(), world, hosts), local


def prepare_torch(recipe: Recipe) -> tuple[torch.device, Ranks]:
    """Set threads and determinism; return device and place among the ranks. As `pick_device`."""
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
    """Return the device called `auto`, `cpu` or `cuda` (InputError without one).

    TF32 is off: in cuDNN's convolutions it would change a patch embedding by 1e-3.
    """
    if name == "cuda" and not torch.cuda.is_available():
        raise InputError("recipe.device is cuda, but torch sees no GPU; use auto or cpu")
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    torch.backends.cuda.matmul.allow_tf32 = False
    torch.backends.cudnn.allow_tf32 = False
    return torch.device(name)
