"""Attention maps against timm's own unfused attention, softmax(QKᵀ/√d)."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch

from anonbench.config.training import Recipe
from anonbench.core.boxes import Region
from anonbench.core.libraries.compat import install_torchvision_ops
from anonbench.core.vocabulary import Entity
from anonbench.embedding.attention import attend, attention_maps
from anonbench.embedding.attention_maps import (
    SHARE_COLUMNS,
    read_maps,
    share_inside,
    summarize_shares,
)
from anonbench.training.data.preprocess import Preprocess
from anonbench.training.model.backbone import build_backbone, init_backbone
from anonbench.training.weights import PREFIX, load_backbone, save_backbone
from image_sets import write_set

install_torchvision_ops()

from timm.layers.mlp import SwiGLUPacked  # noqa: E402
from timm.models.vision_transformer import VisionTransformer  # noqa: E402

IMAGE = np.random.default_rng(0).integers(0, 256, (70, 90, 3), dtype=np.uint8)


def _model(**options: Any) -> Any:
    torch.manual_seed(0)
    settings = {"embed_dim": 24, "depth": 3, "num_heads": 3, "num_classes": 0}
    model = VisionTransformer(dynamic_img_size=True, **(settings | options)).eval()
    for block in model.blocks:  # attention that is far from uniform
        torch.nn.init.normal_(block.attn.qkv.weight, std=0.5)
    return model


@pytest.mark.slow
@pytest.mark.parametrize(
    ("options", "side"),
    [
        # another size than trained on; without registers, timm interpolates positions its own way
        ({"img_size": 32, "patch_size": 8, "reg_tokens": 4}, 48),
        ({"img_size": 32, "patch_size": 8, "reg_tokens": 4, "no_embed_class": True}, 32),
        ({"img_size": 32, "patch_size": 16, "qk_norm": True}, 32),
        ({"img_size": 32, "patch_size": 8, "init_values": 1.0, "pre_norm": True}, 32),
        ({"img_size": 28, "patch_size": 14, "reg_tokens": 4, "mlp_layer": SwiGLUPacked}, 42),
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
        attention, seen = model.blocks[-1].attn, []
        attention.fused_attn = False  # timm then multiplies the values with these weights
        attention.attn_drop.register_forward_hook(lambda _, given, out: seen.append(out))
        model.forward_features(preprocess(IMAGE))
        expected = seen[0][0, :, 0, prefix:]
    np.testing.assert_allclose(maps.reshape(3, -1), expected.numpy(), atol=1e-6)
    assert (maps.reshape(3, -1).sum(axis=1) < 1.0 + 1e-5).all()
    assert maps.std() > 0


def region(*box: float) -> Region:
    return Region(Entity.FACE, *box, 1.0)


def test_a_model_is_looked_at_on_every_variant(tmp_path: Path) -> None:
    recipe = Recipe.model_validate(
        {
            "backbone": {"width": 24, "depth": 2, "heads": 3, "patch": 8},
            "crops": {"global_size": 32, "local_size": 16, "normalize": "imagenet"},
            "resize": "squash",
        }
    )
    torch.manual_seed(1)
    model = build_backbone(recipe.backbone, 32)
    state = {f"{PREFIX}{name}": value for name, value in model.state_dict().items()}
    save_backbone(state, recipe, tmp_path / "backbone.safetensors", {"seed": 4})
    random = np.random.default_rng(0)
    variants = {
        variant: write_set(
            tmp_path / f"{variant}.tar",
            {name: random.integers(0, 256, (40, 60, 3), np.uint8) for name in ("x/a", "x/b")},
        )
        for variant in ("original", "mask-100")
    }
    regions = {"x/a": [region(0, 0, 30, 40)], "x/b": [region(0, 0, 60, 20), region(5, 5, 9, 9)]}
    files = [tmp_path / "maps.npz", tmp_path / "shares.parquet"]
    backbone = tmp_path / "backbone.safetensors"
    attend(backbone, variants, regions, ["x/b"], ["x/a", "x/b"], *files)
    attention = read_maps(files[0])
    loaded, preprocess = load_backbone(backbone)
    assert attention.preprocess == preprocess
    assert set(attention.maps) == {("original", "x/b"), ("mask-100", "x/b")}
    for (variant, name), heads in attention.maps.items():
        expected = attention_maps(loaded, preprocess, variants[variant].read(name))
        assert np.array_equal(heads, expected)
    shares = pd.read_parquet(files[1])
    assert list(shares.columns) == SHARE_COLUMNS and len(shares) == 2 * 2 * 3
    assert set(shares["head"]) == {1, 2, 3}
    assert set(shares["chance"]) == {0.5}, "both have boxes on half of the image"
    blank = init_backbone(recipe, 4)[0].eval()
    left = np.repeat([[1.0, 1.0, 0.0, 0.0]], 4, axis=0)
    found = shares[(shares["id"] == "x/a") & (shares["variant"] == "mask-100")]
    for column, network in (("share", loaded), ("untrained", blank)):
        heads = attention_maps(network, preprocess, variants["mask-100"].read("x/a"))
        np.testing.assert_allclose(found[column], share_inside(heads, left), rtol=1e-6)
    before = [path.read_bytes() for path in files]
    attend(backbone, variants, regions, ["x/b"], ["x/a", "x/b"], *files)
    assert before == [path.read_bytes() for path in files]
    attend(backbone, variants, {}, [], [], *files)  # no image has a region
    assert not read_maps(files[0]).maps
    nothing = {"unadapted": pd.read_parquet(files[1])}
    assert summarize_shares(nothing, pd.Series(dtype=int), 0.95).empty
