"""Systems of the Hugging Face hub, or of a folder with what the hub has."""

from __future__ import annotations

import json
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

from pydantic import ConfigDict, Field

from anonbench.core.errors import InputError
from anonbench.core.provenance import model_files, versions
from anonbench.core.registries.systems import Encoder, Network, NetworkKind, adapter_files
from anonbench.core.settings import Count

if TYPE_CHECKING:
    import numpy as np
    import torch


class HuggingFace(NetworkKind):
    """A vision model in the format of timm or of transformers, with its own image processor."""

    # `name` is what the registry calls the class
    model_config = ConfigDict(
        validate_by_name=True, validate_by_alias=True, serialize_by_alias=True
    )

    name: ClassVar = "huggingface"
    label: ClassVar = "Hugging Face model"

    kind: Literal["huggingface"] = "huggingface"
    """Kind of system."""
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
    batch_size: Count | None = None
    """Images in a batch; by default 4 on a CPU and 64 on a GPU."""

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
        from anonbench.core.libraries.compat import install_torchvision_ops

        install_torchvision_ops()  # transformers and timm import torchvision
        from anonbench.training.distributed import pick_device

        described, place = _description(self.model, self.revision), pick_device(self.device)
        if "architecture" not in described:
            return _load_transformers(self, place)
        from anonbench.embedding.systems.timm_models import load_from_hub, timm_network

        where = "local-dir" if Path(self.model).is_dir() else "hf-hub"
        tag = f"@{self.revision}" if self.revision else ""
        model = load_from_hub(f"{where}:{self.model}{tag}")
        return timm_network(model, self.batch_size, "fp32", place)

    def start(self) -> AbstractContextManager[Encoder]:
        """Load the model, updated if there is an adapter."""
        from anonbench.embedding.systems.torch_encoder import network_encoder

        return network_encoder(self.network(), self.adapter)


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


def _load_transformers(settings: HuggingFace, place: torch.device) -> Network:
    import numpy as np
    from PIL import Image

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
