"""Systems under test: whatever turns images into vectors, with the settings of its input."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal, Protocol, get_args

from pydantic import Field

from anonbench.core.registries.registry import Registered, Registry
from anonbench.core.settings import Count, Place, Positive, Settings, Share

if TYPE_CHECKING:
    import numpy as np
    import torch


Similarity = Literal["cosine", "inner", "euclidean"]


class System(Protocol):
    """A model that images are searched by, started once."""

    @property
    def identity(self) -> str:
        """Digest of all that decides the vectors: settings, weights, code, versions."""
        ...

    @property
    def similarity(self) -> Similarity:
        """What its vectors are compared by."""
        ...

    def encode(self, images: Sequence[np.ndarray]) -> np.ndarray:
        """Return vectors, float32 [N, D], one for each image in their order.

        Args:
            images: N images, uint8 [H, W, 3] RGB of any sizes.

        Raises:
            InputError: the system does not answer, or not as it should.
        """
        ...


class Encoder(Protocol):
    """A system without name and similarity, started by its kind."""

    def encode(self, images: Sequence[np.ndarray]) -> np.ndarray:
        """See `System.encode`; the vectors may be of any float type."""
        ...


class SystemKind(Registered):
    """One kind of system. Its fields are the settings of a system of this kind, under `systems`.

    A class has a field `kind`, a literal with its name.
    """

    file_fields: ClassVar[tuple[str, ...]] = ()
    """Fields that name files of the user, which decide the vectors."""
    embeds_images: ClassVar[bool] = True
    """Whether it turns any image into a vector, also a crop that an attacker searches with."""
    seconds_an_image: ClassVar[tuple[float, float]] = (0.05, 0.0)
    """On a core, and those that each of its megapixels adds; for the plan and the time limits of
    clusters."""
    memory_mb: ClassVar[int] = 2_000
    """Of a job that embeds images."""

    WITHOUT_EFFECT: ClassVar[frozenset[str]] = frozenset({"seconds"})
    """Fields that no vector depends on."""

    similarity: Similarity = "cosine"
    """Similarity of vectors: `cosine`, `inner` product or `euclidean` distance."""
    seconds: Positive | None = None
    """Seconds on a core to embed an image, for the plan; `anonbench init` measures and writes them.
    """

    @classmethod
    def lacks(cls) -> str:
        """Missing field `kind`, by which the config tells systems apart."""
        field = cls.model_fields.get("kind")
        if field is None or get_args(field.annotation) != (cls.name,):
            return f'has no field `kind: Literal["{cls.name}"] = "{cls.name}"`'
        return ""

    @property
    def most_images(self) -> int:
        """Number of images passed at once; beyond some, they are read as they are used."""
        return 64

    def evidence(self) -> dict[str, Any]:
        """Facts that decide the vectors, besides the settings and `files`, as JSON values.

        For example the digest of a function's source, or versions of packages.
        """
        return {}

    def require(self) -> None:
        """Check, before any job, what can be told of it without starting it.

        InputError: it cannot be started.
        """

    def start(self) -> AbstractContextManager[Encoder]:
        """Start the system for the time of a `with` block; import its packages here.

        Raises:
            InputError: it cannot be started; says what is missing.
        """
        raise NotImplementedError


@dataclass(frozen=True)
class Network:
    """A system's network with its weights, and what its vectors are computed by."""

    module: torch.nn.Module  # In inference mode, on its device.
    prepare: Callable[[np.ndarray], np.ndarray]
    """From an image, uint8 [H, W, 3], to the input of one."""
    compute: Callable[[torch.Tensor], Any]
    """From a batch of inputs to vectors, by `module` as it is then."""
    batch_size: int | None  # Images that are computed at once; None for a fast size on the device.
    place: torch.device
    faster: Callable[[], Callable[[torch.Tensor], Any]] | None = None
    """Makes a fast copy of `compute`, without gradients."""


class NetworkKind(SystemKind):
    """A kind with a network whose weights are at hand: low-rank updates of it can be learned."""

    # an adapter's content counts: `files`
    WITHOUT_EFFECT: ClassVar[frozenset[str]] = SystemKind.WITHOUT_EFFECT | {"adapter"}

    adapter: Place | None = None
    """Low-rank updates of its weights: `adapter_model.safetensors` of adaption D or of the package
    peft, with `adapter_config.json` in the same folder."""

    def files(self) -> list[Path]:
        """List also the second file of low-rank updates."""
        return [*super().files(), *adapter_files(self.adapter)[1:]]

    def network(self) -> Network:
        """Build the network without the low-rank updates.

        Raises:
            InputError: as `start`.
        """
        raise NotImplementedError


def adapter_files(adapter: Path | None) -> list[Path]:
    """List the files of low-rank updates."""
    return [] if adapter is None else [adapter, adapter.with_name("adapter_config.json")]


SYSTEMS = Registry(
    "anonbench.systems", SystemKind, "anonbench.embedding.systems:BUILT_IN", needs_defaults=False
)


Channels = tuple[float, float, float]
Deviations = tuple[Positive, Positive, Positive]
IMAGENET_MEAN, IMAGENET_STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


class ImageInput(Settings):
    """How an image becomes the input of a network."""

    size: Annotated[tuple[Count, Count], Field(min_length=2)] = (224, 224)
    """Height and width of the input, in pixels."""
    resize: Literal["crop", "squash", "pad"] = "crop"
    """`crop`: shorter side to size / `crop`, then the centre; `squash`: the whole image; `pad`: the
    same with borders of `mean`."""
    crop: Share | Literal[1] = 0.875  # Share of the resized image that the centre crop takes.
    interpolation: Literal["nearest", "bilinear", "bicubic", "lanczos"] = "bicubic"
    """Pillow's filter for resizing, which averages over all pixels when it shrinks."""
    value_range: Literal[1, 255] = 1
    """Largest pixel value, 1 or 255, before `mean` and `std` apply."""
    mean: Channels = IMAGENET_MEAN
    """Mean of each channel, which is subtracted, in the order of `channels`."""
    std: Deviations = IMAGENET_STD
    """Standard deviation of each channel, which values are divided by."""
    channels: Literal["rgb", "bgr"] = "rgb"  # Order of the colour channels.
    layout: Literal["nchw", "nhwc"] = "nchw"
    """Order of the input's dimensions: channels first (`nchw`) or last (`nhwc`)."""
