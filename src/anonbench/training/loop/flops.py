"""Floating-point operations of a training step, for the share of a GPU's peak that it reaches.

Model FLOPs as PaLM (Chowdhery et al. 2022, appendix B) counts them: what the method needs, whatever
the implementation computes again or on padding. Matrix products alone, a multiply-add as two.
"""

from __future__ import annotations

import re
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Literal

from torch import nn

if TYPE_CHECKING:
    from anonbench.config.training import Heads, Recipe

FORWARD_AND_BACKWARD = 3
"""A backward pass has two products for each one of the forward pass: by weights and by inputs."""

_PEAKS: tuple[tuple[str, float, float], ...] = (
    ("GB200", 2.5e15, 80e12),
    ("B200", 2.25e15, 75e12),
    ("H200 NVL", 835e12, 60e12),
    ("H200", 989e12, 66.9e12),
    ("H100 PCIE", 756e12, 51.2e12),
    ("H100 NVL", 835e12, 60e12),
    ("H100", 989e12, 66.9e12),
    ("A100", 312e12, 19.5e12),
    ("A40", 149.7e12, 37.4e12),
    ("A30", 165e12, 10.3e12),
    ("A10", 125e12, 31.2e12),
    ("L40S", 362e12, 91.6e12),
    ("L40", 181e12, 90.5e12),
    ("L4", 121e12, 30.3e12),
    ("RTX 6000 ADA", 364.2e12, 91.1e12),
    ("RTX A6000", 154.8e12, 38.7e12),
    ("RTX 4090", 165.2e12, 82.6e12),
    ("RTX 3090", 71.2e12, 35.6e12),
    # without bf16 units: the peak of fp16, which is what a recipe gives up there
    ("V100 SXM2", 125e12, 15.7e12),
    ("V100 SXM3", 125e12, 15.7e12),
    ("V100 PCIE", 112e12, 14.0e12),
    ("T4", 65e12, 8.1e12),
)
"""Words of the device's name; dense peaks in FLOP/s of bf16 with fp32 sums and of fp32 without
TF32, from NVIDIA's data sheets. The first row whose words all occur counts."""
_LESS = {"LAPTOP", "MIG", "D", "MAX"}
"""Words that tell a part or a smaller version of a GPU, whose peak is another."""


def peak_flops(device_name: str, precision: Literal["fp32", "bf16"]) -> float | None:
    """Return the dense peak of a GPU in FLOP/s, None where it is not known.

    Args:
        device_name: as `torch.cuda.get_device_name` gives it.
        precision: the recipe's.

    """
    words = set(re.split(r"[\s_-]+", device_name.upper()))
    if words & _LESS:
        return None
    for name, bf16, fp32 in _PEAKS:
        if set(name.split()) <= words:
            return bf16 if precision == "bf16" else fp32
    return None


def step_flops(model: nn.Module, recipe: Recipe, masked: float | None = None) -> float:
    """Return the model FLOPs of a training step per image.

    The student's forward and backward pass on all crops and the teacher's forward pass on the
    global ones, with their heads. What stochastic depth drops is not counted.

    Args:
        model: the backbone, a timm ViT; torch's meta device will do.
        recipe: of the training.
        masked: patches, of both global crops of an image together, mean; by default as many as
            the recipe lets be masked.

    """
    crops = recipe.crops
    if masked is None:
        masked = masked_patches(recipe, _patches(model, crops.global_size))
    kept = 1.0 - recipe.backbone.drop_path
    sides = [crops.global_size] * crops.global_count
    teacher = sum(_backbone_flops(model, side, 1.0) for side in sides)
    sides += [crops.local_size] * crops.local_count
    student = sum(_backbone_flops(model, side, kept) for side in sides)
    # images need no gradient
    free = sum(_embedding_flops(model, side) for side in sides)
    width: int = model.embed_dim  # type: ignore[assignment]
    head = head_flops(width, recipe.heads)
    student += head * (len(sides) + masked)
    teacher += head * (crops.global_count + masked)
    return FORWARD_AND_BACKWARD * student - free + teacher


def masked_patches(recipe: Recipe, patches: int) -> float:
    """Return how many patches of an image's global crops are masked in the mean, at most.

    Args:
        recipe: of the training.
        patches: of one global crop.

    """
    losses = recipe.losses
    share = losses.mask_images * sum(losses.mask_ratio) / 2
    return recipe.crops.global_count * share * patches


def head_flops(width: int, heads: Heads) -> float:
    """Return the FLOPs of a token's way through a head: three layers and the prototypes."""
    sizes = (width, heads.hidden, heads.hidden, heads.bottleneck, heads.prototypes)
    return 2.0 * sum(a * b for a, b in pairwise(sizes))


def _backbone_flops(model: Any, side: int, kept: float) -> float:
    """Return the FLOPs of a forward pass on one crop, with this share of it kept in the blocks."""
    tokens = _patches(model, side) + int(model.num_prefix_tokens)
    weights: int = sum(
        layer.weight.numel()
        for block in model.blocks
        for layer in block.modules()
        if isinstance(layer, nn.Linear)
    )
    # queries by keys and attention by values, each tokens × tokens × width
    attention = 4.0 * tokens**2 * int(model.embed_dim) * len(model.blocks)
    return _embedding_flops(model, side) + kept * (2.0 * tokens * weights + attention)


def _embedding_flops(model: Any, side: int) -> float:
    weights: int = model.patch_embed.proj.weight.numel()
    return float(2 * weights * _patches(model, side))


def _patches(model: Any, side: int) -> int:
    height, width = model.patch_embed.patch_size
    return (side // int(height)) * (side // int(width))
