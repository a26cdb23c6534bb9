"""Where a backbone looks: the class token's attention in the last block."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from anonbench.files import atomic
from anonbench.imageset import ImageSet
from anonbench.training.backbone import encode
from anonbench.training.preprocess import Preprocess
from anonbench.training.weights import load_backbone


@torch.inference_mode()
def attention_maps(model: nn.Module, preprocess: Preprocess, image: np.ndarray) -> np.ndarray:
    """Return the class token's attention to the patches in the last block, by head.

    Queries and keys are computed again from the block's input, so that the network itself may run
    fused attention, which keeps no weights.

    Args:
        model: of `load_backbone`.
        preprocess: of `load_backbone`.
        image: uint8 [H, W] or [H, W, 3] RGB.

    Returns:
        float32 [heads, h, w], one value a patch; a head's sum is one less what the class token
        pays to itself and to registers.

    """
    vit: Any = model
    block = vit.blocks[-1]
    inputs: list[Tensor] = []
    hook = block.register_forward_pre_hook(lambda _, given: inputs.append(given[0]))
    try:
        device = next(model.parameters()).device
        pixels = preprocess(image).to(device)
        encode(vit, pixels)
    finally:
        hook.remove()
    weights = attention_weights(block.attn, block.norm1(inputs[0]))[
        0, :, 0, vit.num_prefix_tokens :
    ]
    patch_height, patch_width = vit.patch_embed.patch_size
    grid = (pixels.shape[2] // patch_height, pixels.shape[3] // patch_width)
    maps: np.ndarray = weights.reshape(-1, *grid).float().cpu().numpy()
    return maps


def attention_weights(attention: Any, tokens: Tensor) -> Tensor:
    """Return a timm attention layer's weights, float [B, heads, N, N], for its input [B, N, D]."""
    batch, count, _ = tokens.shape
    qkv = attention.qkv(tokens).reshape(batch, count, 3, attention.num_heads, -1)
    queries, keys, _ = qkv.permute(2, 0, 3, 1, 4).unbind(0)
    queries, keys = attention.q_norm(queries), attention.k_norm(keys)
    weights: Tensor = (queries * attention.scale @ keys.transpose(-2, -1)).softmax(dim=-1)
    return weights


def write_attention_maps(
    backbone: Path, images: ImageSet, ids: Sequence[str], output: Path
) -> None:
    """Write NPZ with one array float32 [heads, h, w] an image id."""
    model, preprocess = load_backbone(backbone)
    maps = {image_id: attention_maps(model, preprocess, images.read(image_id)) for image_id in ids}
    with atomic(output) as temporary, temporary.open("wb") as file:
        np.savez(file, allow_pickle=False, **maps)
