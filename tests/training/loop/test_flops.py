"""Counted FLOPs against published arithmetic and against torch's own counter."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

from anonbench.config.training import Backbone, Recipe
from anonbench.training.loop.flops import image_flops, peak_flops, sizes_by_settings
from anonbench.training.model.backbone import build_backbone, encode
from anonbench.training.model.vit import Head


def _step_flops(recipe: Recipe) -> float:
    sizes = sizes_by_settings(recipe.backbone)
    assert sizes is not None
    return image_flops(sizes, recipe)


def _large(**backbone: Any) -> Recipe:
    return Recipe.model_validate({"backbone": {"name": "vit_large_patch16_224", **backbone}})


def test_vit_large_as_published() -> None:
    """notes: about 1.52 TFLOP an image, 1.14 with stochastic depth 0.3, both without heads."""
    whole, dropped = _step_flops(_large(drop_path=0.0)), _step_flops(_large(drop_path=0.3))
    masked = 2 * 0.5 * 0.3 * 196  # of each second image, 10 to 50 % of the patches
    heads = 47.2e6 * (3 * 10 + 2 + 4 * masked)
    assert whole - heads == pytest.approx(1.52e12, rel=0.01)
    assert dropped - heads == pytest.approx(1.14e12, rel=0.01)
    assert heads < 0.015 * whole


@pytest.mark.parametrize(
    ("backbone", "error"),
    [
        ({"name": "vit_base_patch32_clip_quickgelu_224.openai"}, 0),
        ({"name": "vit_large_patch14_reg4_dinov2.lvd142m"}, 0),
        ({"width": 384, "depth": 5, "heads": 6, "patch": 14, "registers": 4}, 0),
        ({"width": 384, "depth": 2, "heads": 6, "ffn": "swiglu"}, 0.005),
    ],
)
def test_sizes_without_a_model(backbone: dict[str, Any], error: float) -> None:
    settings = Backbone.model_validate(backbone)
    with torch.device("meta"):
        model: Any = build_backbone(settings, 16 * 14)
    found = sizes_by_settings(settings)
    assert found is not None
    patch, prefix = model.patch_embed.patch_size[0], model.num_prefix_tokens
    assert found[:4] == (model.embed_dim, len(model.blocks), patch, prefix)
    weights = sum(each.numel() for each in model.blocks.parameters() if each.ndim > 1)
    assert found.weights == pytest.approx(weights, rel=error, abs=0)


@pytest.mark.parametrize(
    "name",
    [
        "vit_base_patch16_plus_240",  # 896 wide
        "vit_small_patch16_36x1_224",  # 36 blocks
        "vit_giant_patch14_dinov2",
        "deit3_large_patch16_224",
    ],
)
def test_a_name_that_does_not_tell_sizes_is_not_guessed_at(name: str) -> None:
    assert sizes_by_settings(Backbone(name=name)) is None


@pytest.mark.parametrize("registers", [0, 4])
def test_it_agrees_with_torchs_counter(recipe: Callable[..., Recipe], registers: int) -> None:
    """Forward and backward on one crop of each kind, with a head on every class token."""
    made = recipe(
        backbone={"drop_path": 0.0, "registers": registers},
        crops={"local_count": 3},
        losses={"mask_images": 0.0},
    )
    model = build_backbone(made.backbone, made.crops.global_size)
    head = Head(made.backbone.width, made.heads, "vit")

    def scores(side: int) -> Tensor:
        return head(encode(model, torch.zeros(1, 3, side, side))[:, 0])  # type: ignore[no-any-return]

    with sdpa_kernel(SDPBackend.MATH), FlopCounterMode(display=False) as counter:
        sides = [made.crops.global_size] * 2 + [made.crops.local_size] * 3
        sum(scores(side).sum() for side in sides).backward()  # type: ignore[union-attr]
        with torch.no_grad():
            for side in sides[:2]:
                scores(side)
    assert _step_flops(made) == pytest.approx(counter.get_total_flops(), rel=1e-6)


@pytest.mark.parametrize(
    ("name", "bf16", "fp32"),
    [
        ("NVIDIA H100 80GB HBM3", 989e12, 66.9e12),
        ("NVIDIA H100 PCIe", 756e12, 51.2e12),
        ("NVIDIA L40S", 362e12, 91.6e12),
        ("NVIDIA L4", 121e12, 30.3e12),
        ("NVIDIA H20", None, None),
        ("NVIDIA GeForce RTX 4090 Laptop GPU", None, None),
        ("NVIDIA H100 80GB HBM3 MIG 1g.10gb", None, None),
    ],
)
def test_peaks(name: str, bf16: float | None, fp32: float | None) -> None:
    assert (peak_flops(name, "bf16"), peak_flops(name, "fp32")) == (bf16, fp32)
