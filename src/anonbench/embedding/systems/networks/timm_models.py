"""Models of timm as encoders."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

import torch
from torch import Tensor, nn

from anonbench.core.errors import InputError
from anonbench.core.image_input import ImageInput
from anonbench.core.libraries.compat import install_torchvision_ops
from anonbench.core.registries.systems import Encoder
from anonbench.embedding.systems.networks.torch_encoder import read_state, torch_encoder
from anonbench.training.model.pretrained import load_strictly

install_torchvision_ops()  # timm imports torchvision

from timm import create_model, is_model, list_models  # noqa: E402
from timm.data.config import resolve_data_config  # noqa: E402

_NEAR = 3
_HEADS = ("classifier.", "head.", "fc.", "head_dist.")
"""Weights of classification heads, which no vector depends on."""


@contextmanager
def timm_encoder(
    name: str,
    weights: Path | None,
    packaged: Path | None,
    batch_size: int | None,
    precision: Literal["fp32", "bf16"],
    device: Literal["auto", "cpu", "cuda"],
) -> Iterator[Encoder]:
    """Give a model without its head: its pooled features are the vectors.

    Args:
        name: timm's.
        weights: file of its state dict.
        packaged: the same of an installed package, in other names. Without both: the hub's.
        batch_size: images that are computed at once.
        precision: see `torch_encoder`.
        device: see `torch_encoder`.

    Raises:
        InputError: timm has no such model, or its weights do not fit, or the hub is out of reach.

    """
    model = _with_weights(name, weights, packaged)
    described = image_input(resolve_data_config({}, model=model))
    with torch_encoder(model, described, batch_size, precision, device) as encoder:
        yield encoder


def image_input(described: Mapping[str, Any]) -> ImageInput:
    """Return timm's data config as settings.

    Raises:
        InputError: the model wants what these cannot say, such as another number of channels.

    """
    channels, height, width = described["input_size"]
    if channels != 3:
        raise InputError(f"systems: the model wants images of {channels} channels, not of 3")
    mode: dict[str, Any] = {"center": "crop", "squash": "squash", "border": "pad"}
    return ImageInput(
        size=(height, width),
        resize=mode[described.get("crop_mode") or "center"],
        crop=described["crop_pct"],
        interpolation=described["interpolation"],
        mean=described["mean"],
        std=described["std"],
    )


def _with_weights(name: str, weights: Path | None, packaged: Path | None) -> nn.Module:
    is_placed = ":" in name  # of the hub or a folder, in timm's format
    if not is_placed and not is_model(name.partition(".")[0]):
        near = difflib.get_close_matches(name, list_models(), _NEAR)
        hint = f"; near it: {', '.join(near)}" if near else ""
        raise InputError(f"systems: timm has no model {name!r}{hint}")
    if packaged is None and weights is None:
        return _from_hub(name)
    with torch.random.fork_rng():
        model: nn.Module = create_model(name, num_classes=0)
    if weights is not None:
        load_strictly(model, without_head(read_state(weights)), f"systems: {weights} as {name}")
    elif packaged is not None:
        load_strictly(model, _same_order(model, read_state(packaged)), f"systems: {packaged}")
    return model


def _from_hub(name: str) -> nn.Module:
    try:
        model: nn.Module = create_model(name, pretrained=True, num_classes=0)
    except Exception as error:  # of the hub's client, of the network or of timm
        text = " ".join(str(error).split())
        raise InputError(
            f"systems: the weights of {name!r} cannot be had from the hub ({text[:200]}); without "
            "a network, set `weights` to a file of them"
        ) from error
    return model


def without_head(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return weights without those of a classification head."""
    return {name: value for name, value in state.items() if not name.startswith(_HEADS)}


def _same_order(model: nn.Module, state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return the package's weights by timm's names: the same modules, in the same order."""
    values = [value for name, value in state.items() if not name.startswith("_fc.")]
    return dict(zip(model.state_dict(), values, strict=True))
