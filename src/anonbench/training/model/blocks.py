"""Transformer blocks on crops of several sizes at once; stochastic depth saves its work.

DINOv2 (Oquab et al. 2023), section 5: the tokens of all crops are concatenated for the layers that
treat each token separately (norms and linear layers), attention runs once for each crop size, and a
dropped image is left out of a branch's batch instead of being multiplied by zero. The last block
also computes the feed-forward part only for tokens that a loss uses.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import scaled_dot_product_attention

BRANCHES = 2  # number of branches of a block: attention and feed-forward

# output tokens are padded to a multiple: their number varies from step to step, and libraries keep
# kernels and memory for every shape
GRANULE = 64

Rows = Sequence[Tensor]  # for each crop size, int64 [kept]: the images that a branch acts on


class PackedBlock(nn.Module):
    """A block with timm's names that takes a list of tensors [B, T, D], one for each crop size."""

    norm1: nn.Module
    attn: nn.Module
    ls1: nn.Module
    norm2: nn.Module
    mlp: nn.Module
    ls2: nn.Module

    keep_activations = True  # for the backward pass, which would otherwise recompute them

    def forward(
        self,
        x: Any,
        rows: Sequence[Rows] | None = None,
        patches: Tensor | None = None,
        kept: DropPath | None = None,
    ) -> Any:
        """Output of the block for [B, T, D] or, with the images `rows` of each branch, a list.

        For `patches` and the stochastic depth `kept` of the last block, see `feed_wanted`.
        """
        if not isinstance(x, list):
            return self.forward([x])[0]
        attended = add_branch(x, self._attend, rows[0] if rows else None)
        if patches is not None:
            return self.feed_wanted(attended, patches, kept)
        return add_branch(attended, self._feed, rows[1] if rows else None, in_place=True)

    def feed_wanted(
        self, groups: Sequence[Tensor], patches: Tensor, kept: DropPath | None
    ) -> Tensor:
        """Apply the feed-forward part only to the tokens that a loss uses; return these.

        They are all class tokens, then the `patches`, int64 [M], rows of the first group's tokens
        [B · T]. `kept` is the stochastic depth.
        """
        picked = groups[0].flatten(0, 1).index_select(0, patches)
        tokens = torch.cat([*(group[:, 0] for group in groups), picked])
        if kept is None:
            return tokens + self._feed(tokens)
        # padding is set to zero: zero times the update of an infinite token would be NaN
        picked = tokens.index_select(0, kept.tokens).masked_fill(kept.scale == 0.0, 0.0)
        update = self._feed(picked) * kept.scale
        return tokens.index_add(0, kept.tokens, update.to(tokens.dtype))

    def _attend(self, tokens: Tensor, groups: Sequence[Tensor]) -> Tensor:
        attention: Any = self.attn
        parts = attention.qkv(self.norm1(tokens)).split([group[..., 0].numel() for group in groups])
        mixed = []
        for part, group in zip(parts, groups, strict=True):
            heads = part.view(len(group), -1, 3, attention.num_heads, attention.head_dim)
            queries, keys, values = heads.permute(2, 0, 3, 1, 4).unbind(0)
            queries, keys = attention.q_norm(queries), attention.k_norm(keys)
            found = scaled_dot_product_attention(queries, keys, values)
            mixed.append(found.transpose(1, 2).reshape(-1, attention.attn_dim))
        result: Tensor = self.ls1(attention.proj(attention.norm(joined(mixed))))
        return result

    def _feed(self, tokens: Tensor, _: Sequence[Tensor] = ()) -> Tensor:
        result: Tensor = self.ls2(self.mlp(self.norm2(tokens)))
        return result


class CompiledBlock(PackedBlock):
    """A block whose forward pass is compiled for static shapes, together with all others.

    `nn.Module.compile` would make a cycle, which keeps weights on the GPU until garbage collection.
    """

    def forward(self, x: Any, *arguments: Any, **options: Any) -> Any:
        """Output of `PackedBlock.forward`."""
        return _compiled_forward()(self, x, *arguments, **options)


@cache
def _compiled_forward() -> Callable[..., Any]:
    return torch.compile(PackedBlock.forward, dynamic=False)  # loads the compiler, so not before


def joined(parts: Sequence[Tensor]) -> Tensor:
    """Return the concatenated parts; a single one is not copied."""
    return parts[0] if len(parts) == 1 else torch.cat([*parts])


def add_branch(
    groups: Sequence[Tensor],
    branch: Callable[[Tensor, Sequence[Tensor]], Tensor],
    rows: Rows | None,
    in_place: bool = False,
) -> list[Tensor]:
    """Return the groups, float [B, T, D] each, plus the output of a residual branch for them.

    The branch gets the tokens of all groups, [sum of B · T, D], and the groups. Stochastic depth
    (Huang et al. 2016): these are only the images `rows` (None: all), and the result is scaled by
    all images over kept ones, so that its expectation is that of the whole.
    """
    picked = groups
    if rows is not None:
        picked = [group.index_select(0, kept) for group, kept in zip(groups, rows, strict=True)]
    found = branch(joined([group.flatten(0, 1) for group in picked]), picked)
    parts = torch.split(found, [group[..., 0].numel() for group in picked])
    updates = [part.view(group.shape) for part, group in zip(parts, picked, strict=True)]
    if rows is None:
        return [group + update for group, update in zip(groups, updates, strict=True)]
    results = []
    for group, kept, update in zip(groups, rows, updates, strict=True):
        add = group.index_add_ if in_place else group.index_add
        results.append(add(0, kept, update.to(group.dtype), alpha=len(group) / len(kept)))
    return results


@dataclass(frozen=True)
class DropPath:
    """Stochastic depth of one forward pass."""

    # for each crop size int64 [depth, 2, kept], ascending: the images each branch acts on
    images: Sequence[Tensor]
    # int64 [n]: the last block's output tokens, class tokens first, that its feed-forward branch
    # acts on, possibly padded at the end by repeated ones with a scale of zero
    tokens: Tensor
    scale: Tensor  # float32 [n, 1]: all images over kept ones, in the token's group

    def rows(self, block: int) -> list[Rows]:
        """Return the images that the branches of a block act on."""
        return [[images[block, branch] for images in self.images] for branch in range(BRANCHES)]


def draw_drop_path(
    rate: float,
    depth: int,
    sizes: Sequence[int],
    patch_images: np.ndarray,
    random: np.random.Generator,
) -> DropPath | None:
    """Draw the images that each branch of each of `depth` blocks acts on; None if all do.

    `sizes` are the numbers of images of each crop size; `patch_images`, int [M], are the images
    (of the first crop size) of each wanted patch.
    """
    if rate == 0.0:
        return None
    drawn, factors = [], []
    for size in sizes:
        kept = max(int(size * (1.0 - rate)), 1)
        order = random.random((depth, BRANCHES, size)).argsort(axis=-1)
        drawn.append(np.sort(order[..., :kept], axis=-1))
        factors.append(np.zeros(size, np.float32))
        factors[-1][drawn[-1][-1, -1]] = size / kept
    scale = np.concatenate([*factors, factors[0][patch_images]])
    tokens = np.flatnonzero(scale)
    filled = np.pad(tokens, (0, -len(tokens) % GRANULE))
    scale = np.where(np.arange(len(filled)) < len(tokens), scale[filled], np.float32(0.0))
    return DropPath(
        [torch.from_numpy(rows) for rows in drawn],
        torch.from_numpy(filled),
        torch.from_numpy(scale[:, None]),
    )
