"""Loading of a backbone's weights from a file in any known format: all of them or none."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from pathlib import Path
from pickle import UnpicklingError
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn

from anonbench.core.errors import InputError
from anonbench.training.model.formats import (
    TITLES,
    Checkpoint,
    count_blocks,
    count_registers,
    has_layer_scale,
    read_checkpoint,
    uses_swiglu,
)

logger = logging.getLogger(__name__)

FIELD = "recipe.backbone.pretrained"
SHOWN = 5  # greatest number of differing weights that an error lists


def read_pretrained(path: Path) -> Checkpoint:
    """Read a backbone from a file that may hold what `formats` says; InputError if it does not."""
    content = read_weights(path, FIELD)
    try:
        return read_checkpoint(content)
    except InputError as error:
        raise InputError(f"{FIELD}: {path}: {error}") from error


def read_weights(path: Path, field: str) -> Any:
    """Return the content of a safetensors or PyTorch file; nothing is executed.

    InputError, which names the `field` of the config: the file is missing or neither.
    """
    if not path.is_file():
        raise InputError(f"{field}: {path} does not exist")
    try:
        if path.suffix == ".safetensors":
            return load_file(path)
        return torch.load(path, map_location="cpu", weights_only=True)
    except (SafetensorError, UnpicklingError, RuntimeError, EOFError, OSError) as error:
        text = " ".join(str(error).split())[:200]
        raise InputError(f"{field}: {path} holds no weights ({text})") from error


def load_pretrained(model: Any, checkpoint: Checkpoint, path: Path) -> None:
    """Load a checkpoint of `read_pretrained` into a model, and log the result.

    The model has LayerScale and positions of the same kind as the checkpoint, for the same size of
    images; the path is for messages.

    Raises:
        InputError: architectures, names or shapes differ.
    """
    what = f"{FIELD}: {path} ({TITLES[checkpoint.format]})"
    wanted, given = _architecture(model.state_dict()), _architecture(checkpoint.weights)
    differing = [
        f"{name} {given[name]} in the file, {wanted[name]} in the model"
        for name in wanted
        if given[name] not in (wanted[name], None)
    ]
    if differing:
        raise InputError(f"{what} is of another architecture: {'; '.join(differing)}")
    load_strictly(model, checkpoint.weights, what)
    mask_token = checkpoint.mask_token
    if mask_token is not None and mask_token.shape != (model.embed_dim,):
        raise InputError(
            f"{what}: the mask token has {mask_token.numel()} values, the model {model.embed_dim}"
        )
    logger.info(
        "%s: %d weights loaded; positions for images of %s px; mask token: %s; %d names ignored",
        what,
        len(checkpoint.weights),
        checkpoint.side,
        "none" if mask_token is None else "taken",
        len(checkpoint.ignored),
    )


def _architecture(weights: Mapping[str, Tensor]) -> dict[str, object]:
    """Architecture of a backbone, from weights in our names; None where they do not tell it."""
    hidden, patch, token = (
        weights.get(name)
        for name in ("blocks.0.mlp.fc2.weight", "patch_embed.proj.weight", "cls_token")
    )
    return {
        "width": None if token is None else token.shape[-1],
        "depth": count_blocks(weights),
        "patch": None if patch is None else patch.shape[-1],
        "registers": count_registers(weights),
        "ffn": "swiglu" if uses_swiglu(weights) else "mlp",
        "hidden width": None if hidden is None else hidden.shape[1],
        "LayerScale": has_layer_scale(weights),
    }


def load_strictly(model: nn.Module, weights: Mapping[str, Tensor], what: str) -> None:
    """Load weights by the model's names, all of them and no others; float types are converted.

    InputError: names or shapes differ; says which, and of `what`.
    """
    expected = {name: tuple(value.shape) for name, value in model.state_dict().items()}
    given = {name: tuple(value.shape) for name, value in weights.items()}
    if expected != given:
        differing = sorted(
            name for name in expected.keys() | given.keys() if expected.get(name) != given.get(name)
        )
        lines = [
            f"{name}: model {expected.get(name, 'none')}, file {given.get(name, 'none')}"
            for name in differing[:SHOWN]
        ]
        raise InputError(
            f"{what}: {len(differing)} of its weights do not fit the model: {'; '.join(lines)}"
        )
    model.load_state_dict(dict(weights))
