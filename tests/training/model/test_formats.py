"""Checkpoint formats: recognition, exact round trips, what is refused."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from foreign import KINDS, WIDTH, dinov2_weights, huggingface_weights, same
from torch import Tensor

from anonbench.core.errors import InputError
from anonbench.training.export import to_dinov2
from anonbench.training.model.formats import count_registers, has_layer_scale, read_checkpoint
from anonbench.training.model.vit import resize_positions


@pytest.mark.parametrize(("registers", "ffn"), KINDS)
def test_there_and_back(registers: int, ffn: str) -> None:
    dinov2 = dinov2_weights(registers, ffn)
    given = dict(dinov2)
    read = read_checkpoint(dinov2)
    assert same(dinov2, given)  # timm's own conversion empties the caller's
    assert read.format == "dinov2" and read.class_position and has_layer_scale(read.weights)
    assert count_registers(read.weights) == registers and read.ignored == ()
    assert same(to_dinov2(read.weights, read.mask_token, class_position=True), dinov2)
    theirs = read_checkpoint(huggingface_weights(dinov2))
    assert theirs.format == "huggingface" and same(theirs.weights, read.weights)
    assert theirs.mask_token is not None and theirs.mask_token.any()


def test_positions_of_registers_become_part_of_them() -> None:
    ours = read_checkpoint(dinov2_weights(registers=4)).weights
    places = torch.arange(4.0)[:, None].expand(1, 4, WIDTH)
    positions = ours["pos_embed"]
    with_places = torch.cat([positions[:, :1], places, positions[:, 1:]], dim=1)
    found = read_checkpoint(ours | {"pos_embed": with_places})
    expected = ours | {"reg_token": ours["reg_token"] + places}
    assert found.class_position and found.side == 32 and same(found.weights, expected)


def test_the_size_that_positions_are_for() -> None:
    weights = dinov2_weights(registers=4, grid=7)
    ours = read_checkpoint(weights).weights
    patches_only = ours | {"pos_embed": ours["pos_embed"][:, 1:]}
    for given in (weights, huggingface_weights(weights), ours, patches_only):
        assert read_checkpoint(given).side == 56
    del ours["pos_embed"]
    assert read_checkpoint(ours).side is None


def test_what_dinov2_always_has_is_added() -> None:
    full = dinov2_weights()
    ours = {
        name: value
        for name, value in read_checkpoint(full).weights.items()
        if not name.endswith(("gamma", "qkv.bias"))
    }
    assert not has_layer_scale(ours)
    found = to_dinov2(ours, None, class_position=True)
    assert found.keys() == full.keys()
    assert all((found[f"blocks.{block}.ls2.gamma"] == 1.0).all() for block in range(2))
    assert not found["blocks.1.attn.qkv.bias"].any() and not found["mask_token"].any()
    assert found["mask_token"].shape == (1, WIDTH)


def _chunked(weights: dict[str, Tensor]) -> dict[str, Tensor]:
    return {
        name.replace("blocks.0.", "blocks.0.0.").replace("blocks.1.", "blocks.1.1."): value
        for name, value in weights.items()
    }


def _in_training(weights: dict[str, Tensor]) -> dict[str, Any]:
    teacher = {f"backbone.{name}": value for name, value in weights.items()}
    return {"teacher": teacher | {"dino_head.mlp.0.weight": torch.ones(2)}, "iteration": 7}


def _both(weights: dict[str, Tensor]) -> dict[str, Any]:
    student = {f"student.backbone.{name}": value + 1 for name, value in weights.items()}
    return {
        "model": student | {f"teacher.backbone.{name}": value for name, value in weights.items()}
    }


@pytest.mark.parametrize("wrap", [_chunked, _in_training, _both])
def test_how_training_code_wraps_weights(wrap: Any) -> None:
    weights = dinov2_weights()
    read, plain = read_checkpoint(wrap(weights)), read_checkpoint(weights)
    assert read.format == "dinov2" and same(read.weights, plain.weights)


def test_wrapped_by_a_classifier() -> None:
    weights = huggingface_weights(dinov2_weights(registers=4))
    for prefix in ("dinov2.", "dinov2_with_registers."):
        wrapped = {f"{prefix}{name}": value for name, value in weights.items()}
        read = read_checkpoint(wrapped | {"classifier.weight": torch.ones(3, 2 * WIDTH)})
        assert same(read.weights, read_checkpoint(weights).weights)
        assert read.ignored == ("classifier.weight",)
    timms = read_checkpoint(dinov2_weights()).weights | {"head.bias": torch.zeros(5)}
    assert read_checkpoint({"state_dict": timms}).ignored == ("head.bias",)


def test_what_cannot_be_read() -> None:
    for content in ({"conv1.weight": torch.ones(3)}, [1, 2], torch.ones(2), {}, None):
        with pytest.raises(InputError, match="no ViT with a class token"):
            read_checkpoint(content)
    weights = dinov2_weights()
    with pytest.raises(InputError, match=r"blocks\.0\.0\.norm1\.bias .*same weight"):
        read_checkpoint(weights | {"blocks.0.0.norm1.bias": torch.zeros(WIDTH)})
    weights = huggingface_weights(weights)
    del weights["encoder.layer.1.attention.attention.query.weight"]
    with pytest.raises(InputError, match=r"parts of blocks\.1\.attn\.qkv\.weight are missing"):
        read_checkpoint(weights)


def test_weights_that_a_format_has_no_place_for() -> None:
    ours = read_checkpoint(dinov2_weights()).weights | {"norm_pre.weight": torch.ones(WIDTH)}
    for kind in ("dinov2", "huggingface"):
        with pytest.raises(InputError, match=r"no place for 1 .*norm_pre\.weight"):
            to_dinov2(ours, None, True, kind)
    del ours["norm.weight"]
    with pytest.raises(InputError, match=r"no norm\.weight"):
        to_dinov2(ours, None, class_position=True)


def test_positions_of_the_same_grid_stay_and_others_need_a_square() -> None:
    positions = torch.rand(1, 26, WIDTH)
    assert torch.equal(resize_positions(positions, (5, 5), 1, True), positions)
    for patches in (12, 0):
        with pytest.raises(InputError, match=f"{patches} patches"):
            resize_positions(torch.zeros(1, 1 + patches, WIDTH), (2, 2), 1, True)
