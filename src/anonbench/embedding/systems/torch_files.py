"""Systems that are a backbone of anonbench's own trainings."""

from contextlib import AbstractContextManager
from functools import partial
from typing import Any, ClassVar, Literal

from anonbench.core.errors import InputError
from anonbench.core.provenance import versions
from anonbench.core.registries.systems import Encoder, Network, NetworkKind
from anonbench.core.settings import Count, Place


class Checkpoint(NetworkKind):
    """A backbone that anonbench trained (`backbone.safetensors`), which says all about itself."""

    name: ClassVar = "checkpoint"
    label: ClassVar = "Checkpoint of anonbench"
    file_fields: ClassVar = ("file",)

    kind: Literal["checkpoint"] = "checkpoint"
    """Kind of system."""
    file: Place
    """File `backbone.safetensors` of a training."""
    device: Literal["auto", "cpu", "cuda"] = "auto"
    """Device of the model; `auto` uses a GPU if available."""
    batch_size: Count | None = None
    """Images in a batch; by default 4 on a CPU and 64 on a GPU."""

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
        model = model.to(place)
        compute = partial(class_tokens, model, preprocess)
        return Network(model, preprocess.fit, compute, self.batch_size, place)

    def start(self) -> AbstractContextManager[Encoder]:
        """Load the backbone, updated if there is an adapter."""
        from anonbench.embedding.systems.torch_encoder import network_encoder

        return network_encoder(self.network(), self.adapter)
