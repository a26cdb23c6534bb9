"""The file of a trained backbone."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from foreign import same
from safetensors.torch import load_file, save_file

from anonbench.config.training import Recipe
from anonbench.core.errors import InputError
from anonbench.training.data.preprocess import Preprocess
from anonbench.training.model.backbone import build_backbone, encode
from anonbench.training.model.network import Network
from anonbench.training.weights import load_backbone, save_backbone

Make = Callable[..., Recipe]


def test_saved_backbone_comes_back(recipe: Make, tmp_path: Path) -> None:
    images = torch.randn(3, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    path, made = tmp_path / "backbone.safetensors", recipe(resize="squash")
    network = Network(made, seed=0).eval()
    with torch.no_grad():
        network.mask_token.fill_(0.5)
    save_backbone(network.state_dict(), made, path, {"seed": 0})
    first = path.read_bytes()
    save_backbone(network.state_dict(), made, path, {"seed": 0})
    assert path.read_bytes() == first
    loaded, preprocess = load_backbone(path)
    assert preprocess == Preprocess(32, "per_crop", "squash")
    assert not loaded.training
    assert not any(weight.requires_grad for weight in loaded.parameters())
    assert torch.equal(encode(loaded, images), encode(network.backbone, images))
    weights = load_file(path)
    assert torch.equal(weights["mask_token"], torch.full((32,), 0.5))
    assert not any("head" in name for name in weights)


@pytest.mark.slow
def test_positions_and_layer_scale_are_those_of_the_file(recipe: Make, tmp_path: Path) -> None:
    """They may come from a pretrained file and differ from what the name stands for."""
    backbone = {"name": "vit_tiny_patch16_224"}
    made: Any = build_backbone(recipe(backbone=backbone).backbone, 32, False, False)
    pretrained, path = tmp_path / "file.safetensors", tmp_path / "backbone.safetensors"
    save_file(made.state_dict(), pretrained)
    changed = recipe(backbone=backbone | {"pretrained": pretrained})
    network = Network(changed, seed=0)
    save_backbone(network.state_dict(), changed, path, {})
    loaded: Any = load_backbone(path)[0]
    assert loaded.pos_embed.shape == (1, 4, 192) and loaded.no_embed_class
    assert same(loaded.state_dict(), made.state_dict())
    images = torch.randn(1, 3, 32, 32)
    assert torch.equal(encode(loaded, images), encode(network.backbone.eval(), images))


def test_files_that_are_no_backbones(recipe: Make, tmp_path: Path) -> None:
    save_file({"a": torch.zeros(1)}, tmp_path / "other.safetensors")
    (tmp_path / "text.safetensors").write_text("text")
    for name in ("other", "text", "missing"):
        with pytest.raises(InputError, match="not a backbone"):
            load_backbone(tmp_path / f"{name}.safetensors")
    path = tmp_path / "wrong.safetensors"
    state = Network(recipe(), seed=0).state_dict()
    save_backbone(state, recipe(backbone={"depth": 3}), path, {})
    with pytest.raises(InputError, match="do not fit the model"):
        load_backbone(path)
