"""Text lines by PP-OCR's detectors (Li et al. 2022 and later), exported to ONNX.

What is done before and after the network is rapidocr's code, with the means and deviations that the
networks were trained with.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from math import ceil
from typing import TYPE_CHECKING

import numpy as np
from rapidocr.ch_ppocr_det.utils import DBPostProcess, DetPreProcess

from anonbench.core.boxes import Region
from anonbench.core.libraries.opencv import cv2
from anonbench.core.vocabulary import Entity
from anonbench.detection.base import as_rgb, clipped_quad, require_finite, united
from anonbench.detection.text.networks import Network, onnx_runtime, openvino_bfloat16
from anonbench.detection.text.ppocr_model import find_models

if TYPE_CHECKING:
    from anonbench.detection.kinds.ppocr import Ppocr

logging.getLogger("RapidOCR").setLevel(logging.WARNING)

_MEANS = np.array([0.485, 0.456, 0.406], np.float32)
_DEVIATIONS = np.array([0.229, 0.224, 0.225], np.float32)
_STRIDE = 32
"""The network halves its input five times."""
_CANDIDATES = 1000
"""Contours of a view that are looked at."""


class DbnetDetector:
    """Text lines of each image as quadrilaterals."""

    def __init__(self, settings: Ppocr, threads: int = 1) -> None:
        """Load the weights.

        Args:
            settings: models, weights and thresholds.
            threads: images that are looked at together, each by one thread. That is faster than
                several threads for one image, and what is found cannot depend on their number.

        Raises:
            InputError: there are no weights, they are damaged, or the engine does not run here.

        """
        self._networks: list[Network] = [
            openvino_bfloat16(path, threads)
            if settings.engine == "openvino"
            else onnx_runtime(path)
            for path in find_models(settings)
        ]
        self._limit = settings.limit_side_len
        self._before = DetPreProcess(self._limit, "max", _MEANS, _DEVIATIONS)
        self._after = DBPostProcess(
            settings.thresh, settings.box_thresh, _CANDIDATES, settings.unclip_ratio
        )
        self._workers = ThreadPoolExecutor(threads, initializer=_flush_denormals)

    def detect(self, images: Sequence[np.ndarray]) -> list[list[Region]]:
        """See `Detector.detect`."""
        return list(self._workers.map(self._detect_one, images))

    def _detect_one(self, image: np.ndarray) -> list[Region]:
        seen = _padded(image, max(_STRIDE, ceil(_STRIDE * max(image.shape[:2]) / self._limit)))
        tensor = np.asarray(self._before(as_rgb(seen)[:, :, ::-1]))  # blue first
        found = [
            region
            for network in self._networks
            for region in self._regions(network(tensor), seen, image)
        ]
        return united(found, image) if len(self._networks) > 1 else found

    def _regions(self, maps: np.ndarray, seen: np.ndarray, image: np.ndarray) -> list[Region]:
        """Regions of one model, from how likely each pixel of `seen` is text.

        Raises:
            UnreadableImage: see `require_finite`.

        """
        require_finite(maps)
        probabilities = np.ascontiguousarray(maps[0, 0])
        is_text = probabilities > self._after.thresh
        height, width = seen.shape[:2]
        # the step after it would end slanted lines at the image's edge, corner by corner
        boxes, scores = self._after.boxes_from_bitmap(probabilities, is_text, width, height)
        return [
            region
            for corners, score in zip(boxes.astype(np.float64), scores, strict=True)
            for region in clipped_quad(Entity.TEXT, corners, score, image)
        ]


def _padded(image: np.ndarray, least: int) -> np.ndarray:
    """Return an image with sides of at least so many pixels: its last row or column repeated."""
    below, right = (max(0, least - side) for side in image.shape[:2])
    if not (below or right):
        return image
    return np.asarray(cv2.copyMakeBorder(image, 0, below, 0, right, cv2.BORDER_REPLICATE))


def _flush_denormals() -> None:
    """Let this thread take numbers below 1e-38 for zero.

    Channels that weight decay killed in training have such weights, some 13,000 in PP-OCRv3's
    detector, and Intel's processors are slow with each product of them: single layers took thirty
    times as long. The sums that they go into are too large to notice. ONNX Runtime's own setting
    (`session.set_denormal_as_zero`) reaches its own threads only, and images are run in ours.
    """
    import torch

    torch.set_flush_denormal(True)
