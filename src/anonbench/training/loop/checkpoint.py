"""Checkpoints: the complete state from which a killed training continues exactly."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import torch

from anonbench.core.io import atomic, is_sealed, seal

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
        seal(temporary)  # torch's reader takes bytes after the end, and checks no checksum


def read_checkpoint(path: Path, identity: str) -> dict[str, Any] | None:
    """Return the state, or None where there is none of this very training."""
    if not path.is_file():
        return None
    if not is_sealed(path):
        logger.warning("the checkpoint is damaged: starting anew")
        return None
    saved = torch.load(path, map_location="cpu", weights_only=True)
    if saved["identity"] != identity:
        logger.warning("the checkpoint is of another recipe, seed or data: starting anew")
        return None
    state: dict[str, Any] = saved["state"]
    return state
