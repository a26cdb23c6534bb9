"""Systems of the Hugging Face hub, or of a folder with what the hub has."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal

from pydantic import ConfigDict, Field

from anonbench.core.model_files import model_files
from anonbench.core.provenance import versions
from anonbench.core.registries.systems import Encoder, SystemKind
from anonbench.core.settings import Count


class HuggingFace(SystemKind):
    """A vision model in the format of timm or of transformers, with its own image processor."""

    # `name` is what the registry calls the class
    model_config = ConfigDict(
        validate_by_name=True, validate_by_alias=True, serialize_by_alias=True
    )

    name: ClassVar = "huggingface"
    label: ClassVar = "Hugging Face model"

    kind: Literal["huggingface"] = "huggingface"
    model: Annotated[str, Field(alias="name", min_length=1)]
    """`owner/name` on the hub, or a folder with `config.json` and `model.safetensors`. Code that
    comes with a model is not run."""
    revision: str | None = None
    """Commit or tag on the hub; without it what is newest when it is first downloaded."""
    pooling: Literal["auto", "pooler", "cls", "mean"] = "auto"
    """Of transformers' models: the pooler's output where there is one, else the first token; or the
    mean of all tokens."""
    device: Literal["auto", "cpu", "cuda"] = "auto"
    batch_size: Count | None = None
    """As of timm's models."""

    def files(self) -> list[Path]:
        """List the files of a local folder."""
        folder = Path(self.model)
        return model_files(folder) if folder.is_dir() else []

    def evidence(self) -> dict[str, Any]:
        """Return the versions of what runs it."""
        return versions("torch", "timm", "pillow")

    @contextmanager
    def start(self) -> Iterator[Encoder]:
        """Load the model."""
        from anonbench.embedding.systems.networks.huggingface_models import huggingface_encoder

        with huggingface_encoder(
            self.model, self.revision, self.pooling, self.batch_size, self.device
        ) as encoder:
            yield encoder
