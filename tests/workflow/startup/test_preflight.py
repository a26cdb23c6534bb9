"""Weights and names that a stage would only miss hours into a run."""

import json
import os
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from anonbench.config import Config, DataSource, load
from anonbench.core.errors import InputError
from anonbench.training.model.timm_models import require_name
from anonbench.workflow.preflight import require_absolute, require_files


def config(
    detectors: list[str] | None = None, backbone: dict[str, Any] | None = None, **more: Any
) -> Config:
    data = {"layout": "folder", "path": "images", "detectors": detectors or ["zxing"]}
    recipes = {"default": {"backbone": backbone or {}}, "unused": {"backbone": {}}}
    return load({"datasets": {"mine": data}, "recipes": recipes} | more)


TWO_MODELS = ["PP-OCRv3_mobile_det", "PP-OCRv4_server_det"]


def checked(given: Config, message: str | None) -> str:
    if message is None:
        require_files(given)
        return ""
    with pytest.raises(InputError, match=message) as error:
        require_files(given)
    return str(error.value)


def with_system(**system: Any) -> Config:
    data = {"layout": "folder", "path": "images", "detectors": ["zxing"], "system": "ours"}
    return load({"datasets": {"mine": data}, "systems": {"ours": system}})


def safetensors(header: object, data: bytes) -> bytes:
    text = json.dumps(header).encode()
    return len(text).to_bytes(8, "little") + text + data


TENSOR = {"cls_token": {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}}


def of_torch(path: Path) -> None:
    with zipfile.ZipFile(path, "w") as file:
        file.writestr("archive/data.pkl", b"x" * 1000)


def cut(path: Path) -> None:
    of_torch(path)
    path.write_bytes(path.read_bytes()[:-10])


CHECKPOINTS: dict[str, tuple[Callable[[Path], object], str, str | None]] = {
    "whole": (lambda p: p.write_bytes(safetensors(TENSOR, b"1234")), ".safetensors", None),
    "of torch.save": (of_torch, ".pth", None),
    "not there": (lambda p: None, ".safetensors", "there is no file"),
    "a folder": (lambda p: p.mkdir(), ".safetensors", "is a folder; give a file"),
    "a pipe": (lambda p: os.mkfifo(p), ".safetensors", "is no regular file"),
    "empty": (lambda p: p.write_bytes(b""), ".safetensors", "no whole safetensors"),
    "a page": (lambda p: p.write_text("<!DOCTYPE html>" * 20), ".safetensors", "no whole"),
    "cut": (lambda p: p.write_bytes(safetensors(TENSOR, b"12")), ".safetensors", "no whole"),
    "cut archive": (cut, ".pth", "its end is missing"),
    "an image": (lambda p: p.write_bytes(b"\x89PNG"), ".bin", "is neither a safetensors file"),
}


@pytest.mark.parametrize("name", CHECKPOINTS)
def test_pretrained_weights(tmp_path: Path, name: str) -> None:
    write, suffix, message = CHECKPOINTS[name]
    path = tmp_path / f"weights{suffix}"
    write(path)
    said = checked(config(backbone={"pretrained": str(path)}), message)
    assert not message or said.startswith("recipes.default.backbone.pretrained: ")


def test_misspelt_files_are_guessed_and_folders_refused(tmp_path: Path) -> None:
    (tmp_path / "dinov2_vits14.safetensors").touch()
    given = config(backbone={"pretrained": str(tmp_path / "dinov2_vits14.safetensor")})
    checked(given, r"did you mean dinov2_vits14\.safetensors\?")
    # of which one file would be read, and the others not
    data = {"layout": "folder", "path": "images", "detectors": ["boxes"], "boxes": str(tmp_path)}
    checked(load({"datasets": {"mine": data}}), r"datasets\.mine\.boxes: .* is a folder")


@pytest.mark.parametrize(
    ("detectors", "detection", "message"),
    [
        (["face_onnx"], {}, "detection.face_onnx.weights: is empty"),
        (["face_onnx"], {"face_onnx": {"weights": "no.onnx"}}, "weights: there is no file no.onnx"),
        (["mrz"], {"mrz": {"weights": "no.onnx"}}, "detection.mrz.weights: there is no file"),
        (["ppocr"], {"ppocr": {"weights": "no"}}, "detection.ppocr.weights: there is no folder no"),
        (["ink"], {"ppocr": {"weights": "no"}}, "detection.ppocr.weights: there is no folder no"),
        (["mrz"], {"ppocr": {"model": "PP-OCRv9"}}, "detection.ppocr.model: there are no ONNX"),
        (["ppocr"], {"ppocr": {"model": TWO_MODELS}}, "detection.ppocr.model: there are no ONNX"),
        (["ppocr"], {"ppocr": {"second_model": "PP-OCRv9"}}, r"second_model: .* set it to null"),
        (["zxing"], {"ppocr": {"weights": "no"}, "face_onnx": {"weights": "no"}}, None),  # unused
    ],
)
def test_weights_of_detectors(
    detectors: list[str], detection: dict[str, Any], message: str | None
) -> None:
    checked(config(detectors, detection=detection), message)


@pytest.mark.parametrize(
    ("kind", "field", "missing"),
    [
        ("onnx", "file", "net.onnx"),
        ("timm", "weights", "w.pt"),
        ("timm", "adapter", "adapter_config.json"),  # beside the file that the config names
    ],
)
def test_a_file_of_a_system(kind: str, field: str, missing: str, tmp_path: Path) -> None:
    name = tmp_path / missing.replace("config.json", "model.safetensors")
    if name.name != missing:
        name.touch()
    given = with_system(kind=kind, **{field: str(name)})
    checked(given, rf"systems\.ours\.{field}: there is no file {tmp_path / missing}")
    (tmp_path / missing).touch()
    require_files(given)


def test_a_system_that_timm_does_not_have_is_refused_before_any_job() -> None:
    message = "timm has no model 'resnet8'; did you mean resnet18"
    checked(with_system(kind="timm", name="resnet8"), message)
    for known in ("resnet18.a1_in1k", "hf-hub:owner/name", "local-dir:folder"):
        require_files(with_system(kind="timm", name=known))


SOURCE = """import numpy
try:
    import not_installed
except ImportError:
    numbers = None
from os.path import join as joined
def encode(images): inner = 1
if numpy: later = encode
"""


@pytest.mark.parametrize(
    ("function", "source", "message"),
    [
        ("my_find:encode", SOURCE, None),
        ("my_find:later", SOURCE, None),
        ("my_find:joined", SOURCE, None),
        ("my_find:other", SOURCE + "globals()['other'] = encode\n", None),
        ("my_find:other", "from numpy import *\n", None),
        ("my_find:encod", SOURCE, r"my_find.py has no function 'encod'; did you mean encode\?"),
        ("my_find:inner", SOURCE, r"my_find.py has no function 'inner'"),
        ("my_fin:encode", SOURCE, r"no module 'my_fin' .*; did you mean my_find\?"),
        ("my_find:encode", "def encode(:\n", r"my_find.py, line 1: is no Python \(.*syntax"),
        ("my_find:encode", "import not_installed\n", "imports 'not_installed', and there is no"),
        ("my_pack.sub:encode", SOURCE, r"sub.py has no function 'encode'"),
        ("my_pack.sub:wanted", SOURCE, None),
    ],
)
def test_a_function_that_no_module_has(
    function: str, source: str, message: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Otherwise the job that embeds finds it out, after detection and anonymization."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "my_find.py").write_text(source)
    (tmp_path / "my_pack").mkdir()
    (tmp_path / "my_pack" / "__init__.py").write_text("raise SystemExit  # never imported\n")
    (tmp_path / "my_pack" / "sub.py").write_text("def wanted(images): ...\n")
    checked(with_system(kind="function", function=function), message)


def test_a_recognizer_is_a_model_where_attacks_are_asked_for(tmp_path: Path) -> None:
    text = tmp_path / "recognizer.onnx"
    text.write_text("no model")
    asked = config(privacy={"recognizer": str(text)})
    checked(asked, r"privacy\.recognizer: .* is no model in ONNX format")
    require_files(config(privacy={"recognizer": str(text), "enabled": False}))


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("vit_smal_patch16_224", r"no model 'vit_smal_.*; did you mean vit_small_patch16_224\?"),
        ("vit_small_patch16_224.augreg_in22k", r"no weights .*; did you mean .*\.augreg_in21k"),
        ("resnet50", r"recipes\.default\.backbone\.name: resnet50 cannot be made"),
        ("vit_base_patch16_gap_224", "no ViT with a class token"),  # pooled, no class token
        ("", "timm has no model"),
    ],
)
def test_names_that_timm_does_not_know(name: str, message: str) -> None:
    checked(config(backbone={"name": name}), message)


@pytest.mark.parametrize("name", ["vit_small_patch14_dinov2.lvd142m", "vit_base_patch16_224_dino"])
def test_names_that_timm_knows_or_still_takes(name: str) -> None:
    require_name(name, "field")


@pytest.mark.parametrize("name", ["test_vit", "test_vit3", "vit_wee_patch16_reg1_gap_256"])
def test_a_training_agrees(name: str) -> None:
    from anonbench.training.model.backbone import build_backbone

    settings = config(backbone={"name": name}).recipes["default"].backbone
    verdicts = []
    for check in (lambda: require_name(name, "field"), lambda: build_backbone(settings, 32)):
        try:
            check()
            verdicts.append(True)
        except InputError:
            verdicts.append(False)
    assert verdicts[0] == verdicts[1]


def test_with_a_storage_what_the_user_brings_has_an_absolute_path() -> None:
    data = DataSource.model_validate({"layout": "folder", "path": "/data/images"})
    require_absolute({"datasets": {"mine": dict(data)}})
    with pytest.raises(InputError, match=r"datasets\.mine\.boxes: boxes\.csv is relative"):
        require_absolute({"datasets": {"mine": dict(data) | {"boxes": Path("boxes.csv")}}})


def test_a_key_that_is_not_there(tmp_path: Path) -> None:
    key = tmp_path / "my.key"
    asked = config(anonymization={"noise": {"key_file": str(key)}})
    require_files(asked)
    layered = {"noise": {"key_file": str(key)}, "layers": {"methods": ["noise", "blur"]}}
    data = {"layout": "folder", "path": "images", "detectors": ["zxing"], "methods": ["layers"]}
    asked = load({"datasets": {"mine": data}, "anonymization": layered})
    checked(asked, r"anonymization\.noise: there is no key .*: make one by `openssl rand")
    key.write_bytes(b"k" * 32)
    require_files(asked)
