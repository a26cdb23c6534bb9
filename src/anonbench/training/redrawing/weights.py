"""Weight files of networks that draw hidden regions anew."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file

from anonbench.core.errors import InputError
from anonbench.core.io import atomic
from anonbench.training.data.preprocess import Preprocess
from anonbench.training.loop.device_setup import pick_device
from anonbench.training.redrawing.network import Redrawer

_KEY = "anonbench_redrawing"


@dataclass(frozen=True)
class Drawing:
    """A trained network, and what its pictures have to look like."""

    network: Redrawer
    preprocess: Preprocess
    """Of the model that it draws for."""


def save_redrawer(
    network: Redrawer, preprocess: Preprocess, path: Path, described: dict[str, Any]
) -> None:
    """Write a network's weights, what its pictures look like, and what made it.

    Args:
        network: trained.
        preprocess: of the model that it draws for.
        path: of the safetensors file.
        described: plain values with `settings`, `device` and `threads` among them.

    """
    weights = {
        name: value.detach().cpu().contiguous() for name, value in network.state_dict().items()
    }
    text = json.dumps(described | {"preprocess": asdict(preprocess)}, sort_keys=True)
    with atomic(path) as temporary:
        save_file(weights, temporary, metadata={_KEY: text})


def load_redrawer(path: Path) -> Drawing:
    """Return a trained network on the device where it shall draw; set torch's threads.

    Raises:
        InputError: the file is missing or was written by something else.

    """
    try:
        with safe_open(path, framework="pt") as file:
            described = json.loads(file.metadata()[_KEY])
            weights = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except (OSError, SafetensorError, KeyError, TypeError) as error:
        raise InputError(f"{path}: not a network that draws regions anew: {error}") from None
    torch.set_num_threads(described["threads"])
    preprocess = Preprocess(**described["preprocess"])
    network = Redrawer(described["settings"]["width"], preprocess.side)
    network.load_state_dict(weights)
    network.eval().requires_grad_(False)
    return Drawing(network.to(pick_device(described["device"])), preprocess)
