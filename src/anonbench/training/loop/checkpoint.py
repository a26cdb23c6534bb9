"""Checkpoints: the complete state from which a killed training continues exactly."""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import torch

from anonbench.core.io import append_checksum, atomic, has_intact_checksum

logger = logging.getLogger(__name__)


class Resumable(Protocol):
    """A training that can be resumed from its state."""

    step: int

    def state(self) -> dict[str, Any]:
        """Return all that `restore` needs."""

    def restore(self, state: dict[str, Any]) -> None:
        """Resume from a state."""


@dataclass
class Checkpoint:
    """Checkpoint of a training: its file, and the time of the last writing."""

    path: Path
    identity: str
    minutes: float
    written: float = field(default_factory=time.monotonic)
    step: int = 0
    seconds: float = 0.0
    """Seconds that the last writing took."""

    @property
    def is_due(self) -> bool:
        """Whether it is time to write again."""
        return time.monotonic() - self.written >= 60.0 * self.minutes

    def restore(self, training: Resumable) -> None:
        """Resume a training from here, if there is a checkpoint of it."""
        state = read_checkpoint(self.path, self.identity)
        if state is not None:
            training.restore(state)
            self.step = training.step
            logger.info("going on from step %d", training.step)

    def write(self, training: Resumable, first: bool = True) -> None:
        """Write the state; all ranks must call it, and the first one writes."""
        began = time.monotonic()
        state = training.state()
        if first:
            write_checkpoint(self.path, self.identity, state)
        self.written, self.step = time.monotonic(), training.step
        self.seconds = self.written - began


def write_checkpoint(path: Path, identity: str, state: dict[str, Any]) -> None:
    """Write a state of tensors and plain values, whole or not at all.

    `identity` is a digest of the training and its inputs; see `read_checkpoint`.
    """
    with atomic(path) as temporary:
        torch.save({"identity": identity, "state": state}, temporary)
        append_checksum(temporary)  # not checked by torch, which ignores trailing bytes


def read_checkpoint(path: Path, identity: str) -> dict[str, Any] | None:
    """Return the state, or None if there is none of the same training."""
    if not path.is_file():
        return None
    if not has_intact_checksum(path):
        logger.warning("the checkpoint is damaged: starting from the beginning")
        return None
    saved = torch.load(path, map_location="cpu", weights_only=True)
    if saved["identity"] != identity:
        logger.warning(
            "the checkpoint is of another recipe, seed or data: starting from the beginning"
        )
        return None
    state: dict[str, Any] = saved["state"]
    return state
