"""Attention maps of a backbone: the class token's attention in the last block, by head."""

from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from torch import Tensor, nn

from anonbench.core.boxes import Region
from anonbench.core.io import write_parquet
from anonbench.datasets.image_sets.shards import ImageSet
from anonbench.embedding.attention_maps import (
    NULLS,
    SHARE_COLUMNS,
    AttentionMaps,
    patch_means,
    share_rows,
    visible_boxes,
    write_maps,
)
from anonbench.training.data.preprocess import Preprocess
from anonbench.training.model.backbone import encode
from anonbench.training.weights import load_backbone, load_untrained, read_description


@torch.inference_mode()
def attention_maps(model: nn.Module, preprocess: Preprocess, image: np.ndarray) -> np.ndarray:
    """Return the class token's attention to patches in the last block, float32 [heads, h, w].

    A head's sum is 1 minus the class token's attention to itself and to registers. Queries and keys
    are computed again from the block's input, so that the network itself may use fused attention,
    which keeps no weights. Model and preprocess are of `load_backbone`, the image is uint8 [H, W]
    or [H, W, 3] RGB.
    """
    vit: Any = model
    block = vit.blocks[-1]
    inputs: list[Tensor] = []
    hook = block.register_forward_pre_hook(lambda _, given: inputs.append(given[0]))
    pixels = preprocess(image).to(next(model.parameters()).device)
    try:
        encode(vit, pixels)
    finally:
        hook.remove()
    attention, tokens = block.attn, block.norm1(inputs[0])
    # softmax(QKᵀ/√d), Vaswani et al. 2017, equation 1
    qkv = attention.qkv(tokens).reshape(*tokens.shape[:2], 3, attention.num_heads, -1)
    queries, keys, _ = qkv.permute(2, 0, 3, 1, 4).unbind(0)
    queries, keys = attention.q_norm(queries), attention.k_norm(keys)
    weights = (queries * attention.scale @ keys.transpose(-2, -1)).softmax(dim=-1)
    patch_height, patch_width = vit.patch_embed.patch_size
    grid = (pixels.shape[2] // patch_height, pixels.shape[3] // patch_width)
    maps = weights[0, :, 0, vit.num_prefix_tokens :].reshape(-1, *grid)
    return np.asarray(maps.float().cpu())


def attend(
    backbone: Path,
    variants: Mapping[str, ImageSet],
    regions: Mapping[str, Sequence[Region]],
    drawn: Sequence[str],
    sample: Sequence[str],
    maps: Path,
    shares: Path,
) -> None:
    """Write one model's maps of a few images and its shares over a sample, on every variant.

    The shares of the same network with random weights are included. Runs on a CPU, whatever the
    device of training: it is a few hundred images.

    Args:
        backbone: written by `train`.
        variants: image sets of the same images, by name.
        regions: by image id; all of an image's regions, whatever the variant's degree.
        drawn: ids of the images whose maps are kept.
        sample: ids of the images over which shares are measured; each has a region.
        maps: NPZ that is written, see `read_maps`.
        shares: Parquet that is written, columns `SHARE_COLUMNS`; heads count from 1.

    Raises:
        InputError: the backbone cannot be loaded, or an image is missing.
    """
    torch.set_num_threads(read_description(backbone)["threads"])
    model, preprocess = load_backbone(backbone)
    blank = load_untrained(backbone)

    @cache  # the same in every variant of an image
    def covered(image_id: str, size: tuple[int, int], grid: tuple[int, int]) -> np.ndarray:
        return patch_means(visible_boxes(regions[image_id], size, preprocess), grid)

    kept: dict[tuple[str, str], np.ndarray] = {}
    tables = [pd.DataFrame(columns=SHARE_COLUMNS)]
    for variant, images in variants.items():
        for image_id in drawn:
            kept[variant, image_id] = attention_maps(model, preprocess, images.read(image_id))
        if not sample:
            continue
        own, blanks = (
            np.stack([attention_maps(each, preprocess, images.read(name)) for name in sample])
            for each in (model, blank)
        )
        grid = (own.shape[2], own.shape[3])
        inside = np.stack([covered(image_id, images.size(image_id), grid) for image_id in sample])
        tables.append(share_rows(variant, sample, own, blanks, inside))
    table = pd.concat(tables[1:] or tables, ignore_index=True)
    write_maps(AttentionMaps(preprocess, kept), maps)
    types = {"id": str, "variant": str, "head": np.int64, "share": float}
    write_parquet(table.astype(types | dict.fromkeys(NULLS, float)), shares)
