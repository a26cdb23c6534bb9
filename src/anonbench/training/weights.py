"""The trained backbone as a file: safetensors with what is needed to build and feed it."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import nn

from anonbench.config.training import Backbone, Recipe
from anonbench.errors import InputError
from anonbench.files import atomic
from anonbench.training.backbone import build_backbone, has_layer_scale, load_strictly
from anonbench.training.preprocess import Preprocess

KEY = "anonbench"
"""One key for all metadata: the order of several is not the same from file to file."""


def save_backbone(model: nn.Module, recipe: Recipe, path: Path, provenance: dict[str, Any]) -> None:
    """Write a backbone's weights, how to build it and what made it.

    Args:
        model: made by `build_backbone`.
        recipe: its training's.
        path: of the safetensors file.
        provenance: plain values that JSON can hold.

    """
    preprocess = Preprocess(recipe.crops.global_size, recipe.crops.normalize, recipe.resize)
    described = {
        "backbone": recipe.backbone.model_dump(mode="json", exclude={"pretrained"}),
        "preprocess": asdict(preprocess),
        "device": recipe.device,
        "threads": recipe.threads,
        "provenance": provenance,
    }
    weights = {
        name: value.detach().cpu().contiguous() for name, value in model.state_dict().items()
    }
    with atomic(path) as temporary:
        save_file(weights, temporary, metadata={KEY: json.dumps(described, sort_keys=True)})


def read_description(path: Path) -> dict[str, Any]:
    """Return what `save_backbone` wrote beside the weights.

    Raises:
        InputError: the file is missing or was written by something else.

    """
    try:
        with safe_open(path, framework="pt") as file:
            return dict(json.loads(file.metadata()[KEY]))
    except (OSError, SafetensorError, KeyError, TypeError) as error:
        raise InputError(f"{path}: not a backbone that anonbench trained: {error}") from None


def load_backbone(path: Path) -> tuple[nn.Module, Preprocess]:
    """Return a trained backbone in inference mode and what its input must look like.

    Raises:
        InputError: the file is missing, or was written by something else, or its weights do not
            fit the model that it describes.

    """
    described = read_description(path)
    preprocess = Preprocess(**described["preprocess"])
    with safe_open(path, framework="pt") as file:
        weights = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    with torch.random.fork_rng():
        settings = Backbone(**described["backbone"])
        model = build_backbone(settings, preprocess.side, has_layer_scale(weights))
    load_strictly(model, weights, path)
    return model.eval().requires_grad_(False), preprocess
