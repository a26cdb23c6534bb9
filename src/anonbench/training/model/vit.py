"""A plain vision transformer (Dosovitskiy et al. 2021), whose weights have timm's names.

timm's own is used only if a name requires it: importing timm loads torchvision's models and torch's
compiler, 1.7 CPU-seconds (measured) in each of the many jobs that embed a few images.

Position embeddings are resampled as DINOv2 does it. Projection heads lead from features to
prototype scores.
"""

from __future__ import annotations

from math import isqrt
from typing import TYPE_CHECKING, Literal

import torch
from torch import Tensor, cat, nn
from torch.nn.functional import interpolate, linear, normalize, silu

from anonbench.core.errors import InputError
from anonbench.training.model.blocks import PackedBlock

if TYPE_CHECKING:
    from anonbench.config.training import Backbone, Heads

OFFSET = 0.1  # offset added to the target grid by DINOv2's models without registers
EPSILON = 1e-6  # of layer norms, as in DINOv2 and timm; torch's default is 1e-5


class PatchEmbedding(nn.Module):
    """Linear projection of square patches that do not overlap."""

    def __init__(self, side: int, patch: int, width: int) -> None:
        super().__init__()
        self.patch_size = (patch, patch)
        self.grid_size = (side // patch, side // patch)
        self.num_patches = self.grid_size[0] * self.grid_size[1]
        self.proj = nn.Conv2d(3, width, kernel_size=patch, stride=patch)

    def forward(self, images: Tensor) -> Tensor:
        """Return tokens [B, h, w, D] of images [B, 3, H, W]."""
        tokens: Tensor = self.proj(images)
        return tokens.permute(0, 2, 3, 1)


class Attention(nn.Module):
    """Weights of multi-head self-attention; a `PackedBlock` computes with them."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.num_heads, self.head_dim, self.attn_dim = heads, width // heads, width
        self.scale = self.head_dim**-0.5
        self.qkv = nn.Linear(width, 3 * width)
        self.q_norm, self.k_norm, self.norm = nn.Identity(), nn.Identity(), nn.Identity()
        self.proj = nn.Linear(width, width)


class Mlp(nn.Sequential):
    """Two linear layers with GELU between them."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.fc1 = nn.Linear(width, 4 * width)
        self.act = nn.GELU()
        self.fc2 = nn.Linear(4 * width, width)


class SwiGlu(nn.Module):
    """A gated feed-forward part (Shazeer 2020), both halves of its first layer in one matrix."""

    def __init__(self, width: int) -> None:
        super().__init__()
        hidden = swiglu_width(width)
        self.fc1 = nn.Linear(width, 2 * hidden)
        self.fc2 = nn.Linear(hidden, width)

    def forward(self, tokens: Tensor) -> Tensor:
        """Tokens [..., D] of tokens [..., D]."""
        gate, value = self.fc1(tokens).chunk(2, dim=-1)
        return self.fc2(silu(gate) * value)  # type: ignore[no-any-return]


class LayerScale(nn.Module):
    """A factor of each channel of a branch (Touvron et al. 2021)."""

    def __init__(self, width: int, start: float) -> None:
        super().__init__()
        self.gamma = nn.Parameter(torch.full((width,), start))

    def forward(self, tokens: Tensor) -> Tensor:
        """Return tokens [..., D] times the factors [D]."""
        return tokens * self.gamma


class PlainBlock(PackedBlock):
    """Attention and feed-forward part, each after a norm and beside a residual connection."""

    def __init__(self, settings: Backbone, layer_scale: bool) -> None:
        super().__init__()
        width = settings.width

        def scale() -> nn.Module:
            return LayerScale(width, settings.layer_scale) if layer_scale else nn.Identity()

        self.norm1 = nn.LayerNorm(width, eps=EPSILON)
        self.attn = Attention(width, settings.heads)
        self.ls1 = scale()
        self.norm2 = nn.LayerNorm(width, eps=EPSILON)
        self.mlp = SwiGlu(width) if settings.ffn == "swiglu" else Mlp(width)
        self.ls2 = scale()


class VisionTransformer(nn.Module):
    """A vision transformer without a head; `anonbench.training.model.backbone.encode` runs it.

    Its arguments are those of `build_backbone`. Registers (Darcet et al. 2024) have no positions:
    otherwise two trained tensors would move every register.
    """

    def __init__(
        self, settings: Backbone, side: int, layer_scale: bool = True, class_position: bool = True
    ) -> None:
        super().__init__()
        width = settings.width
        self.embed_dim = width
        self.num_reg_tokens = settings.registers
        self.num_prefix_tokens = 1 + settings.registers
        self.no_embed_class = not class_position
        self.patch_embed = PatchEmbedding(side, settings.patch, width)
        placed = self.patch_embed.num_patches + class_position
        registers = torch.empty(1, settings.registers, width)
        self.cls_token = nn.Parameter(torch.empty(1, 1, width))
        self.reg_token = nn.Parameter(registers) if settings.registers else None
        self.pos_embed = nn.Parameter(torch.empty(1, placed, width))
        self.norm_pre = nn.Identity()
        blocks = (PlainBlock(settings, layer_scale) for _ in range(settings.depth))
        self.blocks = nn.Sequential(*blocks)
        self.norm = nn.LayerNorm(width, eps=EPSILON)
        nn.init.trunc_normal_(self.pos_embed, std=0.02)
        for token in (self.cls_token, self.reg_token):
            if token is not None:
                nn.init.normal_(token, std=1e-6)
        for module in self.modules():
            if isinstance(module, nn.Linear):
                initialize_linear(module, "vit")


def swiglu_width(width: int, ratio: int = 4) -> int:
    """Return the hidden width of DINOv2's SwiGLU: two thirds of an MLP's, up to a multiple of 8."""
    return (int(width * ratio * 2 / 3) + 7) // 8 * 8


def grid_side(patches: int) -> int:
    """Number of patches along a side of a square image; InputError if it is not square."""
    if not is_square(patches):
        raise InputError(f"a position embedding of {patches} patches is not that of a square image")
    return isqrt(patches)


def is_square(number: int) -> bool:
    """Check whether a number is the square of a positive one."""
    return number > 0 and isqrt(number) ** 2 == number


def resize_positions(
    positions: Tensor, grid: tuple[int, int], prefix: int, antialias: bool
) -> Tensor:
    """Return a position embedding, float [1, prefix + n², D], for another grid (rows, columns).

    As DINOv2's code does (Oquab et al. 2023), bicubic and in float32: for models without registers
    without antialiasing, with source coordinates by the scale (target + 0.1) / source; for models
    with registers (Darcet et al. 2024) with antialiasing and the plain scale, as in timm.

    Entries at the start (`prefix`) that belong to no patch are kept. If the grid is unchanged, so
    is the embedding, bit for bit. InputError: the number of patches is not a square.
    """
    first, patches = positions[:, :prefix], positions[:, prefix:].contiguous()
    side = grid_side(patches.shape[1])
    if grid == (side, side):
        return positions
    image = patches.float().view(1, side, side, -1).permute(0, 3, 1, 2)
    if antialias:
        image = interpolate(image, size=grid, mode="bicubic", antialias=True)
    else:
        scales = [(length + OFFSET) / side for length in grid]
        image = interpolate(image, scale_factor=scales, mode="bicubic")
    resized = image.permute(0, 2, 3, 1).flatten(1, 2).to(positions.dtype)
    return cat([first, resized], dim=1)


class Prototypes(nn.Module):
    """Scores of unit features against prototypes: a linear layer with weight normalization.

    As in DINOv2, the gain of each prototype is trained, and directions start as a linear layer's.
    """

    def __init__(self, features: int, prototypes: int) -> None:
        super().__init__()
        self.direction = nn.Parameter(torch.empty(prototypes, features))
        self.gain = nn.Parameter(torch.ones(prototypes, 1))
        bound = features**-0.5
        nn.init.uniform_(self.direction, -bound, bound)

    def forward(self, features: Tensor) -> Tensor:
        """Return scores [N, K] of features [N, D]."""
        return linear(features, self.gain * normalize(self.direction, dim=-1))


class Head(nn.Module):
    """DINO's projection head (Caron et al. 2021, appendix C): MLP, unit bottleneck, prototypes."""

    def __init__(self, width: int, settings: Heads, init: Literal["vit", "xavier"]) -> None:
        super().__init__()
        hidden = settings.hidden
        first, second = nn.Linear(width, hidden), nn.Linear(hidden, hidden)
        third = nn.Linear(hidden, settings.bottleneck)
        self.layers = nn.Sequential(first, nn.GELU(), second, nn.GELU(), third)
        self.last_layer = Prototypes(settings.bottleneck, settings.prototypes)
        for layer in self.layers:
            if isinstance(layer, nn.Linear):
                initialize_linear(layer, init)

    def forward(self, features: Tensor) -> Tensor:
        """Return scores [N, K] of features [N, D]."""
        return self.last_layer(normalize(self.layers(features), dim=-1))  # type: ignore[no-any-return]


def initialize_linear(layer: nn.Linear, init: Literal["vit", "xavier"]) -> None:
    """Set a linear layer to ViT's truncated normal of 0.02, or Xavier's uniform; bias zero."""
    if init == "xavier":
        nn.init.xavier_uniform_(layer.weight)
    else:
        nn.init.trunc_normal_(layer.weight, std=0.02)
    if layer.bias is not None:
        nn.init.zeros_(layer.bias)
