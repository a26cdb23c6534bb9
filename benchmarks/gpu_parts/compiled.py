"""Proof that blocks ran compiled: a count of those that ran as plain Python, and Dynamo's counters.

Dynamo falls back to plain Python without an error, after too many recompilations or where it is
switched off, and a figure would then be reported as compiled that is not.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch._dynamo.utils import counters

from anonbench.training.loop.trainer import Trainer
from anonbench.training.model.blocks import CompiledBlock, PackedBlock


class Watch:
    """Number of blocks that ran as plain Python; from before the first step on."""

    def __init__(self) -> None:
        self.eager = 0
        plain = PackedBlock._attend

        def attend(block: PackedBlock, *given: Any) -> Any:
            if not torch.compiler.is_compiling():  # a constant to the compiler: no code is left
                self.eager += 1
            return plain(block, *given)

        PackedBlock._attend = attend  # type: ignore[method-assign]

    def verdict(self, trainer: Trainer, steps: int) -> dict[str, Any]:
        """Return how many blocks ran compiled in the last steps, and what the compiler did so far.

        All are to but the last of either network.

        Args:
            trainer: that took the steps.
            steps: since `eager` was 0.
        """
        depth = len(trainer.student.backbone.blocks)  # type: ignore[arg-type]
        wanted = 2 * (depth - 1)
        eager = self.eager / steps - 2
        inductor = counters["inductor"]
        return {
            "blocks_wanted": wanted,
            "blocks": wanted - eager,
            "graphs": counters["stats"]["unique_graphs"],
            "graph_breaks": sum(counters["graph_break"].values()),
            "from_disk_cache": inductor["fxgraph_cache_hit"],
        }


def require(compiled: dict[str, Any]) -> None:
    """Raise where a block ran eagerly, wholly or in part."""
    if compiled["blocks"] != compiled["blocks_wanted"] or compiled["graph_breaks"]:
        raise AssertionError(
            f"compiled: {compiled['blocks']:g} of {compiled['blocks_wanted']} blocks, with "
            f"{compiled['graph_breaks']} breaks: this run is eager, and no ratio is taken from it"
        )


@contextmanager
def uncompiled(trainer: Trainer) -> Iterator[None]:
    """Let a trainer's blocks run as plain Python for a while."""
    networks: tuple[Any, Any] = trainer.student, trainer.teacher
    blocks = [b for network in networks for b in network.backbone.blocks]
    compiled = [block for block in blocks if isinstance(block, CompiledBlock)]
    for block in compiled:
        block.__class__ = PackedBlock
    try:
        yield
    finally:
        for block in compiled:
            block.__class__ = CompiledBlock
