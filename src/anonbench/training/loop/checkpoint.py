"""Checkpoints: the complete state from which a killed training continues exactly."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import torch

from anonbench.core.io import append_checksum, atomic, has_intact_checksum

logger = logging.getLogger(__name__)


def write_checkpoint(path: Path, identity: str, state: dict[str, Any]) -> None:
    """Write a state, whole or not at all.

    Args:
        path: of the file.
        identity: a digest of what is trained on what; see `read_checkpoint`.
        state: tensors, numbers, strings, lists and dictionaries.

    """
    with atomic(path) as temporary:
        torch.save({"identity": identity, "state": state}, temporary)
        append_checksum(temporary)  # torch's reader checks none, and ignores bytes after the end


def read_checkpoint(path: Path, identity: str) -> dict[str, Any] | None:
    """Return the state, or None where there is none of this very training."""
    if not path.is_file():
        return None
    if not has_intact_checksum(path):
        logger.warning("the checkpoint is damaged: starting anew")
        return None
    saved = torch.load(path, map_location="cpu", weights_only=True)
    if saved["identity"] != identity:
        logger.warning("the checkpoint is of another recipe, seed or data: starting anew")
        return None
    state: dict[str, Any] = saved["state"]
    return state
