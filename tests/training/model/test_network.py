"""Student and teacher, beside what `golden` has in numbers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch

from anonbench.config.training import Recipe
from anonbench.training.model.network import Network, clip_gradients, rate_factor
from anonbench.training.model.vit import Prototypes

Make = Callable[..., Recipe]


def test_the_backbone_s_rate_is_a_share_of_the_heads(recipe: Make) -> None:
    gentle = recipe(optimizer={"layer_decay": 0.9, "backbone_rate": 0.1}).optimizer
    assert rate_factor("backbone.blocks.11.norm1.bias", 12, gentle) == pytest.approx(0.09)
    assert rate_factor("dino_head.layers.0.weight", 12, gentle) == 1.0


def test_prototypes_start_as_a_linear_layer_does() -> None:
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
