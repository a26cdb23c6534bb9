"""The vision transformer: construction, initialization, masks, weights from files."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from anonbench.config.training import Recipe
from anonbench.errors import InputError
from anonbench.training.backbone import encode, init_backbone, sincos_positions
from anonbench.training.preprocess import Preprocess
from anonbench.training.weights import load_backbone, save_backbone

Make = Callable[..., Recipe]


def _images(side: int = 32) -> torch.Tensor:
    return torch.randn(3, 3, side, side, generator=torch.Generator().manual_seed(0))


@pytest.fixture
def model(recipe: Make) -> Any:
    return init_backbone(recipe(), seed=0).eval()


def test_without_masks_it_is_timms_forward_pass(model: Any) -> None:
    for side in (32, 16, 40):  # position embedding as it is, and interpolated
        images = _images(side)
        torch.testing.assert_close(encode(model, images), model.forward_features(images))


def test_masked_patches_have_no_influence(model: Any) -> None:
    images, masked = _images(), torch.zeros(3, 16, dtype=torch.bool)
    masked[:, 5] = True  # second row, second column of patches
    changed = images.clone()
    changed[:, :, 8:16, 8:16] = 7.0
    token = torch.full((32,), 0.5)
    found = encode(model, images, masked, token)
    assert torch.equal(found, encode(model, changed, masked, token))
    assert not torch.allclose(found, encode(model, images))
    assert not torch.allclose(found, encode(model, images, masked, -token))


def test_seed_decides_the_weights(recipe: Make) -> None:
    first, again, other = (init_backbone(recipe(), seed).state_dict() for seed in (0, 0, 1))
    assert all(torch.equal(first[name], again[name]) for name in first)
    assert not torch.equal(first["blocks.0.attn.qkv.weight"], other["blocks.0.attn.qkv.weight"])


def test_initialization_leaves_the_global_generator_alone(recipe: Make) -> None:
    torch.manual_seed(5)
    expected = torch.rand(1)
    torch.manual_seed(5)
    init_backbone(recipe(), 0)
    assert torch.equal(torch.rand(1), expected)


def test_settings_of_the_backbone(recipe: Make) -> None:
    made: Any = init_backbone(
        recipe(backbone={"layer_scale": 0.3, "drop_path": 0.25, "depth": 3, "init": "vit"}), 0
    )
    assert len(made.blocks) == 3
    assert made.blocks[2].ls1.gamma.unique().item() == pytest.approx(0.3)
    assert [block.drop_path1.drop_prob for block in made.blocks] == [0.25] * 3
    assert [block.drop_path2.drop_prob for block in made.blocks] == [0.25] * 3
    assert made.blocks[0].attn.qkv.weight.std().item() == pytest.approx(0.02, rel=0.1)


def test_xavier(model: Any) -> None:
    weight = model.blocks[0].mlp.fc1.weight
    bound = math.sqrt(6 / (32 + 128))
    assert 0.95 * bound < weight.abs().max().item() <= bound
    projection = model.patch_embed.proj.weight
    assert projection.abs().max().item() <= math.sqrt(6 / (32 + 3 * 64))


def test_sincos_positions_against_loops(model: Any) -> None:
    table = sincos_positions(4, 8)
    for row in range(4):
        for column in range(4):
            expected = []
            for axis in (column, row):
                angles = [axis / 10_000 ** (i / 2) for i in range(2)]
                expected += [math.sin(a) for a in angles] + [math.cos(a) for a in angles]
            np.testing.assert_allclose(table[4 * row + column], expected, atol=1e-6)
    patches = model.pos_embed[0, 1:].detach().numpy()
    np.testing.assert_allclose(patches, 0.5 * sincos_positions(4, 32), atol=1e-6)
    assert model.pos_embed.requires_grad and not model.pos_embed[0, 0].any()


def test_named_model_and_its_errors(recipe: Make) -> None:
    made: Any = init_backbone(recipe(backbone={"name": "vit_tiny_patch16_224"}), 0)
    assert made.embed_dim == 192 and made.patch_embed.grid_size == (2, 2)
    assert made.blocks[0].ls1.gamma.unique().item() == 1.0
    with pytest.raises(InputError, match="no model 'vit_unheard_of'"):
        init_backbone(recipe(backbone={"name": "vit_unheard_of"}), 0)
    with pytest.raises(InputError, match=r"no ViT|cannot be made"):
        init_backbone(recipe(backbone={"name": "resnet18"}), 0)
    with pytest.raises(InputError, match="local_size 24"):
        init_backbone(
            recipe(backbone={"name": "vit_tiny_patch16_224"}, crops={"local_size": 24}), 0
        )


@pytest.mark.parametrize("suffix", [".safetensors", ".pth"])
def test_pretrained_weights_from_a_file(
    recipe: Make, model: nn.Module, tmp_path: Path, suffix: str
) -> None:
    path = tmp_path / f"weights{suffix}"
    weights = model.state_dict() | {"head.weight": torch.zeros(10, 32)}
    if suffix == ".pth":
        torch.save(weights, path)
    else:
        save_file(weights, path)
    loaded = init_backbone(recipe(backbone={"pretrained": path}), seed=9)
    assert all(
        torch.equal(loaded.state_dict()[name], model.state_dict()[name])
        for name in model.state_dict()
    )
    larger: Any = init_backbone(
        recipe(backbone={"pretrained": path}, crops={"global_size": 48}), seed=9
    )
    assert larger.pos_embed.shape == (1, 37, 32)
    assert torch.equal(larger.blocks[0].attn.qkv.weight, weights["blocks.0.attn.qkv.weight"])


def test_weights_that_do_not_fit(recipe: Make, model: nn.Module, tmp_path: Path) -> None:
    path = tmp_path / "weights.safetensors"
    weights = model.state_dict()
    del weights["norm.weight"]
    save_file(weights | {"blocks.0.norm1.weight": torch.ones(5)}, path)
    with pytest.raises(
        InputError, match=r"2 of its weights .*blocks.0.norm1.weight: model \(32,\)"
    ):
        init_backbone(recipe(backbone={"pretrained": path}), 0)
    with pytest.raises(InputError, match="does not exist"):
        init_backbone(recipe(backbone={"pretrained": tmp_path / "none.pth"}), 0)
    (tmp_path / "no.pth").write_bytes(b"nothing")
    with pytest.raises(InputError, match="holds no weights"):
        init_backbone(recipe(backbone={"pretrained": tmp_path / "no.pth"}), 0)


def test_saved_backbone_comes_back(recipe: Make, model: nn.Module, tmp_path: Path) -> None:
    path = tmp_path / "backbone.safetensors"
    save_backbone(model, recipe(resize="squash"), path, {"seed": 0})
    first = path.read_bytes()
    save_backbone(model, recipe(resize="squash"), path, {"seed": 0})
    assert path.read_bytes() == first
    loaded, preprocess = load_backbone(path)
    assert preprocess == Preprocess(32, "per_crop", "squash")
    assert not loaded.training
    torch.testing.assert_close(encode(loaded, _images()), encode(model, _images()), rtol=0, atol=0)


def test_files_that_are_no_backbones(recipe: Make, model: nn.Module, tmp_path: Path) -> None:
    save_file({"a": torch.zeros(1)}, tmp_path / "other.safetensors")
    (tmp_path / "text.safetensors").write_text("text")
    for name in ("other", "text", "missing"):
        with pytest.raises(InputError, match="not a backbone"):
            load_backbone(tmp_path / f"{name}.safetensors")
    path = tmp_path / "wrong.safetensors"
    save_backbone(model, recipe(backbone={"depth": 3}), path, {})
    with pytest.raises(InputError, match="do not fit the model"):
        load_backbone(path)


def test_preprocess_crops_or_squashes() -> None:
    image = np.zeros((64, 128), np.uint8)
    image[:, 64:] = 200
    squashed = Preprocess(32, "imagenet", "squash").fit(image)
    cropped = Preprocess(28, "imagenet", "crop").fit(image)
    assert squashed.shape == (32, 32, 3) and cropped.shape == (28, 28, 3)
    for small in (squashed, cropped):
        half = small.shape[1] // 2
        assert (small[:, : half - 1] == 0).all() and (small[:, half + 1 :] == 200).all()
    edge = np.zeros((64, 64), np.uint8)
    edge[:3] = 255  # the margin of 1/16 on each side is cut off
    assert Preprocess(28, "imagenet", "crop").fit(edge)[1:].max() == 0
    assert Preprocess(28, "imagenet", "squash").fit(edge)[0].max() == 255
