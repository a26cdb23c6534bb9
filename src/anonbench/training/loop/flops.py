"""Floating-point operations of a training step, for estimates of its time.

Model FLOPs as PaLM (Chowdhery et al. 2022, appendix B) counts them: those that the method needs,
without recomputation and padding. Only matrix products count, a multiply-add as two.

Does not import torch, so that planning can use it, too.
"""

from __future__ import annotations

import re
from itertools import pairwise
from typing import TYPE_CHECKING, Literal, NamedTuple

if TYPE_CHECKING:
    from anonbench.config.training import Backbone, Recipe

FORWARD_AND_BACKWARD = 3  # a backward pass has two products for each one: by weights, by inputs

# Words of the device's name; dense peaks in FLOP/s of bf16 with fp32 sums and of fp32 without TF32,
# from NVIDIA's data sheets. The first row whose words all occur is used.
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
    # without bf16 units: the peak of fp16, which such a recipe does not use
    ("V100 SXM2", 125e12, 15.7e12),
    ("V100 SXM3", 125e12, 15.7e12),
    ("V100 PCIE", 112e12, 14.0e12),
    ("T4", 65e12, 8.1e12),
)
_LESS = {"LAPTOP", "MIG", "D", "MAX"}  # a part or a smaller version of a GPU, with another peak


def peak_flops(device_name: str, precision: Literal["fp32", "bf16"]) -> float | None:
    """Return the dense peak of a GPU in FLOP/s by torch's name of the device; None if not known."""
    words = set(re.split(r"[\s_-]+", device_name.upper()))
    peaks = [peaks for name, *peaks in _PEAKS if set(name.split()) <= words]
    return peaks[0][precision == "fp32"] if peaks and not words & _LESS else None


class Sizes(NamedTuple):
    """Sizes of a vision transformer that decide its FLOPs."""

    width: int  # embedding dimension
    depth: int  # number of blocks
    patch: int  # side of a patch in pixels
    prefix: int  # class token and registers
    weights: int  # number of weights of the linear layers in all blocks


# width and depth by the word in timm's name (Dosovitskiy et al. 2021, table 1; DeiT's small)
_SIZES = {"small": (384, 12), "base": (768, 12), "large": (1024, 24), "huge": (1280, 32)}
_NAME = re.compile(
    r"vit_(small|base|large|huge)_patch(\d+)_(?:reg(\d+)_)?(?:clip_(?:quickgelu_)?)?(?:\d+|dinov2)(?:\..+)?"
)


def sizes_by_settings(backbone: Backbone) -> Sizes | None:
    """Return the sizes without a model; None if the model's name does not determine them.

    A SwiGLU counts as the MLP that it replaces, less than 0.5 % off from a width of 384 on.
    """
    width, depth = backbone.width, backbone.depth
    patch, registers = backbone.patch, backbone.registers
    if (name := backbone.name) is not None:
        found = _NAME.fullmatch(name)
        if found is None:
            return None
        width, depth = _SIZES[found[1]]
        patch, registers = int(found[2]), int(found[3] or 0)
    # attention has 4 · width², an MLP of four times the width 8 · width²
    return Sizes(width, depth, patch, 1 + registers, 12 * depth * width**2)


def image_flops(sizes: Sizes, recipe: Recipe) -> float:
    """Return the model FLOPs of a training step per image, with as many masks as possible."""
    crops, losses = recipe.crops, recipe.losses
    share = losses.mask_images * sum(losses.mask_ratio) / 2
    masked = crops.global_count * share * _patches(sizes, crops.global_size)
    kept = 1.0 - recipe.backbone.drop_path
    sides = [crops.global_size] * crops.global_count
    teacher = sum(forward_flops(sizes, side) for side in sides)
    sides += [crops.local_size] * crops.local_count
    student = sum(forward_flops(sizes, side, kept) for side in sides)
    # images need no gradient
    free = sum(_embedding_flops(sizes, side) for side in sides)
    # a head for one token: three layers and the prototypes
    heads = recipe.heads
    layers = (sizes.width, heads.hidden, heads.hidden, heads.bottleneck, heads.prototypes)
    head = 2.0 * sum(a * b for a, b in pairwise(layers))
    student += head * (len(sides) + masked)
    teacher += head * (crops.global_count + masked)
    return FORWARD_AND_BACKWARD * student - free + teacher


def forward_flops(sizes: Sizes, side: int, kept: float = 1.0) -> float:
    """Return the FLOPs of a forward pass without heads, on an image of `side` pixels.

    `kept` is the share of the images that each block computes.
    """
    tokens = _patches(sizes, side) + sizes.prefix
    # queries by keys and attention by values, each tokens × tokens × width
    attention = 4.0 * tokens**2 * sizes.width * sizes.depth
    return _embedding_flops(sizes, side) + kept * (2.0 * tokens * sizes.weights + attention)


def _embedding_flops(sizes: Sizes, side: int) -> float:
    return float(2 * 3 * sizes.patch**2 * sizes.width * _patches(sizes, side))


def _patches(sizes: Sizes, side: int) -> int:
    return (side // sizes.patch) ** 2
