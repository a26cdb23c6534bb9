"""Text lines by PP-OCR's detector on ONNX Runtime: PaddleOCR's boxes in less time.

The networks are those of Li et al. 2022 (PP-OCRv3) and later, exported to ONNX; what PaddleOCR does
before and after them is done here with fewer copies and by several images at a time.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from anonbench.core.boxes import Region
from anonbench.core.errors import InputError
from anonbench.core.libraries.onnx import cpu_session
from anonbench.core.vocabulary import Entity
from anonbench.detection.base import clipped_quad, require_finite
from anonbench.detection.text.dbnet_boxes import Thresholds, text_boxes
from anonbench.detection.text.dbnet_input import read_definition, to_input
from anonbench.detection.text.ppocr_model import TINY, find_model, padded, without_weights

# Read when the package is imported: it sends usage data to Microsoft otherwise.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
import onnxruntime

if TYPE_CHECKING:
    from anonbench.detection.kinds.ppocr import Ppocr


class DbnetDetector:
    """Text lines of each image as quadrilaterals."""

    def __init__(self, settings: Ppocr, threads: int = 1) -> None:
        """Load the weights.

        Args:
            settings: model, weights and thresholds.
            threads: images that are looked at together, each by one thread. That is faster than
                several threads for one image, and what is found cannot depend on their number.

        Raises:
            InputError: there are no weights, they are damaged, or their inference.yml asks for
                something unknown.

        """
        model = find_model(settings)
        if model is None:
            raise InputError(f"detector ppocr: {without_weights(settings.model)}")
        self._definition = read_definition(model.definition)
        self._thresholds = Thresholds(
            pixel=max(settings.thresh, TINY),
            box=max(settings.box_thresh, TINY),
            unclip_ratio=settings.unclip_ratio,
            max_candidates=self._definition.max_candidates,
        )
        self._limit = settings.limit_side_len
        self._session = _load(model.onnx)
        self._input = self._session.get_inputs()[0].name
        self._workers = ThreadPoolExecutor(threads, initializer=_flush_denormals)

    @property
    def longest_side(self) -> int | None:
        """The longer side, in pixels, at which images are looked at; more detail is not used.

        Images may be given at a reduced scale, down to this; boxes equal PaddleOCR's bit by bit
        where both see the same pixels, so on images decoded in full.
        """
        return self._limit

    def detect(self, images: Sequence[np.ndarray]) -> list[list[Region]]:
        """See `Detector.detect`."""
        return list(self._workers.map(self._detect_one, images))

    def probabilities(self, tensor: np.ndarray) -> np.ndarray:
        """Return how likely each pixel is text, float32 [H, W], for an input of [1, 3, H, W].

        Raises:
            UnreadableImage: see `require_finite`.

        """
        maps: list[np.ndarray] = self._session.run(None, {self._input: tensor})
        require_finite(maps[0])
        return np.ascontiguousarray(maps[0][0, 0])

    def _detect_one(self, image: np.ndarray) -> list[Region]:
        seen = padded(image)
        height, width = seen.shape[:2]
        tensor = to_input(seen, self._limit, self._definition)
        boxes = text_boxes(self.probabilities(tensor), height, width, self._thresholds)
        return [
            region
            for corners, score in boxes
            for region in clipped_quad(Entity.TEXT, corners, score, image)
        ]


def _flush_denormals() -> None:
    """Let this thread take numbers below 1e-38 for zero.

    Channels that weight decay killed in training have such weights, some 13,000 in PP-OCRv3's
    detector, and Intel's processors are slow with each product of them: single layers took thirty
    times as long. The sums that they go into are too large to notice. ONNX Runtime's own setting
    (`session.set_denormal_as_zero`) reaches its own threads only, and images are run in ours.
    """
    import torch

    torch.set_flush_denormal(True)


def _load(path: Path) -> onnxruntime.InferenceSession:
    try:
        session = cpu_session(path)
    except Exception as error:  # the library's own exceptions have no common base
        raise InputError(
            f"detector ppocr cannot load {path} ({type(error).__name__}); it is damaged or no ONNX "
            f"file: get it again"
        ) from error
    inputs, outputs = session.get_inputs(), session.get_outputs()
    if (
        len(inputs) != 1
        or len(outputs) != 1
        or [len(x.shape) for x in (*inputs, *outputs)] != [4, 4]
    ):
        raise InputError(
            f"detector ppocr: {path} is no text detector: it must turn one tensor of images into "
            f"one of maps"
        )
    return session
