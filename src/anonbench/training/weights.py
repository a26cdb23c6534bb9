"""Weight files: safetensors with the settings to build the backbone and prepare its input."""

import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from anonbench.config.training import Backbone, Recipe
from anonbench.core.errors import InputError
from anonbench.core.io import atomic
from anonbench.training.data.preprocess import Preprocess
from anonbench.training.model import formats
from anonbench.training.model.backbone import build_backbone, encode, init_backbone

KEY = "anonbench"  # a single key for all metadata: the order of several differs from file to file
PREFIX = "backbone."  # prefix of the backbone's names in a `Network`


def save_backbone(
    network: Mapping[str, Tensor], recipe: Recipe, path: Path, provenance: dict[str, Any]
) -> None:
    """Write a backbone's weights with its mask token, settings and provenance.

    `network` is the state of a `Network`, of which the heads are left out; the provenance is plain
    values that JSON can hold.
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
        name.removeprefix(PREFIX): value
        for name, value in network.items()
        if name.startswith(PREFIX) or name == formats.MASK_TOKEN
    }
    write_weights(weights, path, KEY, described)


def write_weights(
    weights: Mapping[str, Tensor], path: Path, key: str, described: dict[str, Any]
) -> None:
    """Write weights with their description: plain values, as metadata of this key."""
    tensors = {name: value.detach().cpu().contiguous() for name, value in weights.items()}
    with atomic(path) as temporary:
        save_file(tensors, temporary, metadata={key: json.dumps(described, sort_keys=True)})


def read_description(
    path: Path, key: str = KEY, what: str = "a backbone that anonbench trained"
) -> dict[str, Any]:
    """Read the description by `write_weights`; InputError if missing, or not of kind `what`."""
    try:
        with safe_open(path, framework="pt") as file:
            return dict(json.loads(file.metadata()[key]))
    except (OSError, SafetensorError, KeyError, TypeError) as error:
        raise InputError(f"{path}: not {what}: {error}") from None


def load_backbone(path: Path) -> tuple[nn.Module, Preprocess]:
    """Return a trained backbone in inference mode and the preparation of its input.

    InputError as `read_description`, or if the weights do not fit the model described.
    """
    described = read_description(path)
    preprocess = Preprocess(**described["preprocess"])
    file = formats.read_checkpoint(load_file(path))
    side, has_scale = file.side or preprocess.side, formats.has_layer_scale(file.weights)
    with torch.random.fork_rng():
        settings = Backbone(**described["backbone"])
        model = build_backbone(settings, side, has_scale, file.class_position)
    formats.load_strictly(model, file.weights, str(path))
    return model.eval().requires_grad_(False), preprocess


def class_tokens(model: nn.Module, preprocess: Preprocess, images: Tensor) -> Tensor:
    """Return the class tokens after the final norm, float32 [N, D] on the model's device.

    The images are uint8 [N, S, S, 3], as `Preprocess.fit` makes them.
    """
    device = next(model.parameters()).device
    return encode(model, preprocess.normalized(images.to(device)))[:, 0].float()


def load_untrained(path: Path) -> nn.Module:
    """Return a backbone's network with the random weights that its training's seed gives."""
    described = read_description(path)
    side = described["preprocess"]["side"]
    crops = {"global_size": side, "local_size": side}
    recipe = Recipe.model_validate({"backbone": described["backbone"], "crops": crops})
    model, _ = init_backbone(recipe, described["provenance"]["seed"])
    return model.eval().requires_grad_(False)
