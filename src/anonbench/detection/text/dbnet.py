"""Text lines by PP-OCR's detector: PaddleOCR's boxes in less time.

The networks are those of Li et al. 2022 (PP-OCRv3) and later, exported to ONNX; what PaddleOCR does
before and after them is done here with fewer copies and by several images at a time.
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import numpy as np

from anonbench.core.boxes import Region
from anonbench.core.errors import InputError
from anonbench.core.vocabulary import Entity
from anonbench.detection.base import clipped_quad, require_finite
from anonbench.detection.text.dbnet_boxes import Thresholds, text_boxes
from anonbench.detection.text.dbnet_input import read_definition, to_input
from anonbench.detection.text.networks import onnx_runtime, openvino_bfloat16
from anonbench.detection.text.ppocr_model import TINY, find_model, padded, without_weights

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
            InputError: there are no weights, they are damaged, their inference.yml asks for
                something unknown, or the engine does not run here.

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
        self._network = (
            openvino_bfloat16(model.onnx, threads)
            if settings.engine == "openvino"
            else onnx_runtime(model.onnx)
        )
        self._workers = ThreadPoolExecutor(threads, initializer=_flush_denormals)

    def detect(self, images: Sequence[np.ndarray]) -> list[list[Region]]:
        """See `Detector.detect`."""
        return list(self._workers.map(self._detect_one, images))

    def probabilities(self, tensor: np.ndarray) -> np.ndarray:
        """Return how likely each pixel is text, float32 [H, W], for an input of [1, 3, H, W].

        Raises:
            UnreadableImage: see `require_finite`.

        """
        maps = self._network(tensor)
        require_finite(maps)
        return np.ascontiguousarray(maps[0, 0])

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
