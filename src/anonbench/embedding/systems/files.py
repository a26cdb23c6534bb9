"""Systems that are a file: anonbench's own backbones, TorchScript and ONNX."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, ClassVar, Literal

from anonbench.core.image_input import ImageInput
from anonbench.core.provenance import versions
from anonbench.core.registries.systems import Encoder, SystemKind
from anonbench.core.settings import Count, Place

Device = Literal["auto", "cpu", "cuda"]


class Checkpoint(SystemKind):
    """A backbone that anonbench trained (`backbone.safetensors`), which says all about itself."""

    name: ClassVar = "checkpoint"
    label: ClassVar = "Checkpoint of anonbench"
    file_fields: ClassVar = ("file",)

    kind: Literal["checkpoint"] = "checkpoint"
    file: Place
    device: Device = "auto"
    batch_size: Count | None = None
    """As of timm's models."""

    def evidence(self) -> dict[str, Any]:
        """Return the versions of what runs it."""
        return versions("torch", "timm")

    @contextmanager
    def start(self) -> Iterator[Encoder]:
        """Load the backbone: its class token after the final norm is the vector."""
        from anonbench.embedding.systems.backbones import backbone_encoder

        with backbone_encoder(self.file, self.batch_size, self.device) as encoder:
            yield encoder


class TorchScript(SystemKind):
    """A model that `torch.jit.save` wrote: images in, vectors [N, D] out."""

    name: ClassVar = "torchscript"
    label: ClassVar = "TorchScript"
    file_fields: ClassVar = ("file",)

    kind: Literal["torchscript"] = "torchscript"
    file: Place
    """It is code: run only files that you trust."""
    input: ImageInput = ImageInput()
    """What becomes of an image before the model sees it."""
    device: Device = "auto"
    batch_size: Count | None = None
    """As of timm's models."""

    def evidence(self) -> dict[str, Any]:
        """Return the versions of what runs it."""
        return versions("torch", "pillow")

    @contextmanager
    def start(self) -> Iterator[Encoder]:
        """Load the model."""
        from anonbench.embedding.systems.networks.torch_encoder import script_encoder

        with script_encoder(self.file, self.input, self.batch_size, self.device) as encoder:
            yield encoder


class Onnx(SystemKind):
    """A model in ONNX format, run by ONNX Runtime on the CPU: images in, vectors [N, D] out."""

    name: ClassVar = "onnx"
    label: ClassVar = "ONNX"
    file_fields: ClassVar = ("file",)

    kind: Literal["onnx"] = "onnx"
    file: Place
    input: ImageInput = ImageInput()
    """What becomes of an image before the model sees it. Size and layout are the model's own, where
    it has fixed ones and they are not given here."""
    output: str | None = None
    """Name of the output with the vectors; the first one where it is not given."""
    batch_size: Count = 2
    """Where the model takes any number of images."""

    def evidence(self) -> dict[str, Any]:
        """Return the versions of what runs it."""
        return versions("onnxruntime", "pillow")

    @contextmanager
    def start(self) -> Iterator[Encoder]:
        """Load the model."""
        from anonbench.embedding.systems.networks.onnx_encoder import onnx_encoder

        with onnx_encoder(self.file, self.input, self.output, self.batch_size) as encoder:
            yield encoder
