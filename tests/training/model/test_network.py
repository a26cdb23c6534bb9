"""Student and teacher: parameter groups, clipping, moving average, heads."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch.nn.functional import normalize

from anonbench.config.training import Recipe
from anonbench.training.model.network import (
    Network,
    clip_gradients,
    parameter_groups,
    rate_factor,
)
from anonbench.training.model.vit import Head, Prototypes

Make = Callable[..., Recipe]


@pytest.fixture
def network(recipe: Make) -> Network:
    return Network(recipe(), seed=0)


def test_rate_factors(recipe: Make) -> None:
    settings = recipe(optimizer={"layer_decay": 0.9, "patch_rate": 0.2}).optimizer
    expected = {
        "dino_head.layers.0.weight": 1.0,
        "ibot_head.last_layer.gain": 1.0,
        "backbone.norm.weight": 1.0,
        "backbone.blocks.11.attn.qkv.weight": 0.9,
        "backbone.blocks.0.mlp.fc1.bias": 0.9**12,
        "backbone.pos_embed": 0.9**13,
        "backbone.cls_token": 0.9**13,
        "mask_token": 0.9**13,
        "backbone.patch_embed.proj.weight": 0.2 * 0.9**13,
    }
    for name, factor in expected.items():
        assert rate_factor(name, 12, settings) == pytest.approx(factor), name
    gentle = recipe(optimizer={"layer_decay": 0.9, "backbone_rate": 0.1}).optimizer
    assert rate_factor("backbone.blocks.11.norm1.bias", 12, gentle) == pytest.approx(0.09)
    assert rate_factor("dino_head.layers.0.weight", 12, gentle) == 1.0


def test_groups_hold_each_parameter_once(network: Network, recipe: Make) -> None:
    groups: list[Any] = parameter_groups(network, recipe().optimizer)
    grouped = [id(parameter) for group in groups for parameter in group["params"]]
    assert sorted(grouped) == sorted(id(parameter) for parameter in network.parameters())
    ids: dict[str, set[int]] = {}
    for group in groups:
        ids.setdefault(group["schedule"], set()).update(id(p) for p in group["params"])
    assert ids["last_layer_rate"] == {id(p) for p in network.dino_head.last_layer.parameters()}
    backbone = {id(p) for p in network.backbone.parameters()} | {id(network.mask_token)}
    assert ids["backbone_rate"] == backbone


def test_prototypes_start_as_a_linear_layer_does() -> None:
    layer = Prototypes(256, 4096)
    assert 0.0624 < layer.direction.abs().max().item() <= 1 / 16
    norms = layer.direction.norm(dim=1)
    assert norms.mean().item() == pytest.approx(3**-0.5, rel=2e-3)
    assert (layer.gain == 1.0).all()


def test_scores_are_cosines_times_gain(recipe: Make) -> None:
    layer = Prototypes(5, 7)
    features = normalize(torch.randn(3, 5), dim=-1)
    directions = normalize(layer.direction, dim=-1)
    torch.testing.assert_close(layer(features), features @ directions.T)
    with torch.no_grad():
        layer.direction.mul_(3.0)
        layer.gain.fill_(2.0)
    torch.testing.assert_close(layer(features), 2.0 * features @ directions.T)
    head = Head(32, recipe().heads, "vit")
    assert head(torch.randn(4, 32)).shape == (4, 32)
    assert head(100 * torch.randn(4, 32)).abs().max() <= 1.0


def test_teacher_follows(network: Network) -> None:
    teacher = copy.deepcopy(network)
    before = [parameter.clone() for parameter in teacher.parameters()]
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.add_(1.0)
    teacher.follow(network, 0.9)
    for old, new in zip(before, teacher.parameters(), strict=True):
        torch.testing.assert_close(new, 0.9 * old + 0.1 * (old + 1.0))


def test_clipping_acts_on_backbone_and_heads_apart(network: Network) -> None:
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
