"""What both engines of PP-OCR share: where the weights are, their check, and small conventions."""

from __future__ import annotations

import importlib.util
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from anonbench.config.detectors import Ppocr
from anonbench.errors import InputError
from anonbench.opencv import cv2
from anonbench.provenance import file_digest

log = logging.getLogger(__name__)

WHEEL_MODEL = "PP-OCRv3_mobile_det"
WHEEL = "rapidocr_onnxruntime"
INSTALL = f"pip install --no-deps --force-reinstall {WHEEL}==1.2.13"
WHEEL_DIGEST = "3439588c030faea393a54515f51e983d8e155b19a2e8aba7891934c1cf0de526"
"""SHA-256 of the wheel's detector."""
ONNX, DEFINITION = "inference.onnx", "inference.yml"
LEAST_SIDE = 32
"""PaddleOCR pads smaller images and then misplaces the boxes, so they are padded here."""
TINY = 1e-9
"""In place of a threshold of 0, which PaddleOCR takes for: the default."""

# The model's inference.yml as PaddleOCR ships it. Its thresholds give way to the settings.
_WHEEL_DEFINITION: dict[str, Any] = {
    "Global": {"model_name": WHEEL_MODEL},
    "PreProcess": {
        "transform_ops": [
            {"DecodeImage": {"channel_first": False, "img_mode": "BGR"}},
            {"DetLabelEncode": None},
            {"DetResizeForTest": {"resize_long": 960}},
            {
                "NormalizeImage": {
                    "mean": [0.485, 0.456, 0.406],
                    "order": "hwc",
                    "scale": "1./255.",
                    "std": [0.229, 0.224, 0.225],
                }
            },
            {"ToCHWImage": None},
            {"KeepKeys": {"keep_keys": ["image", "shape", "polys", "ignore_tags"]}},
        ]
    },
    "PostProcess": {
        "name": "DBPostProcess",
        "thresh": 0.3,
        "box_thresh": 0.6,
        "max_candidates": 1000,
        "unclip_ratio": 1.5,
    },
}


@dataclass(frozen=True)
class TextModel:
    """A text detector's files."""

    onnx: Path
    """The network."""
    definition: Mapping[str, Any]
    """What its inference.yml says: how images are prepared and its output is read."""


def find_model(settings: Ppocr) -> TextModel | None:
    """Return the model of the settings' folder, or that of the wheel, or None where there is none.

    Weights that are known are checked by their digest; others are logged with it.

    Raises:
        InputError: the folder lacks a file or is not a model's, or the wheel's file is damaged.

    """
    if settings.weights is not None:
        return _model_of_folder(settings.weights, settings.model)
    onnx = wheel_weights()
    if onnx is None or settings.model != WHEEL_MODEL:
        return None
    if file_digest(onnx) != WHEEL_DIGEST:
        raise InputError(
            f"detector ppocr: {onnx} is damaged or of another version ({onnx.stat().st_size} "
            f"bytes, its SHA-256 is not {WHEEL_DIGEST[:12]}…); reinstall it: {INSTALL}"
        )
    return TextModel(onnx, _WHEEL_DEFINITION)


def wheel_weights() -> Path | None:
    """Return the PP-OCRv3 detector in the wheel rapidocr_onnxruntime 1.2, where it is installed."""
    spec = importlib.util.find_spec(WHEEL)
    if spec is None or spec.origin is None:
        return None
    path = Path(spec.origin).parent / "models" / "ch_PP-OCRv3_det_infer.onnx"
    return path if path.is_file() else None


def where_to_put(model: str) -> str:
    """Say what to do where there are no weights of a model."""
    return (
        f"set detection.ppocr.weights to the model's folder ({ONNX} and {DEFINITION}) or, for "
        f"{WHEEL_MODEL}, {INSTALL}"
    ) + ("" if model == WHEEL_MODEL else f"; weights of {model} do not come with anonbench")


def padded(image: np.ndarray) -> np.ndarray:
    """Return an image of at least 32 x 32 pixels: what is missing repeats the last row or column.

    Args:
        image: uint8 [H, W] or [H, W, 3].

    """
    below, right = (max(0, LEAST_SIDE - side) for side in image.shape[:2])
    if not (below or right):
        return image
    return np.asarray(cv2.copyMakeBorder(image, 0, below, 0, right, cv2.BORDER_REPLICATE))


def _model_of_folder(folder: Path, model: str) -> TextModel:
    for name in (ONNX, DEFINITION):
        if not (folder / name).is_file():
            raise InputError(
                f"detection.ppocr.weights: there is no {name} in {folder}; give the folder of the "
                f"model {model} in ONNX format"
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
