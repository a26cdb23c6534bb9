"""Attention maps against the weights of timm's own unfused attention."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from anonbench.attention import attention_maps
from anonbench.compat import install_torchvision_ops
from anonbench.training.preprocess import Preprocess

install_torchvision_ops()

from timm.models.vision_transformer import VisionTransformer  # noqa: E402

IMAGE = np.random.default_rng(0).integers(0, 256, (70, 90, 3), dtype=np.uint8)


def _model(**options: Any) -> Any:
    torch.manual_seed(0)
    settings = {"embed_dim": 24, "depth": 3, "num_heads": 3, "num_classes": 0}
    model = VisionTransformer(dynamic_img_size=True, **(settings | options)).eval()
    for block in model.blocks:  # attention that is far from uniform
        torch.nn.init.normal_(block.attn.qkv.weight, std=0.5)
    return model


def _unfused(model: Any, images: torch.Tensor) -> torch.Tensor:
    """The weights that timm's unfused attention multiplies the values with: [B, heads, N, N]."""
    seen: list[torch.Tensor] = []
    attention = model.blocks[-1].attn
    attention.fused_attn = False
    attention.attn_drop.register_forward_hook(lambda _, given, out: seen.append(out))
    model.forward_features(images)
    return seen[0]


@pytest.mark.parametrize(
    ("options", "side"),
    [
        ({"img_size": 32, "patch_size": 8}, 32),
        ({"img_size": 40, "patch_size": 5}, 40),
        # another size than trained on; without registers, timm interpolates positions its own way
        ({"img_size": 32, "patch_size": 8, "reg_tokens": 4}, 48),
        ({"img_size": 32, "patch_size": 8, "reg_tokens": 4}, 32),
        ({"img_size": 32, "patch_size": 8, "reg_tokens": 4, "no_embed_class": True}, 32),
        ({"img_size": 32, "patch_size": 16, "qk_norm": True}, 32),
        ({"img_size": 32, "patch_size": 8, "init_values": 1.0, "pre_norm": True}, 32),
    ],
    ids=str,
)
def test_equals_unfused_attention(options: dict[str, Any], side: int) -> None:
    model, preprocess = _model(**options), Preprocess(side, "imagenet", "squash")
    assert all(block.attn.fused_attn for block in model.blocks)
    maps = attention_maps(model, preprocess, IMAGE)
    patches = side // options["patch_size"]
    assert maps.shape == (3, patches, patches) and maps.dtype == np.float32
    prefix = 1 + options.get("reg_tokens", 0)
    with torch.no_grad():
        expected = _unfused(model, preprocess(IMAGE))[0, :, 0, prefix:]
    np.testing.assert_allclose(maps.reshape(3, -1), expected.numpy(), atol=1e-6)
    assert (maps.reshape(3, -1).sum(axis=1) < 1.0 + 1e-5).all()
    assert maps.std() > 0


def test_it_leaves_no_hook_behind() -> None:
    model = _model(img_size=32, patch_size=8)
    attention_maps(model, Preprocess(32, "per_crop", "crop"), IMAGE)
    assert not model.blocks[-1]._forward_pre_hooks


def test_where_the_image_is_bright_is_where_the_map_is() -> None:
    """Rows and columns of a map are those of the image."""
    model = _model(img_size=32, patch_size=8)
    preprocess = Preprocess(32, "imagenet", "squash")
    plain = np.full((32, 32, 3), 100, np.uint8)
    marked = plain.copy()
    marked[8:16, 24:32] = 250  # second row, fourth column
    with torch.no_grad():
        model.pos_embed.zero_()
    difference = np.abs(
        attention_maps(model, preprocess, marked) - attention_maps(model, preprocess, plain)
    )
    assert np.unravel_index(difference.sum(axis=0).argmax(), (4, 4)) == (1, 3)
