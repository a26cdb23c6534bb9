"""Settings of what is trained: recipes, redrawing networks and low-rank updates."""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal, Self

import yaml
from pydantic import Field, field_validator, model_validator

from anonbench.core.settings import (
    Count,
    Fraction,
    Natural,
    Place,
    Positive,
    Range,
    Settings,
    merged,
)
from anonbench.core.vocabulary import Adaption

NonNegative = Annotated[float, Field(ge=0.0)]
Momentum = Annotated[float, Field(ge=0.0, lt=1.0)]

_BLURS = {"nominal": (1.0, 0.1, 0.5), "released": (0.0, 0.9, 0.5)}
"""DINOv2's blur as its config names it and as its released code applies it (1 - p)."""

_CROPS: dict[str, dict[str, Any]] = {
    "paper": {"global_area": (0.5, 1.0), "local_area": (0.05, 0.5)},
    "dinov2": {"global_area": (0.32, 1.0), "local_area": (0.05, 0.32)},
}

_LONG = """
backbone: { width: 1024, depth: 24, heads: 16, patch: 14, ffn: swiglu, drop_path: 0.4 }
crops: { global_size: 224, local_size: 98 }
heads:
  { prototypes: 131072, bottleneck: 384, shared: false, centering: sinkhorn,
    teacher_temperature_warmup: 0.06, freeze_last_layer: 0.002 }
optimizer:
  { steps: 625000, batch_size: 3072, learning_rate: 2.0e-4, warmup: 0.16, layer_decay: 1.0,
    weight_decay: [0.04, 0.2], ema: [0.994, 1.0] }
"""
_RECIPES: dict[str, dict[str, Any]] = {"short": {}, "long": yaml.safe_load(_LONG)}
"""DINOv2's two published settings, with lengths as shares of the run. The short one has the
defaults; its backbone, ViT-L/16, is not the default: a recipe names it."""


class _Preset(Settings):
    """Settings with the defaults of the preset that they name, or of the first one."""

    PRESETS: ClassVar[Mapping[str, Mapping[str, Any]]]

    @model_validator(mode="before")
    @classmethod
    def _fill_from_preset(cls, given: Any) -> Any:
        name = given.get("preset", next(iter(cls.PRESETS))) if isinstance(given, Mapping) else None
        return merged(cls.PRESETS[name], given) if name in [*cls.PRESETS] else given


class Backbone(Settings):
    """The vision transformer."""

    name: str | None = None
    """A timm model such as `vit_large_patch16_224`, whose dimensions override the settings
    below."""
    width: Count = 64  # Embedding dimension.
    depth: Count = 3  # Number of blocks.
    heads: Count = 2  # Attention heads.
    patch: Count = 8  # Side of a patch, in pixels.
    registers: Natural = 0
    """Number of register tokens (Darcet et al. 2024; DINOv2's later models have 4)."""
    ffn: Literal["mlp", "swiglu"] = "mlp"
    """Feed-forward part of a block (DINOv2: SwiGLU in its long setting and in ViT-g)."""
    layer_scale: Positive = 1e-5
    """Initial value of LayerScale (DINOv2: 1e-5; a small model in few steps needs 1)."""
    position: Literal["learned", "sincos"] = "learned"
    """Initial position embedding, which is then learned: random, or sine and cosine at half
    amplitude."""
    init: Literal["vit", "xavier"] = "vit"
    """Initialization of linear layers: truncated normal with deviation 0.02 (`vit`) or `xavier`."""
    drop_path: Fraction = 0.3  # Rate of stochastic depth, the same in all blocks.
    pretrained: Place | Literal["timm"] | None = None
    """Initial weights: `timm` for those of `name`, or a file with the key names of timm, DINOv2 or
    Hugging Face."""

    def _contradictions(self) -> Iterator[str]:
        if self.name is None and self.width % self.heads:
            yield f"width {self.width} is not a multiple of heads {self.heads}"
        if self.pretrained == "timm" and self.name is None:
            yield "pretrained: timm needs the name of timm's model in `name`"


class Crops(_Preset):
    """Multi-crop views."""

    PRESETS: ClassVar = _CROPS

    preset: Literal["paper", "dinov2"] = "paper"
    """Default areas: the paper's (global crops from 0.5 of the image, local ones below) or DINOv2's
    (0.32)."""
    global_size: Count = 224
    """Side of a global crop, in pixels, which is also the input size at inference."""
    local_size: Count = 96  # Side of a local crop, in pixels.
    global_count: ClassVar[int] = 2  # Number of global crops.
    local_count: Natural = 8  # Number of local crops.
    global_area: Range = (0.5, 1.0)
    """Smallest and largest area of a global crop, as a share of the image."""
    local_area: Range = (0.05, 0.5)
    """Smallest and largest area of a local crop, as a share of the image."""
    shared_geometry: bool = False  # Cut both global crops at the same place.
    flip: Fraction = 0.5  # Probability of a horizontal flip.
    jitter: tuple[NonNegative, NonNegative, NonNegative, NonNegative] = (0.4, 0.4, 0.2, 0.1)
    """Strengths of brightness, contrast, saturation and hue jitter."""
    jitter_probability: Fraction = 0.8  # Probability of colour jitter.
    grey: Fraction = 0.2  # Probability of a grey-level crop.
    blur: Literal["nominal", "released"] | tuple[Fraction, Fraction, Fraction] = "nominal"
    """Probabilities of a blur on both global and on local crops: `nominal` 1, 0.1, 0.5; `released`
    0, 0.9, 0.5."""
    solarize: Fraction = 0.2  # Probability of solarization on global crop 2.
    normalize: Literal["imagenet", "per_crop"] = "imagenet"
    """`imagenet`: ImageNet's mean and deviation; `per_crop`: each crop to zero mean and unit
    variance."""

    @property
    def blur_probabilities(self) -> tuple[float, float, float]:
        """Blur probabilities of global crop 1, global crop 2 and local crops."""
        return _BLURS[self.blur] if isinstance(self.blur, str) else self.blur

    def _contradictions(self) -> Iterator[str]:
        for field in ("global_area", "local_area"):
            smallest, largest = getattr(self, field)
            if not 0.0 < smallest <= largest:
                yield f"{field}: needs 0 < smallest <= largest"


class Heads(Settings):
    """Projection heads and the losses on them."""

    hidden: Count = 2048  # Width of the hidden layers.
    bottleneck: Count = 256  # Width of the bottleneck.
    prototypes: Count = 65536  # Number of prototypes.
    shared: bool = True  # One head for DINO and iBOT.
    centering: Literal["softmax", "sinkhorn"] = "softmax"  # Centering of the teacher's scores.
    center_momentum: Fraction = 0.9  # Momentum of the center, for softmax centering.
    student_temperature: ClassVar[float] = 0.1  # Temperature of the student's scores.
    teacher_temperature: tuple[Positive, Positive] = (0.04, 0.07)
    """Temperature of the teacher's scores, at the start and after its warm-up."""
    teacher_temperature_warmup: Fraction = 0.3
    """Share of the run over which that temperature rises."""
    freeze_last_layer: Fraction = 0.01
    """Share of the run, at its start, in which the last layer is frozen."""


class Losses(Settings):
    """Weights of the losses and the masking."""

    dino: NonNegative = 1.0  # Weight of the DINO loss.
    ibot: NonNegative = 1.0  # Weight of the iBOT loss.
    koleo: NonNegative = 0.1  # Weight of the KoLeo loss.
    mask_images: Fraction = 0.5  # Share of the global crops in which patches are masked.
    mask_ratio: ClassVar[tuple[float, float]] = (0.1, 0.5)
    """Smallest and largest share of the patches that is masked in such a crop."""
    distilled_patches: NonNegative = 0.0
    """Adaption D: weight of the patches' embeddings relative to the class token's."""


class Optimizer(Settings):
    """AdamW, its schedules and the teacher's momentum."""

    steps: Count = 125_000  # Optimizer steps (DINOv2: 100 "epochs" of 1,250).
    batch_size: Count = 2048  # Images in a step, on all GPUs together.
    accumulate: Count = 1
    """Parts of a batch that follow each other, to save GPU memory; KoLeo and Sinkhorn see one part
    at a time."""
    learning_rate: Positive = 4e-3
    """Learning rate, at 1,024 images in a batch if `scale_rate` is true."""
    scale_rate: bool = True  # Multiply the learning rate by sqrt(batch / 1024).
    min_learning_rate: NonNegative = 1e-6  # Learning rate at the end of the cosine decay.
    warmup: Fraction = 0.1  # Share of the run with a rising rate, before the cosine decay.
    layer_decay: Positive = 0.9  # Factor of the rate from each block to the one before it.
    patch_rate: Positive = 0.2  # Factor of the patch embedding's rate.
    backbone_rate: Positive = 1.0  # Factor of the backbone's rate: below 1 for pretrained weights.
    heads_first: Fraction = 0.0
    """Share of the run, at its start, in which only the heads learn, for pretrained backbones."""
    weight_decay: tuple[NonNegative, NonNegative] = (0.04, 0.4)
    """Weight decay at the start and at the end, with a cosine between."""
    betas: tuple[Momentum, Momentum] = (0.9, 0.999)
    """Momenta of AdamW for the gradient's mean and square."""
    clip: ClassVar[float] = 3.0  # Largest gradient norm of the backbone and of the heads.
    ema: tuple[Fraction, Fraction] = (0.992, 1.0)
    """Momentum of the teacher at the start and at the end, with a cosine between."""

    @field_validator("steps", mode="before")
    @classmethod
    def _trains(cls, steps: Any) -> Any:
        if steps == 0 and type(steps) is int:
            raise ValueError(
                "a training has one step at least; for a model as it is, name a `system` in the "
                "data set (docs/how-to/systems.md)"
            )
        return steps


class Recipe(_Preset):
    """A training recipe; the defaults are DINOv2's short setting with the paper's crops."""

    PRESETS: ClassVar = _RECIPES
    WITHOUT_EFFECT: ClassVar[frozenset[str]] = frozenset(
        ["preset", "checkpoint_activations", "workers", "gpus", "tensorboard", "checkpoint_minutes"]
    )

    preset: Literal["short", "long"] = "short"
    """Default values: DINOv2's short setting (125,000 steps) or its long one (ViT-L/14, 625,000
    steps, Sinkhorn)."""
    backbone: Backbone = Backbone()
    crops: Crops = Crops()
    heads: Heads = Heads()
    losses: Losses = Losses()
    optimizer: Optimizer = Optimizer()
    resize: Literal["crop", "squash"] = "crop"
    """Input at inference: `crop` (shorter side to 8/7 of it, then the centre) or `squash` (the
    whole image)."""
    device: Literal["auto", "cpu", "cuda"] = "auto"
    """Device of the training; `auto` uses a GPU if available."""
    precision: Literal["fp32", "bf16"] = "fp32"
    """Number format of the forward pass; `bf16` runs it under autocast."""
    compile: Literal["auto", "on", "off"] = "auto"
    """Compile the blocks by torch.compile; `auto` on a GPU only."""
    checkpoint_activations: bool = False
    """Compute activations twice to save GPU memory, in a third more time and with the same
    result."""
    gpus: Count = 1  # GPUs of one training (on a CPU: processes), which share the batch.
    threads: Count = 1
    """CPU threads of one training, fixed so that every machine computes the same bytes."""
    workers: Natural = 0  # Processes that load images; results do not depend on it.
    scratch: bool = False
    """Decode and shrink small images once into a temporary file, for machines with few cores."""
    log_every: Count = 10  # Steps between two lines of the training log.
    tensorboard: bool = True  # Write the training log for TensorBoard as well.
    checkpoint_minutes: Positive = 15
    """Minutes between two checkpoints, from which a killed training resumes."""

    @property
    def gpus_needed(self) -> int:
        """GPUs of one training; 0 on the CPU."""
        return 0 if self.device == "cpu" else self.gpus

    def lacks_crops(self, adaption: Adaption) -> str:
        """Say why an adaption would anonymize crops that the recipe does not cut; else empty."""
        is_without = adaption is Adaption.A and self.crops.local_count == 0
        why = "crops.local_count is 0, but adaption A anonymizes local crops alone"
        return why if is_without else ""

    def distilling(self, unadapted: Path) -> Self:
        """Recipe of adaption D: from the unadapted model's weights, with a single loss.

        DINOv2 distils likewise: a frozen teacher, the student's moving average as the result,
        neither masks nor stochastic depth.
        """
        start = {"pretrained": unadapted, "drop_path": 0.0}
        changed = {
            "backbone": self.backbone.model_copy(update=start),
            "crops": self.crops.model_copy(update={"local_count": 0}),
            "losses": self.losses.model_copy(update={"mask_images": 0.0}),
            "optimizer": self.optimizer.model_copy(update={"heads_first": 0.0}),
        }
        return self.model_copy(update=changed)

    def _contradictions(self) -> Iterator[str]:
        parts = self.gpus * self.optimizer.accumulate
        if self.optimizer.batch_size % parts:
            yield (
                f"optimizer.batch_size {self.optimizer.batch_size} cannot be shared equally by "
                f"gpus x optimizer.accumulate = {parts}"
            )
        patch, of = self.backbone.patch, "backbone.patch"
        if (name := self.backbone.name) is not None:
            found = re.search(r"_patch(\d+)", name)
            patch, of = int(found[1]) if found else 0, f"the patch of {name},"
        for field in ("global_size", "local_size"):
            side = getattr(self.crops, field)
            if patch and side % patch:
                below = side // patch * patch
                yield (
                    f"crops.{field} {side} is not a multiple of {of} {patch}: set it to "
                    f"{f'{below} or ' if below else ''}{below + patch}"
                )


class Redrawing(Settings):
    """The network that redraws hidden regions (`datasets.<name>.redrawn`), and its training.

    It sees pictures as the unadapted model does. Seed, device, threads, loader processes and
    checkpoints are those of that model's training.
    """

    width: ClassVar[int] = 16
    """Channels of the first layer; deeper ones have up to four times as many."""
    steps: Count = 2000  # Optimizer steps.
    batch_size: ClassVar[int] = 32  # Images in a step.
    learning_rate: Positive = 2e-3
    """Learning rate of AdamW, after a warm-up over a twentieth of the steps and before a cosine
    decay."""


LOW_RANK_BATCH = 16  # images of a step


class LowRank(Settings):
    """Low-rank updates (LoRA) of a system's network: adaption D of a data set with a `system`."""

    rank: Annotated[int, Field(ge=1, le=1024)] = 8  # Of the update of each layer.
    learning_rate: Positive = 2e-3  # Largest, of AdamW with one cycle.
    epochs: Count = 4  # Times that each image is learned from.
    images: Annotated[int, Field(ge=LOW_RANK_BATCH, le=2**31 - 1)] = 4096
    """Most train images that are learned from; of more, those are drawn."""
