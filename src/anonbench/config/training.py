"""Settings of a training: DINOv2's recipe, its named presets and the demo's small one."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, ClassVar, Literal, Self

from pydantic import Field, model_validator

from anonbench.config.base import Count, Fraction, Positive, Range, Settings

NonNegative = Annotated[float, Field(ge=0.0)]
Momentum = Annotated[float, Field(ge=0.0, lt=1.0)]


class Backbone(Settings):
    """The vision transformer."""

    name: str | None = None
    """A timm model (`vit_large_patch16_224`, …); its sizes win over those below."""
    width: Count = 64
    """Embedding dimension."""
    depth: Count = 3
    """Number of blocks."""
    heads: Count = 2
    """Attention heads."""
    patch: Count = 8
    """Side of a patch in pixels."""
    layer_scale: Positive = 1e-5
    """LayerScale's initial value (DINOv2: 1e-5; a small model in few steps needs 1)."""
    position: Literal["learned", "sincos"] = "learned"
    """Initial position embedding: random, or sine and cosine at half amplitude; then learned."""
    init: Literal["vit", "xavier"] = "vit"
    """Initialization of linear layers, the heads' too: truncated normal 0.02 (ViT) or Xavier."""
    drop_path: Fraction = 0.3
    """Stochastic depth, the same rate in all blocks."""
    pretrained: Path | Literal["timm"] | None = None
    """Start from timm's weights of `name` (downloaded where there is a hub) or from a safetensors
    or PyTorch file of them; without it from random weights, as the paper very likely did."""

    @model_validator(mode="after")
    def _heads_divide(self) -> Self:
        if self.name is None and self.width % self.heads:
            raise ValueError(f"width {self.width} is not a multiple of heads {self.heads}")
        if self.pretrained == "timm" and self.name is None:
            raise ValueError("pretrained: timm needs the model's name in `name`")
        return self


class Crops(Settings):
    """Multi-crop views."""

    global_size: Count = 224
    """Side of a global crop in pixels; also the input size at inference."""
    local_size: Count = 96
    """Side of a local crop in pixels."""
    global_count: Literal[2] = 2
    """DINOv2 has two global crops."""
    local_count: Annotated[int, Field(ge=0)] = 8
    """Number of local crops."""
    global_area: Range = (0.5, 1.0)
    """Area of a global crop as a share of the image. The paper: above 50 %; DINOv2: 0.32 to 1."""
    local_area: Range = (0.05, 0.5)
    """Area of a local crop. The paper: below 50 %; DINOv2: 0.05 to 0.32."""
    shared_geometry: bool = False
    """Whether both global crops are cut at the same place."""
    flip: Fraction = 0.5
    """Probability of a horizontal flip."""
    jitter: tuple[NonNegative, NonNegative, NonNegative, NonNegative] = (0.4, 0.4, 0.2, 0.1)
    """Brightness, contrast, saturation and hue."""
    jitter_probability: Fraction = 0.8
    grey: Fraction = 0.2
    """Probability of a grey-level crop."""
    blur: tuple[Fraction, Fraction, Fraction] = (1.0, 0.1, 0.5)
    """Probability of a blur on global crop 1, global crop 2 and local crops (DINOv2 as named)."""
    solarize: Fraction = 0.2
    """Probability of solarization on global crop 2."""
    normalize: Literal["imagenet", "per_crop"] = "imagenet"
    """ImageNet's mean and deviation, or each crop to zero mean and unit variance."""

    @model_validator(mode="after")
    def _areas_make_sense(self) -> Self:
        for field in ("global_area", "local_area"):
            smallest, largest = getattr(self, field)
            if not 0.0 < smallest <= largest:
                raise ValueError(f"{field}: needs 0 < smallest <= largest")
        return self


class Heads(Settings):
    """Projection heads and the losses on them."""

    hidden: Count = 2048
    bottleneck: Count = 256
    prototypes: Count = 65536
    shared: bool = True
    """One head for DINO and iBOT."""
    centering: Literal["softmax", "sinkhorn"] = "softmax"
    center_momentum: Fraction = 0.9
    student_temperature: Positive = 0.1
    teacher_temperature: tuple[Positive, Positive] = (0.04, 0.07)
    """At the start and after its warm-up."""
    teacher_temperature_warmup: Fraction = 0.3
    """Share of the run over which it rises."""
    freeze_last_layer: Fraction = 0.01
    """Share of the run in which the last layer does not move."""


class Losses(Settings):
    """Weights of the losses and the masking."""

    dino: NonNegative = 1.0
    ibot: NonNegative = 1.0
    koleo: NonNegative = 0.1
    mask_images: Fraction = 0.5
    """Share of the global crops in which patches are masked."""
    mask_ratio: Range = (0.1, 0.5)
    """Share of the patches that is masked in such a crop."""

    @model_validator(mode="after")
    def _ratio_makes_sense(self) -> Self:
        if self.mask_ratio[0] > self.mask_ratio[1]:
            raise ValueError("mask_ratio: the smallest is larger than the largest")
        return self


class Optimizer(Settings):
    """AdamW, its schedules and the teacher's."""

    steps: Count = 125_000
    """Optimizer steps (DINOv2: 100 "epochs" of 1,250)."""
    batch_size: Count = 2048
    """Images in a step."""
    learning_rate: Positive = 4e-3
    """At the reference batch of 1,024 images where `scale_rate` is set."""
    scale_rate: bool = True
    """Multiply the rate by sqrt(batch / 1024)."""
    min_learning_rate: NonNegative = 1e-6
    warmup: Fraction = 0.1
    """Share of the run with a rising rate; cosine after it."""
    layer_decay: Positive = 0.9
    """Factor of the rate from each block to the one before it."""
    patch_rate: Positive = 0.2
    """Factor of the patch embedding's rate."""
    weight_decay: tuple[NonNegative, NonNegative] = (0.04, 0.4)
    """At the start and at the end, cosine between."""
    betas: tuple[Momentum, Momentum] = (0.9, 0.999)
    """Momenta of the gradient's mean and square."""
    clip: Positive = 3.0
    """Largest gradient norm of each part (backbone, heads)."""
    ema: tuple[Fraction, Fraction] = (0.992, 1.0)
    """Teacher's momentum at the start and at the end, cosine between."""


class Recipe(Settings):
    """One complete training recipe. Defaults: DINOv2's short setting with the paper's crops."""

    WITHOUT_EFFECT: ClassVar[frozenset[str]] = frozenset({"workers", "checkpoint_minutes"})

    backbone: Backbone = Backbone()
    crops: Crops = Crops()
    heads: Heads = Heads()
    losses: Losses = Losses()
    optimizer: Optimizer = Optimizer()
    resize: Literal["crop", "squash"] = "crop"
    """At inference: shorter side to 8/7 of the input and its centre (DINOv2), or the whole image
    squashed into the input."""
    device: Literal["auto", "cpu", "cuda"] = "auto"
    precision: Literal["fp32", "bf16"] = "fp32"
    """bf16 runs the forward pass under autocast."""
    threads: Count = 1
    """CPU threads of one training: fixed here and not by the machine, for equal bytes."""
    workers: Annotated[int, Field(ge=0)] = 0
    """Processes that load images; the result does not depend on it."""
    scratch: bool = False
    """Decode and shrink every image once into a memory-mapped scratch file that is deleted at the
    end: for small images read many times on few cores."""
    log_every: Count = 10
    """Steps between two lines of the training log."""
    checkpoint_minutes: Positive = 15
    """Minutes between two checkpoints, from which a killed training goes on."""

    @model_validator(mode="after")
    def _crops_fit_patches(self) -> Self:
        if self.backbone.name is None:
            for field in ("global_size", "local_size"):
                side = getattr(self.crops, field)
                if side % self.backbone.patch:
                    raise ValueError(
                        f"crops.{field} {side} is not a multiple of backbone.patch "
                        f"{self.backbone.patch}"
                    )
        return self
