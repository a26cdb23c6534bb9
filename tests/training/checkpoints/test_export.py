"""The file of a trained backbone; in timm, DINOv2's names and transformers, the same numbers."""

import zipfile
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from foreign import KINDS, same, settings, views
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from anonbench.cli import main
from anonbench.config.training import Recipe
from anonbench.core.errors import InputError
from anonbench.core.libraries.compat import install_torchvision_ops
from anonbench.training.data.preprocess import Preprocess
from anonbench.training.export import export_backbone
from anonbench.training.model.backbone import build_backbone, encode, init_backbone
from anonbench.training.model.formats import Format, read_checkpoint
from anonbench.training.model.network import Network
from anonbench.training.weights import load_backbone, save_backbone

Make = Callable[..., Recipe]
Train = Callable[..., Path]

install_torchvision_ops()  # before timm is imported


@pytest.fixture
def trained(recipe: Make, tmp_path: Path) -> Train:
    """The file of a network whose weights all differ from what they began with."""

    def make(backbone: dict[str, Any], **changes: Any) -> Path:
        made = recipe(backbone=backbone, **changes)
        network = Network(made, seed=0)
        random = torch.Generator().manual_seed(1)
        with torch.no_grad():
            for weight in network.parameters():
                weight.add_(0.1 * torch.randn(weight.shape, generator=random))
        path = tmp_path / "backbone.safetensors"
        save_backbone(network.state_dict(), made, path, {})
        return path

    return make


def _features(path: Path) -> Tensor:
    return encode(load_backbone(path)[0], views())


def _called(message: str) -> str:
    return message.split("to load it: ")[1].splitlines()[0]


@pytest.mark.parametrize(("registers", "ffn"), KINDS)
def test_dinov2(trained: Train, tmp_path: Path, registers: int, ffn: str) -> None:
    path, output = trained(settings(registers, ffn)), tmp_path / "out" / "dinov2.pth"
    message = export_backbone(path, output, "dinov2")
    weights = torch.load(output, weights_only=True)
    assert read_checkpoint(weights).format == "dinov2"
    assert same(read_checkpoint(weights).weights, load_backbone(path)[0].state_dict())
    assert torch.equal(weights["mask_token"][0], load_file(path)["mask_token"])
    assert weights["mask_token"].any()
    with zipfile.ZipFile(output) as archive:  # nothing of the temporary name is in the bytes
        assert {name.split("/")[0] for name in archive.namelist()} == {"archive"}
    expected = {
        "img_size": 32,
        "patch_size": 8,
        "embed_dim": 32,
        "depth": 2,
        "num_heads": 2,
        "mlp_ratio": 4,
        "ffn_layer": "mlp" if ffn == "mlp" else "swiglufused",
        "init_values": 1.0,
        "num_register_tokens": registers,
        "interpolate_antialias": registers == 4,
        "interpolate_offset": 0.0 if registers else 0.1,
        "block_chunks": 0,
    }
    transformer = SimpleNamespace(DinoVisionTransformer=dict)
    models = SimpleNamespace(models=SimpleNamespace(vision_transformer=transformer))
    assert eval(_called(message), {"dinov2": models}) == expected


@pytest.mark.parametrize(("registers", "ffn"), KINDS)
def test_timm(trained: Train, tmp_path: Path, registers: int, ffn: str) -> None:
    import timm

    path, output = trained(settings(registers, ffn)), tmp_path / "timm.safetensors"
    model = eval(_called(export_backbone(path, output, "timm")), {"timm": timm, "torch": torch})
    model.load_state_dict(load_file(output))
    found = model.eval().forward_features(views())
    torch.testing.assert_close(found, _features(path), atol=2e-5, rtol=1e-4)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["vit_tiny_patch16_224", "vit_small_patch14_reg4_dinov2"])
def test_timm_by_name(trained: Train, tmp_path: Path, name: str) -> None:
    import timm

    patch = 14 if "14" in name else 16
    crops = {"global_size": 2 * patch, "local_size": patch}
    path, output = trained({"name": name}, crops=crops), tmp_path / "timm.safetensors"
    call = _called(export_backbone(path, output, "timm"))
    assert f"checkpoint_path='{output}'" in call
    model = eval(call, {"timm": timm}).eval()
    images = views(2 * patch)
    expected = encode(load_backbone(path)[0], images)
    torch.testing.assert_close(model.forward_features(images), expected, atol=2e-4, rtol=1e-4)


@pytest.mark.slow
@pytest.mark.parametrize(("registers", "ffn"), KINDS)
def test_huggingface(trained: Train, tmp_path: Path, registers: int, ffn: str) -> None:
    transformers = pytest.importorskip("transformers")
    path, output = trained(settings(registers, ffn)), tmp_path / "folder"
    export_backbone(path, output, "huggingface")
    kind = transformers.Dinov2WithRegistersModel if registers else transformers.Dinov2Model
    model, report = kind.from_pretrained(output, output_loading_info=True)
    assert not any(report[key] for key in report), report
    found = model.eval()(pixel_values=views()).last_hidden_state
    torch.testing.assert_close(found, _features(path), atol=2e-5, rtol=1e-4)
    token = load_file(path)["mask_token"]
    assert torch.equal(model.embeddings.mask_token[0].detach(), token)


@pytest.mark.slow
@pytest.mark.parametrize(("registers", "ffn"), KINDS)
def test_from_transformers(recipe: Make, tmp_path: Path, registers: int, ffn: str) -> None:
    """A model that transformers made, by its file and by its state in memory."""
    transformers = pytest.importorskip("transformers")
    kind = "Dinov2WithRegisters" if registers else "Dinov2"
    config = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2}
    config |= {"image_size": 56, "patch_size": 8, "use_swiglu_ffn": ffn == "swiglu"}
    with torch.random.fork_rng():
        torch.manual_seed(0)
        made = getattr(transformers, f"{kind}Config")(**config)
        model = getattr(transformers, f"{kind}Model")(made).eval()
        for weight in model.parameters():
            nn.init.normal_(weight, std=0.2)
    model.save_pretrained(tmp_path)
    torch.save(model.state_dict(), tmp_path / "memory.pth")
    images = views(56)  # the size of its positions
    expected = model(pixel_values=images).last_hidden_state
    for name in ("model.safetensors", "memory.pth"):
        backbone = settings(registers, ffn, pretrained=tmp_path / name)
        made = recipe(backbone=backbone, crops={"global_size": 56})
        found = encode(init_backbone(made, seed=0)[0].eval(), images)
        torch.testing.assert_close(found, expected, atol=2e-5, rtol=1e-4)


def test_by_command(trained: Train, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = trained(settings(0, "mlp"))
    output = tmp_path / "weights.pth"
    assert main(["export", str(path), str(output), "--format", "dinov2"]) == 0
    printed = capsys.readouterr().out
    assert f"wrote {output} (DINOv2's format)" in printed
    assert "the centre crop of 32×32 pixels" in printed
    assert "each image to zero mean and unit variance" in printed
    trained(settings(0, "mlp"), crops={"normalize": "imagenet"}, resize="squash")
    assert main(["export", str(path), str(output), "--format", "dinov2"]) == 0
    assert "squashed to 32×32 pixels, normalized by ImageNet's mean" in capsys.readouterr().out
    assert main(["export", str(output), str(output), "--format", "dinov2"]) == 1
    assert "is the same file as" in capsys.readouterr().err
    assert main(["export", str(output), f"{output}.pth", "--format", "dinov2"]) == 1
    assert "not a backbone that anonbench trained" in capsys.readouterr().err
    assert main(["export", str(path), str(tmp_path), "--format", "timm"]) == 1
    assert "is a folder" in capsys.readouterr().err
    assert main(["export", str(path), str(output), "--format", "huggingface"]) == 1
    assert "is no folder" in capsys.readouterr().err


@pytest.mark.slow
def test_a_model_that_only_timm_has(trained: Train, tmp_path: Path) -> None:
    path = trained({"name": "vit_xsmall_patch16_clip_224"})
    assert export_backbone(path, tmp_path / "timm.safetensors", "timm")
    formats: tuple[tuple[Format, str], ...] = (("dinov2", "a.pth"), ("huggingface", "a"))
    for form, name in formats:
        with pytest.raises(InputError, match=rf"{path.name}: its norms have another epsilon"):
            export_backbone(path, tmp_path / name, form)
        assert not (tmp_path / name).exists()


def test_saved_backbones_come_back_and_others_are_refused(recipe: Make, tmp_path: Path) -> None:
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
    assert torch.equal(encode(loaded, views()), encode(network.backbone, views()))
    weights = load_file(path)
    assert torch.equal(weights["mask_token"], torch.full((32,), 0.5))
    assert not any("head" in name for name in weights)
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
