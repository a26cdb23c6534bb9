"""Low-rank updates of a network's weights, in the format of the package peft."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import nn

from anonbench.core.errors import InputError
from anonbench.core.registries.systems import adapter_files

_KEY = re.compile(r"base_model\.model\.(.+)\.lora_([AB])\.weight")
_OTHERS = ("use_rslora", "rank_pattern", "alpha_pattern", "fan_in_fan_out")
"""Settings of peft by which updates are scaled or laid out otherwise."""
_STARTS = (True, False, "gaussian", "eva", "orthogonal")
"""Initializations of peft that leave the network's own weights as they are."""


@torch.no_grad()
def merge(module: nn.Module, adapter: Path) -> None:
    """Add low-rank updates to the weights of the network that they were learned for.

    `adapter` is `adapter_model.safetensors`, beside `adapter_config.json`. peft would do the same;
    this needs none of its packages, which take seconds to load.

    Raises:
        InputError: a file cannot be read, or holds something else than plain low-rank updates of
            this network.

    """
    try:
        parts = load_file(adapter)
        settings = json.loads(adapter_files(adapter)[1].read_text(encoding="utf-8"))
        scale = settings["lora_alpha"] / settings["r"]
        is_plain = not any(settings.get(each) for each in _OTHERS)
        is_plain &= settings.get("init_lora_weights", True) in _STARTS
    except (SafetensorError, OSError, ValueError, LookupError, TypeError, ArithmeticError) as error:
        text = " ".join(str(error).split())[:200]
        raise InputError(
            f"systems: adapter: {adapter} and its adapter_config.json cannot be read as low-rank "
            f"updates ({type(error).__name__}: {text})"
        ) from None
    found = [_KEY.fullmatch(key) for key in parts]
    names = {match[1] for match in found if match}
    if not is_plain or None in found or len(parts) != 2 * len(names):
        raise InputError(
            f"systems: adapter: {adapter} holds more than plain low-rank updates; merge it into "
            "the weights by its own program, and give those"
        )
    layers = dict(module.named_modules())
    for name in sorted(names):
        first, last = (parts[f"base_model.model.{name}.lora_{each}.weight"] for each in "AB")
        weight: Any = getattr(layers.get(name), "weight", None)
        is_matrix = isinstance(weight, nn.Parameter) and min(weight.ndim, first.ndim, last.ndim) > 1
        fits = is_matrix and len(first) == last.flatten(1).shape[1]
        update = scale * last.flatten(1) @ first.flatten(1) if fits else None
        if update is None or weight.flatten(1).shape != update.shape:
            raise InputError(
                f"systems: adapter: {adapter} was learned for another network: the system's has "
                f"no such layer as {name}"
            )
        weight.add_(update.reshape(weight.shape).to(weight))
