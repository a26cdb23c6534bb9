"""Position embeddings for another number of patches, resampled as DINOv2 does it."""

from __future__ import annotations

from math import isqrt

from torch import Tensor, cat
from torch.nn.functional import interpolate

from anonbench.core.errors import InputError

OFFSET = 0.1
"""Offset added to the target grid by DINOv2's models without registers."""


def grid_side(patches: int) -> int:
    """Number of patches along a side of a square image.

    Raises:
        InputError: the number of patches is not a square.

    """
    side = isqrt(max(patches, 0))
    if side < 1 or side * side != patches:
        raise InputError(f"a position embedding of {patches} patches is not that of a square image")
    return side


def resize_positions(
    positions: Tensor, grid: tuple[int, int], prefix: int, antialias: bool
) -> Tensor:
    """Return a position embedding for another grid of patches.

    The two variants of DINOv2's code (Oquab et al. 2023; settings `interpolate_antialias` and
    `interpolate_offset` of its hub models), both bicubic and in float32:

    - its models without registers: no antialiasing, and source coordinates by the scale
      (target + 0.1) / source instead of target / source;
    - its models with registers (Darcet et al. 2024): antialiasing, plain scale, as in timm.

    If the grid is unchanged, so is the embedding, bit for bit.

    Args:
        positions: float [1, prefix + n², D], rows of the grid one after the other.
        grid: rows and columns wanted.
        prefix: number of entries at the start that belong to no patch; they are kept.
        antialias: selects the variant.

    Returns:
        float [1, prefix + rows · columns, D] in the type given.

    Raises:
        InputError: the number of patches is not a square.

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
