"""Starting from a file: formats and exact round trips, a report, and what does not fit."""

import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from foreign import KINDS, WIDTH, dinov2_weights, huggingface_weights, same, settings, views
from torch import Tensor, nn

from anonbench.config.training import Recipe
from anonbench.core.errors import InputError
from anonbench.training.export import export_backbone, to_dinov2
from anonbench.training.loop.trainer import Trainer
from anonbench.training.model.backbone import encode, init_backbone
from anonbench.training.model.formats import (
    count_registers,
    has_layer_scale,
    read_checkpoint,
    read_pretrained,
)
from anonbench.training.model.network import Network
from anonbench.training.model.vit import resize_positions
from anonbench.training.weights import load_backbone, save_backbone

Make = Callable[..., Recipe]
Write = Callable[[Any], Path]


def _from(
    path: Path, recipe: Make, registers: int = 0, **backbone: Any
) -> Callable[..., nn.Module]:
    made = settings(registers, "mlp", pretrained=path, **backbone)
    return lambda **crops: init_backbone(recipe(backbone=made, crops=crops), seed=3)[0].eval()


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def to_file(content: Any) -> Path:
        path = tmp_path / "weights.pth"
        torch.save(content, path)
        return path

    return to_file


@pytest.mark.parametrize("registers", [0, 4])
def test_positions_elsewhere(recipe: Make, write: Write, tmp_path: Path, registers: int) -> None:
    weights = dinov2_weights(registers, grid=7)
    made = recipe(backbone=settings(registers, "mlp", pretrained=write(weights)))
    trainer = Trainer(made, 0, torch.device("cpu"))
    assert trainer.patches_a_side == 4
    save_backbone(trainer.student.state_dict(), made, tmp_path / "ours.safetensors", {})
    model, preprocess = load_backbone(tmp_path / "ours.safetensors")
    assert preprocess.side == 32 and model.state_dict()["pos_embed"].shape == (1, 50, WIDTH)
    expected = encode(model, views())
    torch.testing.assert_close(encode(trainer.student.backbone, views()), expected)
    for form in ("dinov2", "huggingface", "timm"):
        output = tmp_path / {"huggingface": "folder", "timm": "timm.safetensors"}.get(form, "a.pth")
        export_backbone(tmp_path / "ours.safetensors", output, form)
        file = output / "model.safetensors" if form == "huggingface" else output
        again = recipe(backbone=settings(registers, "mlp", pretrained=file))
        found = encode(init_backbone(again, 1)[0].eval(), views())
        torch.testing.assert_close(found, expected, atol=2e-5, rtol=1e-4)
        assert read_pretrained(file).side == 32


def test_a_mask_token_that_the_file_has_not_is_zero(recipe: Make, write: Write) -> None:
    made = recipe(backbone=settings(0, "mlp", pretrained=write(_without("mask_token"))))
    assert torch.equal(Network(made, seed=0).mask_token, torch.zeros(WIDTH))


@pytest.mark.parametrize(("registers", "ffn"), KINDS)
def test_a_trained_backbone_can_be_the_start(
    recipe: Make, write: Write, tmp_path: Path, registers: int, ffn: str
) -> None:
    first = recipe(backbone=settings(registers, ffn))
    network = Network(first, seed=0)
    with torch.no_grad():
        for weight in network.parameters():
            weight.add_(0.1)
    path = tmp_path / "backbone.safetensors"
    save_backbone(network.state_dict(), first, path, {})
    second = Network(recipe(backbone=settings(registers, ffn, pretrained=path)), seed=1)
    assert same(second.backbone.state_dict(), network.backbone.state_dict())
    assert torch.equal(second.mask_token, network.mask_token)
    loaded, _ = load_backbone(path)
    assert same(loaded.state_dict(), network.backbone.state_dict())


def test_report_is_logged(recipe: Make, write: Write, caplog: pytest.LogCaptureFixture) -> None:
    weights = huggingface_weights(dinov2_weights(4, grid=7))
    path = write(weights | {"classifier.bias": torch.zeros(2)})
    with caplog.at_level(logging.INFO):
        _from(path, recipe, registers=4)()
    assert f"{path} (Hugging Face's format): 35 weights loaded; positions for" in caplog.text
    assert "images of 56 px; mask token: taken; 1 names ignored" in caplog.text


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"width": 64}, "width 32 in the file, 64 in the model"),
        ({"depth": 3}, "depth 2 in the file, 3 in the model"),
        ({"patch": 16}, "patch 8 in the file, 16 in the model"),
        ({"registers": 4}, "registers 0 in the file, 4 in the model"),
        ({"ffn": "swiglu"}, "ffn mlp in the file, swiglu in the model"),
        ({"name": "vit_tiny_patch16_224"}, "width 32 in the file, 192 in the model"),
    ],
)
def test_other_backbones(recipe: Make, write: Write, changes: dict[str, Any], message: str) -> None:
    path = write(dinov2_weights())
    with pytest.raises(InputError) as caught:
        init_backbone(recipe(backbone=settings(0, "mlp", pretrained=path) | changes), 0)
    text = str(caught.value)
    assert text.startswith(f"recipe.backbone.pretrained: {path} (DINOv2's format) is of another")
    assert message in text and "\n" not in text


def _with(name: str, *shape: int) -> dict[str, Tensor]:
    return dinov2_weights() | {name: torch.ones(shape)}


def _without(name: str) -> dict[str, Tensor]:
    return {each: value for each, value in dinov2_weights().items() if each != name}


@pytest.mark.parametrize(
    ("weights", "message"),
    [
        (_without("blocks.1.norm2.bias"), r"blocks\.1\.norm2\.bias: model \(32,\), file none"),
        (_without("blocks.1.ls1.gamma"), r"blocks\.1\.ls1\.gamma: model \(32,\), file none"),
        (_with("rope", 4), r"1 of its.*rope: model none, file \(4,\)"),
        (_with("blocks.0.norm1.weight", 5), r"norm1\.weight: model \(32,\), file \(5,\)"),
        (_with("mask_token", 1, 5), "mask token has 5 values, the model 32"),
        (_with("pos_embed", 1, 16, WIDTH), r"weights\.pth: a position embedding of 15 patches"),
    ],
)
def test_weights_that_do_not_fit(
    recipe: Make, write: Write, weights: dict[str, Tensor], message: str
) -> None:
    with pytest.raises(InputError, match=message):
        _from(write(weights), recipe)()


def test_files_that_hold_no_vit(recipe: Make, tmp_path: Path) -> None:
    def refused(name: str, match: str) -> None:
        with pytest.raises(InputError, match=rf"^recipe.backbone.pretrained: .*{match}"):
            _from(tmp_path / name, recipe)()

    refused("none.pth", "does not exist")
    for name, content in (("no.pth", b"nothing"), ("no.safetensors", b"nothing"), ("0.pth", b"")):
        (tmp_path / name).write_bytes(content)
        refused(name, "holds no weights")
    torch.save({"model": Path("a")}, tmp_path / "object.pth")  # not loaded: code could run
    refused("object.pth", "holds no weights")
    torch.save({"conv1.weight": torch.ones(3)}, tmp_path / "convolution.pth")
    refused("convolution.pth", "no ViT with a class token .*begins with conv1.weight")


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


def test_positions_of_registers_and_the_size_they_are_for() -> None:
    ours = read_checkpoint(dinov2_weights(registers=4)).weights
    places = torch.arange(4.0)[:, None].expand(1, 4, WIDTH)
    positions = ours["pos_embed"]
    with_places = torch.cat([positions[:, :1], places, positions[:, 1:]], dim=1)
    found = read_checkpoint(ours | {"pos_embed": with_places})
    expected = ours | {"reg_token": ours["reg_token"] + places}
    assert found.class_position and found.side == 32 and same(found.weights, expected)
    weights = dinov2_weights(registers=4, grid=7)
    ours = read_checkpoint(weights).weights
    patches_only = ours | {"pos_embed": ours["pos_embed"][:, 1:]}
    for given in (weights, huggingface_weights(weights), ours, patches_only):
        assert read_checkpoint(given).side == 56
    del ours["pos_embed"]
    assert read_checkpoint(ours).side is None
    positions = torch.rand(1, 26, WIDTH)
    assert torch.equal(resize_positions(positions, (5, 5), 1, True), positions)
    for patches in (12, 0):
        with pytest.raises(InputError, match=f"{patches} patches"):
            resize_positions(torch.zeros(1, 1 + patches, WIDTH), (2, 2), 1, True)


def test_weights_that_a_format_lacks_or_has_no_place_for() -> None:
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
    ours = read_checkpoint(dinov2_weights()).weights | {"norm_pre.weight": torch.ones(WIDTH)}
    for kind in ("dinov2", "huggingface"):
        with pytest.raises(InputError, match=r"no place for 1 .*norm_pre\.weight"):
            to_dinov2(ours, None, True, kind)
    del ours["norm.weight"]
    with pytest.raises(InputError, match=r"no norm\.weight"):
        to_dinov2(ours, None, class_position=True)


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
    teacher = {f"teacher.backbone.{name}": value for name, value in weights.items()}
    return {"model": student | teacher}


@pytest.mark.parametrize("wrap", [_chunked, _in_training, _both])
def test_how_training_code_wraps_weights(wrap: Any) -> None:
    weights = dinov2_weights()
    read, plain = read_checkpoint(wrap(weights)), read_checkpoint(weights)
    assert read.format == "dinov2" and same(read.weights, plain.weights)


def test_what_cannot_be_read_and_what_a_classifier_wraps() -> None:
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
    weights = huggingface_weights(dinov2_weights(registers=4))
    for prefix in ("dinov2.", "dinov2_with_registers."):
        wrapped = {f"{prefix}{name}": value for name, value in weights.items()}
        read = read_checkpoint(wrapped | {"classifier.weight": torch.ones(3, 2 * WIDTH)})
        assert same(read.weights, read_checkpoint(weights).weights)
        assert read.ignored == ("classifier.weight",)
    timms = read_checkpoint(dinov2_weights()).weights | {"head.bias": torch.zeros(5)}
    assert read_checkpoint({"state_dict": timms}).ignored == ("head.bias",)
