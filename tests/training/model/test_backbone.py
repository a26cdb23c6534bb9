"""The vision transformer: construction, initialization, masks."""

import copy
import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from foreign import views

from anonbench.config.training import Recipe
from anonbench.core.errors import InputError
from anonbench.training.data.preprocess import Preprocess
from anonbench.training.model.backbone import encode, init_backbone, sincos_positions
from anonbench.training.model.timm_models import drop_register_positions, pack_blocks
from timms import VisionTransformer

Make = Callable[..., Recipe]


@pytest.mark.slow
def test_a_named_model_runs_as_timms_own() -> None:
    """Its blocks are ours, and its registers have no positions."""
    sizes = {"img_size": 32, "patch_size": 8, "embed_dim": 48, "depth": 2, "num_heads": 2}
    timms: Any = VisionTransformer(**sizes, num_classes=0, dynamic_img_size=True, reg_tokens=3)
    with torch.no_grad():
        timms.pos_embed[:, 1:4] = 0.0
    packed = copy.deepcopy(timms)
    pack_blocks(packed, "mine")
    drop_register_positions(packed)
    assert packed.pos_embed.shape == (1, 1 + 16, 48)
    for side in (32, 40):
        images = views(side)
        torch.testing.assert_close(encode(packed, images), timms.forward_features(images))


def test_xavier_and_sincos_positions_against_loops(recipe: Make) -> None:
    model: Any = init_backbone(recipe(), seed=0)[0].eval()
    weight = model.blocks[0].mlp.fc1.weight
    bound = math.sqrt(6 / (32 + 128))
    assert 0.95 * bound < weight.abs().max().item() <= bound
    projection = model.patch_embed.proj.weight
    assert projection.abs().max().item() <= math.sqrt(6 / (32 + 3 * 64))
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
    made: Any = init_backbone(recipe(backbone={"name": "vit_tiny_patch16_224"}), 0)[0]
    assert made.embed_dim == 192 and made.patch_embed.grid_size == (2, 2)
    assert made.blocks[0].ls1.gamma.unique().item() == 1.0
    with pytest.raises(InputError, match="no model 'vit_unheard_of'"):
        init_backbone(recipe(backbone={"name": "vit_unheard_of"}), 0)
    with pytest.raises(InputError, match=r"no ViT|cannot be made"):
        init_backbone(recipe(backbone={"name": "resnet18"}), 0)
    with pytest.raises(InputError, match="local_size 24"):
        init_backbone(recipe(backbone={"name": "flexivit_small"}, crops={"local_size": 24}), 0)


@pytest.mark.parametrize("init", ["vit", "xavier"])
def test_registers_and_swiglu(recipe: Make, init: str) -> None:
    settings = {"registers": 3, "ffn": "swiglu", "init": init, "width": 48, "position": "learned"}
    made: Any = init_backbone(recipe(backbone=settings), 0)[0]
    assert made.num_prefix_tokens == 4
    assert made.pos_embed.shape == (1, 1 + 16, 48)  # registers have none
    assert encode(made, views()).shape == (3, 20, 48)
    packed, out = made.blocks[0].mlp.fc1, made.blocks[0].mlp.fc2
    assert out.in_features == 128 and packed.out_features == 256  # 48 * 4 * 2 / 3
    gate, value = packed.weight.chunk(2)
    assert gate.std().item() == pytest.approx(value.std().item(), rel=0.1)
    expected = 0.02 if init == "vit" else math.sqrt(2 / (48 + 256))
    assert value.std().item() == pytest.approx(expected, rel=0.1)
    assert not packed.bias.any()


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
