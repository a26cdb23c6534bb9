"""Two processes, each with half of the batch, against one with all of it: the same steps."""

from __future__ import annotations

import os
import socket
import tempfile
from collections.abc import Callable
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from checks import small
from synthetic import batch_of
from torch.multiprocessing.spawn import (
    ProcessExitedException,
    ProcessRaisedException,
    start_processes,
)

from anonbench.training.data.batch import Batch
from anonbench.training.distributed import Ranks, join
from anonbench.training.loop.trainer import Trainer

from .guard import NotApplicable, Report
from .setting import device_of

WORLD, STEPS = 2, 3
TERMS = ("dino", "ibot", "koleo", "gradient_norm")


def steps_of_a_rank(rank: int, output: str, tiny: bool) -> None:
    """Take the steps as one of two, and let the first write what came of them."""
    os.environ |= {"RANK": str(rank), "LOCAL_RANK": str(rank)}
    kind = device_of(tiny).type
    ranks, local = join(kind)
    found = steps(torch.device(kind, local) if kind == "cuda" else torch.device(kind), ranks)
    if rank == 0:
        torch.save(found, output)
    ranks.leave()


def measure(report: Report, tiny: bool, work: Callable[..., None] = steps_of_a_rank) -> None:
    """Compare losses and gradient norms; by NCCL on two GPUs, by gloo on a CPU."""
    device = device_of(tiny)
    if device.type == "cuda" and torch.cuda.device_count() < WORLD:
        raise NotApplicable("there is one GPU")
    # a fork loads nothing again, but CUDA does not work in it
    way = "fork" if device.type == "cpu" else "spawn"
    with tempfile.TemporaryDirectory() as folder:
        output = Path(folder) / "rank-0.pt"
        with socket.create_server(("127.0.0.1", 0)) as listener:
            port = listener.getsockname()[1]  # that nobody listens on
        place = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port)}
        os.environ |= place | {"WORLD_SIZE": str(WORLD)}
        try:
            start_processes(work, (str(output), tiny), nprocs=WORLD, start_method=way)
        except (ProcessRaisedException, ProcessExitedException) as error:
            last = str(error).strip().splitlines()[-1]
            raise RuntimeError(f"process {error.error_index} of {WORLD}: {last}") from error
        together = torch.load(output)
    alone = steps(device, Ranks())
    report(terms=TERMS, alone=alone.tolist(), together=together.tolist())
    torch.testing.assert_close(together, alone, rtol=1e-3, atol=1e-5)


def steps(device: torch.device, ranks: Ranks) -> torch.Tensor:
    """Take steps without stochastic depth, whose draws are each rank's; return [steps, terms]."""
    settings = small(device)
    settings.backbone.drop_path = 0.0
    trainer = Trainer(settings, 0, device, ranks)
    for step in range(STEPS):
        batch = batch_of(settings, settings.optimizer.batch_size, 6, seed=step)
        trainer.advance([share(batch, ranks)])
    return torch.tensor([[row[term] for term in TERMS] for row in trainer.log])


def share(batch: Batch, ranks: Ranks) -> Batch:
    """Return a rank's images of a batch."""
    size = len(batch.ids)
    mine = np.arange(size).reshape(ranks.world, -1)[ranks.rank]

    def rows(crops: torch.Tensor) -> np.ndarray:
        return np.arange(len(crops)).reshape(-1, size)[:, mine].ravel()

    def of(augmentations: Any, chosen: np.ndarray) -> Any:
        values = {f.name: getattr(augmentations, f.name)[chosen] for f in fields(augmentations)}
        return replace(augmentations, **values)

    views, local_views = rows(batch.global_crops), rows(batch.local_crops)
    return Batch(
        ids=tuple(batch.ids[row] for row in mine),
        global_crops=batch.global_crops[views],
        local_crops=batch.local_crops[local_views],
        global_augmentations=of(batch.global_augmentations, views),
        local_augmentations=of(batch.local_augmentations, local_views),
        masked=batch.masked[views],
    )
