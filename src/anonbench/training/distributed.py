"""Communication between the processes that train one model.

Each process ("rank") has an equal share of every batch. Values that a loss computes over the whole
batch (centering, nearest neighbours, means) are exchanged, so that the ranks together take the same
step as a single process. A training ends as a whole when one of its ranks does: see `RankWatch`.
"""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor, nn

from anonbench.core.errors import InputError

logger = logging.getLogger(__name__)

PATIENCE = timedelta(minutes=60)
"""Time that a rank waits for the others: rank 0 may be writing or evaluating."""
GRACE_SECONDS = 20.0
"""Time that a rank has to end by itself after another one has failed."""
TELLING_SECONDS = 2.0
"""Time within which a rank whose exchange failed learns of another rank's failure."""
_FOREVER = timedelta(days=3650)
_FAREWELL, _FAILURE = 1, 2


@dataclass(frozen=True)
class Ranks:
    """Place of this process among those that train together."""

    rank: int = 0
    world: int = 1
    hosts: Any = None
    """Process group in which the hosts communicate without waiting for their GPUs."""

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
        gathered: Tensor = _Gather.apply(values, self)  # type: ignore[no-untyped-call]
        return gathered

    def any(self, *flags: bool) -> list[bool]:
        """Return for each flag whether it is set on any rank."""
        if self.world == 1:
            return list(flags)
        raised = torch.tensor(flags, dtype=torch.uint8)
        dist.all_reduce(raised, dist.ReduceOp.MAX, group=self.hosts)
        return [bool(flag) for flag in raised]

    @contextmanager
    def agreeing(self) -> Iterator[None]:
        """Run checks of inputs in the block, on all ranks; an error on one of them stops all.

        Raises:
            InputError: that of the first rank with an error, the same on all ranks.

        """
        found: str | None = None
        try:
            yield
        except InputError as error:
            if self.world == 1:
                raise
            found = str(error)
        for text in self._told(found):
            if text is not None:
                raise InputError(text)

    def require_same(self, values: Any, what: str) -> None:
        """Check that all ranks have the same values, compared by their text.

        Raises:
            InputError: they differ.

        """
        if len(set(self._told(repr(values)))) > 1:
            raise InputError(
                f"the processes of the training do not read the same {what}: is the project in a "
                "folder that all machines share?"
            )

    def _told(self, text: str | None) -> list[str | None]:
        """Texts of all ranks, gathered; None for a rank without one."""
        if self.world == 1:
            return [text]
        told: list[str | None] = [None] * self.world
        dist.all_gather_object(told, text, group=self.hosts)
        return told


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


class RankWatch:
    """Watch of the other ranks; ends this process if they failed and it cannot go on.

    A collective on GPUs waits for a dead rank until its time limit, and a process that waits for
    its GPU cannot handle signals. So each rank always has a receive pending from the previous rank:
    a thread gets the message, or gloo's error once the connection is closed, in whatever way the
    other process ended.
    """

    def __init__(self, rank: int, world: int, hosts: Any) -> None:
        """Begin to watch; all ranks must do so.

        Args:
            rank: of this process.
            world: number of ranks.
            hosts: a gloo group of all of them.

        """
        self._next = (rank + 1) % world
        self._hosts = hosts
        self._failed = threading.Event()
        self._left = threading.Event()
        self._news = torch.zeros(1, dtype=torch.uint8)
        heard = dist.irecv(self._news, (rank - 1) % world, group=hosts)
        self._thread = threading.Thread(target=self._watch, args=(heard,), daemon=True)
        self._thread.start()

    def failed(self) -> bool:
        """Check whether another rank has failed; wait for the news at most `TELLING_SECONDS`."""
        return self._failed.wait(TELLING_SECONDS)

    def leave(self) -> None:
        """Wait until all ranks have done their work, and end the watch."""
        dist.barrier(group=self._hosts)  # rank 0 may still be writing
        self._tell(_FAREWELL)
        self._thread.join()
        self._left.set()

    def _tell(self, news: int) -> None:
        dist.send(torch.tensor([news], dtype=torch.uint8), self._next, group=self._hosts)

    def _watch(self, heard: Any) -> None:
        try:
            heard.wait(_FOREVER)
            if int(self._news) == _FAREWELL:
                return
        except RuntimeError as error:  # gloo's: the other process is gone
            logger.debug("the connection to another rank is closed: %s", error)
        self._failed.set()
        try:
            self._tell(_FAILURE)  # now, and not when this process has ended too
        except RuntimeError as error:
            logger.debug("the next rank is gone too: %s", error)
        if not self._left.wait(GRACE_SECONDS):
            logger.error(
                "stopped: another process of the training failed, and this one waits for it"
            )
            os._exit(1)


def join(device_type: str) -> tuple[Ranks, int]:
    """Join the other ranks, if torchrun started this process; also return its local number.

    Only once: like torch's process group, the place is valid for the whole process.
    """
    global _joined
    world = int(os.environ.get("WORLD_SIZE", "1"))
    if world == 1:
        return Ranks(), 0
    local = int(os.environ["LOCAL_RANK"])
    if _joined is None:
        if device_type == "cuda":
            torch.cuda.set_device(local)
        dist.init_process_group("nccl" if device_type == "cuda" else "gloo", timeout=PATIENCE)
        hosts = dist.new_group(backend="gloo", timeout=PATIENCE)
        ranks = Ranks(dist.get_rank(), world, hosts)
        _joined = _Joined(ranks, RankWatch(ranks.rank, world, hosts))
    return _joined.ranks, local


def leave() -> None:
    """Leave the other ranks, if there are any, after all have done their work.

    Not to be called after an error: the others would not call it, and destroying NCCL's group alone
    may wait for them. The process has to end instead, which informs them.
    """
    global _joined
    if _joined is not None:
        _joined.watch.leave()
        dist.destroy_process_group()
        _joined = None


def other_rank_failed() -> bool:
    """Check whether this process trains with others, and one of them failed before it."""
    return _joined is not None and _joined.watch.failed()


@dataclass(frozen=True)
class _Joined:
    ranks: Ranks
    watch: RankWatch


_joined: _Joined | None = None


def shard(network: nn.Module, blocks: nn.ModuleList) -> None:
    """Spread a network's weights over all ranks, a block at a time (FSDP2)."""
    from torch.distributed.fsdp import fully_shard

    for block in blocks:
        fully_shard(block)
    # the teacher, which has no backward pass, would stay whole after its forward pass
    fully_shard(network, reshard_after_forward=True)


def whole(value: Any) -> Any:
    """Gather a state's sharded tensors (in dictionaries and lists) on the CPU.

    All ranks must call it, in the same order.
    """
    if isinstance(value, dict):
        return {key: whole(entry) for key, entry in value.items()}
    if isinstance(value, list | tuple):
        return [whole(entry) for entry in value]
    if isinstance(value, Tensor):
        value = value.detach()
        return (value.full_tensor() if hasattr(value, "full_tensor") else value).cpu()
    return value


def spread_like(value: Tensor, pattern: Tensor) -> Tensor:
    """Return a whole tensor on the device of `pattern`, sharded over the ranks in the same way."""
    if not hasattr(pattern, "device_mesh"):
        return value.to(pattern.device)
    from torch.distributed.tensor import distribute_tensor

    spread: Any = pattern
    return distribute_tensor(value.to(pattern.device), spread.device_mesh, spread.placements)


def whole_norm(value: Tensor) -> Tensor:
    """Return a norm over spread tensors as a plain scalar."""
    spread: Any = value
    whole_value: Tensor = spread.full_tensor() if hasattr(value, "full_tensor") else value
    return whole_value


def local(value: Tensor) -> Tensor:
    """Return the part of a tensor that this rank holds."""
    return value.to_local() if hasattr(value, "to_local") else value
