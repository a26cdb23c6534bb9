"""Packed blocks against timm's own, and what student and teacher make of them."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

from anonbench.config.training import Recipe
from anonbench.core.errors import InputError
from anonbench.training.model.backbone import build_backbone, embed_patches
from anonbench.training.model.blocks import GRANULE, DropPath, draw_drop_path
from anonbench.training.model.network import Network, clip_gradients, rate_factor
from anonbench.training.model.timm_models import pack_blocks
from anonbench.training.model.vit import Prototypes
from timms import as_timms

Make = Callable[..., Recipe]


@pytest.fixture(params=[{}, {"registers": 2, "ffn": "swiglu"}], ids=str)
def network(recipe: Make, request: pytest.FixtureRequest) -> Network:
    return Network(recipe(backbone=request.param), 0)


@pytest.mark.slow
def test_stochastic_depth_as_a_plain_loop_has_it(network: Network) -> None:
    generator = torch.Generator().manual_seed(0)
    views = torch.randn(6, 3, 32, 32, generator=generator)
    local_views = torch.randn(9, 3, 16, 16, generator=generator)
    masked = torch.rand(6, 16, generator=generator) < 0.3
    indices = masked.flatten().nonzero().flatten()
    random = np.random.default_rng(1)
    kept = draw_drop_path(0.4, 2, [6, 9], indices.numpy() // 16, random)
    assert kept is not None
    classes, class_scores, patch_scores = network(views, indices, masked, local_views, kept)
    backbone: Any = network.backbone
    ends = []
    groups = [
        embed_patches(backbone, views, masked, network.mask_token),
        embed_patches(backbone, local_views),
    ]
    for number, tokens in enumerate(groups):
        for depth, block in enumerate(as_timms(backbone).blocks):
            factors = torch.zeros(2, len(tokens), 1, 1)
            for branch in range(2):
                rows = kept.images[number][depth, branch]
                factors[branch, rows] = len(tokens) / len(rows)
            tokens = tokens + factors[0] * block.ls1(block.attn(block.norm1(tokens)))
            tokens = tokens + factors[1] * block.ls2(block.mlp(block.norm2(tokens)))
        ends.append(backbone.norm(tokens))
    patches = ends[0][:, backbone.num_prefix_tokens :].flatten(0, 1)[indices]
    torch.testing.assert_close(classes, ends[0][:, 0])
    expected = network.dino_head(torch.cat([end[:, 0] for end in ends]))
    torch.testing.assert_close(class_scores, expected)
    torch.testing.assert_close(patch_scores, network.ibot_head(patches))


def test_draws_of_stochastic_depth() -> None:
    patch_images = np.array([0, 0, 3, 9])
    kept = draw_drop_path(0.3, 50, [10, 21], patch_images, np.random.default_rng(0))
    assert kept is not None
    assert [tuple(rows.shape) for rows in kept.images] == [(50, 2, 7), (50, 2, 14)]
    for rows in kept.images:
        assert (rows.diff(dim=-1) > 0).all()  # distinct and ascending
    often = torch.bincount(kept.images[0].flatten(), minlength=10) / 100
    assert ((often - 0.7).abs() < 0.2).all()
    last = [set(rows[-1, -1].tolist()) for rows in kept.images]
    owners = [(0, i) for i in range(10)] + [(1, i) for i in range(21)]
    owners += [(0, int(i)) for i in patch_images]
    expected = [n for n, (group, image) in enumerate(owners) if image in last[group]]
    assert len(kept.tokens) == GRANULE  # filled up with what changes nothing
    assert kept.tokens[: len(expected)].tolist() == expected
    scales = [10 / 7 if owners[n][0] == 0 else 21 / 14 for n in expected]
    scales += [0.0] * (GRANULE - len(expected))
    torch.testing.assert_close(kept.scale[:, 0], torch.tensor(scales))
    assert draw_drop_path(0.0, 2, [4], patch_images, np.random.default_rng(0)) is None
    nearly_all = draw_drop_path(1.0, 2, [4], np.zeros(0, int), np.random.default_rng(0))
    assert nearly_all is not None and nearly_all.images[0].shape == (2, 2, 1)


def test_what_fills_up_the_last_branch_leaves_an_infinite_token_alone(network: Network) -> None:
    """Zero times infinity would be NaN: in the token, and in the gradients of the branch."""
    block: Any = network.backbone.blocks[-1]  # type: ignore[index]
    groups = [torch.rand(4, 3, 32)]
    groups[0][0, 0] = torch.inf
    kept = torch.tensor([1, 2, 3, 0, 0])  # the first image is dropped, and fills up
    scale = torch.tensor([4 / 3, 4 / 3, 4 / 3, 0.0, 0.0])[:, None]
    nothing = torch.zeros(0, dtype=torch.int64)
    found = block.feed_wanted(groups, nothing, DropPath([], kept, scale))
    assert torch.equal(found[0], groups[0][0, 0])
    expected = block.ls2(block.mlp(block.norm2(groups[0][1:, 0])))
    torch.testing.assert_close(found[1:], groups[0][1:, 0] + 4 / 3 * expected)
    found[1:].sum().backward()
    gradients = [value.grad for value in block.parameters() if value.grad is not None]
    assert gradients and all(gradient.isfinite().all() for gradient in gradients)


def test_blocks_of_another_kind_are_refused(recipe: Make) -> None:
    model: Any = as_timms(build_backbone(recipe().backbone, 32))
    model.blocks[1] = torch.nn.Identity()
    with pytest.raises(InputError, match="the blocks of my_vit are not those of a plain ViT"):
        pack_blocks(model, "my_vit")


def test_rates_and_starts_of_backbone_and_heads(recipe: Make) -> None:
    gentle = recipe(optimizer={"layer_decay": 0.9, "backbone_rate": 0.1}).optimizer
    assert rate_factor("backbone.blocks.11.norm1.bias", 12, gentle) == pytest.approx(0.09)
    assert rate_factor("dino_head.layers.0.weight", 12, gentle) == 1.0
    layer = Prototypes(256, 4096)
    assert 0.0624 < layer.direction.abs().max().item() <= 1 / 16
    norms = layer.direction.norm(dim=1)
    assert norms.mean().item() == pytest.approx(3**-0.5, rel=2e-3)
    assert (layer.gain == 1.0).all()


def test_clipping_acts_on_backbone_and_heads_apart(recipe: Make) -> None:
    network = Network(recipe(), seed=0)
    for name, parameter in network.named_parameters():
        parameter.grad = torch.full_like(parameter, 1e-4 if "head" in name else 1.0)
    heads = [p.grad.clone() for p in network.dino_head.parameters()]  # type: ignore[union-attr]
    everything = torch.cat([p.grad.flatten() for p in network.parameters()])  # type: ignore[union-attr]
    norm = clip_gradients(network, 3.0)
    assert norm.item() == pytest.approx(everything.norm().item(), rel=1e-5)
    for old, parameter in zip(heads, network.dino_head.parameters(), strict=True):
        assert parameter.grad is not None and torch.equal(old, parameter.grad)
    backbone = [p.grad.flatten() for p in network.backbone.parameters()]  # type: ignore[union-attr]
    mask_token: Any = network.mask_token.grad
    assert torch.cat([*backbone, mask_token]).norm().item() == pytest.approx(3.0, rel=1e-3)


def test_few_shapes_reach_the_head_whatever_is_masked(recipe: Make) -> None:
    network, shapes = Network(recipe(), 0), set()
    network.dino_head.register_forward_pre_hook(lambda _, given: shapes.add(given[0].shape))
    views = torch.randn(8, 3, 32, 32)
    for count in (0, 3, 17, 64, 65, 128):
        _, _, scores = network(views, torch.arange(count))
        assert len(scores) == count
    assert len(shapes) == 3  # none, up to 64, up to 128
