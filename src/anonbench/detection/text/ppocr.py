"""Text lines by PaddleOCR's detector (PP-OCRv3, Li et al. 2022) with its ONNX Runtime engine."""

from __future__ import annotations

import json
import logging
import os
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from anonbench.core.boxes import Region
from anonbench.core.errors import InputError, UnreadableImage
from anonbench.core.io import scratch_folder
from anonbench.core.vocabulary import Entity
from anonbench.detection.base import as_rgb, clipped_quad
from anonbench.detection.text.ppocr_model import (
    DEFINITION,
    ONNX,
    TINY,
    TextModel,
    find_model,
    padded,
    where_to_put,
)

# Read when the packages are imported: no probing of model hosts, no usage data to Microsoft (ONNX
# Runtime sends some and leaves an identifier in the home folder otherwise).
os.environ.setdefault("PADDLE_PDX_DISABLE_MODEL_SOURCE_CHECK", "True")
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
from paddleocr import TextDetection

if TYPE_CHECKING:
    from anonbench.detection.kinds.ppocr import Ppocr

logging.getLogger("paddlex").setLevel(logging.WARNING)

LONGEST_SIDE = 32767
"""PaddleOCR returns corners as 16-bit integers."""


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
        with model_folder(find_model(settings)) as folder:
            self._model = load_paddleocr(settings.model, folder, threads)

    def detect(self, images: Sequence[np.ndarray]) -> list[list[Region]]:
        """See `Detector.detect`."""
        return [self._detect_one(image) for image in images]

    def _detect_one(self, image: np.ndarray) -> list[Region]:
        height, width = image.shape[:2]
        if max(height, width) > LONGEST_SIDE:
            raise UnreadableImage(f"a side longer than {LONGEST_SIDE} pixels")
        bgr = padded(np.ascontiguousarray(as_rgb(image)[:, :, ::-1]))
        (result,) = self._model.predict(bgr, **self._thresholds)
        return [
            region
            for corners, score in zip(result["dt_polys"], result["dt_scores"], strict=True)
            for region in clipped_quad(
                Entity.TEXT, np.asarray(corners, dtype=np.float64), score, image
            )
        ]


@contextmanager
def model_folder(model: TextModel | None) -> Iterator[Path | None]:
    """Give a folder with inference.onnx and inference.yml, or None for PaddleOCR's own download."""
    if model is None or model.onnx.name == ONNX:
        yield None if model is None else model.onnx.parent
        return
    with scratch_folder() as folder:
        shutil.copyfile(model.onnx, folder / ONNX)
        # JSON is YAML
        (folder / DEFINITION).write_text(json.dumps(model.definition), encoding="utf-8")
        yield folder


def load_paddleocr(model: str, folder: Path | None, threads: int) -> Any:
    """Return PaddleOCR's `TextDetection`.

    Raises:
        InputError: PaddleOCR does not take the model.

    """
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
            "check that the folder holds this model" if folder is not None else where_to_put(model)
        )
        raise InputError(f"detector ppocr cannot load {model} ({error}); {way_out}") from error
