"""Faces by an ONNX model given by path: SCRFD (Guo et al. 2021) or YuNet (Wu et al. 2023)."""

from __future__ import annotations

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import numpy as np

from anonbench.core.boxes import Region
from anonbench.core.errors import InputError
from anonbench.core.libraries.onnx import cpu_session
from anonbench.core.libraries.opencv import cv2
from anonbench.core.vocabulary import Entity
from anonbench.detection.base import as_rgb, clipped_box, require_finite
from anonbench.detection.faces.suppression import suppressed

# Read when the package is imported: it sends usage data to Microsoft otherwise.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")

if TYPE_CHECKING:
    from anonbench.detection.kinds.face_onnx import FaceOnnx

SETTING = "detection.face_onnx.weights"
STRIDES = (8, 16, 32)
"""Pixels from one place of SCRFD's three maps to the next."""
ANCHORS = 2
"""Boxes that SCRFD suggests at each place."""
MULTIPLE = 32
"""What both networks want the sides to be a multiple of."""
PROBE = 64
"""Side of the blank image that a model must take when it is loaded."""
MOST = 5000
"""Boxes that YuNet suppresses others among: OpenCV's own default."""


class _Model(Protocol):
    parallel: bool
    """Whether it may be called by several threads at a time."""

    def find(self, rgb: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return boxes (x0, y0, x1, y1; float [N, 4]) and scores of an image uint8 [H, W, 3]."""
        ...


class FaceOnnxDetector:
    """All faces of each image, by the user's own model."""

    def __init__(self, settings: FaceOnnx, threads: int = 1) -> None:
        """Load the model.

        Args:
            settings: its file, how its outputs are read, and thresholds.
            threads: images that are looked at together, each by one thread, so that what is found
                cannot depend on their number. YuNet takes one image at a time.

        Raises:
            InputError: there is no file, or it is not a model of this kind.

        """
        path = settings.weights
        if path is None or not path.is_file():
            missing = "is empty" if path is None else f"there is no file {path}"
            raise InputError(f"{SETTING}: {missing}; give the ONNX file of a {settings.kind} model")
        self._settings = settings
        self._model: _Model = (
            Scrfd(path, settings) if settings.kind == "scrfd" else Yunet(path, settings)
        )
        self._threads = threads if self._model.parallel else 1

    def detect(self, images: Sequence[np.ndarray]) -> list[list[Region]]:
        """See `Detector.detect`."""
        with ThreadPoolExecutor(self._threads) as pool:
            return list(pool.map(self._detect_one, images))

    def _detect_one(self, image: np.ndarray) -> list[Region]:
        height, width = image.shape[:2]
        scale = self._settings.limit_side_len / max(height, width)
        size = max(1, round(width * scale)), max(1, round(height * scale))
        smaller = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
        boxes, scores = self._model.find(cv2.resize(as_rgb(image), size, interpolation=smaller))
        boxes = boxes * (np.array([width, height] * 2) / np.array(size * 2))
        return [
            region
            for box, score in zip(boxes, scores, strict=True)
            for region in clipped_box(Entity.FACE, box, float(score), image)
        ]


class Scrfd:
    """InsightFace's SCRFD: scores and distances to the four sides, from three maps."""

    parallel = True

    def __init__(self, path: Path, settings: FaceOnnx) -> None:
        """Load the model and see that a blank image gives the outputs that are read.

        Raises:
            InputError: it does not.

        """
        self._settings = settings
        try:
            self._session = cpu_session(path)
            self._input = self._session.get_inputs()[0].name
            outputs = self._run(np.zeros((PROBE, PROBE, 3), np.uint8))
        except Exception as error:  # the library's own exceptions have no common base
            raise _refused(path, "scrfd", type(error).__name__) from error
        # by what they hold: scores, distances, and perhaps landmarks, each for three strides
        places = [ANCHORS * (PROBE // stride) ** 2 for stride in STRIDES]
        shapes = [(output.size // output.shape[-1], output.shape[-1]) for output in outputs]
        try:
            self._scores = [shapes.index((count, 1)) for count in places]
            self._distances = [shapes.index((count, 4)) for count in places]
        except ValueError as error:
            raise _refused(path, "scrfd", f"outputs {shapes}") from error

    def find(self, rgb: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """See `_Model.find`."""
        height, width = rgb.shape[:2]
        below, right = -height % MULTIPLE, -width % MULTIPLE
        padded = cv2.copyMakeBorder(rgb, 0, below, 0, right, cv2.BORDER_CONSTANT)
        outputs = self._run(padded)
        require_finite(*(outputs[index] for index in (*self._scores, *self._distances)))
        boxes, scores = [], []
        for score, distance, stride in zip(self._scores, self._distances, STRIDES, strict=True):
            likely = outputs[score].ravel()
            which = np.flatnonzero(likely >= self._settings.threshold)
            row, column = np.divmod(which // ANCHORS, padded.shape[1] // stride)
            centres = np.stack([column, row], axis=1) * np.float32(stride)
            sides = outputs[distance].reshape(-1, 4)[which] * np.float32(stride)
            boxes.append(np.hstack([centres - sides[:, :2], centres + sides[:, 2:]]))
            scores.append(likely[which])
        box, score = np.concatenate(boxes).astype(np.float32), np.concatenate(scores)
        kept = suppressed(box, score, np.zeros(len(box), np.int64), self._settings.overlap)
        return box[kept], score[kept]

    def _run(self, rgb: np.ndarray) -> list[np.ndarray]:
        tensor = (rgb.astype(np.float32) - np.float32(127.5)) / np.float32(128)
        tensor = np.ascontiguousarray(tensor.transpose(2, 0, 1))[None]
        outputs: list[np.ndarray] = self._session.run(None, {self._input: tensor})
        return outputs


class Yunet:
    """YuNet by OpenCV's own class for it."""

    parallel = False

    def __init__(self, path: Path, settings: FaceOnnx) -> None:
        """Load the model and look at a blank image.

        Raises:
            InputError: OpenCV does not take it.

        """
        try:
            self._model = cv2.FaceDetectorYN.create(
                str(path), "", (PROBE, PROBE), settings.threshold, settings.overlap, MOST
            )
            self.find(np.zeros((PROBE, PROBE, 3), np.uint8))
        except cv2.error as error:
            raise _refused(path, "yunet", error.err) from error

    def find(self, rgb: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """See `_Model.find`."""
        height, width = rgb.shape[:2]
        self._model.setInputSize((width, height))
        _, faces = self._model.detect(np.ascontiguousarray(rgb[:, :, ::-1]))
        if faces is None:
            return np.empty((0, 4), np.float32), np.empty(0, np.float32)
        # x, y, width, height, five landmarks, score
        return np.hstack([faces[:, :2], faces[:, :2] + faces[:, 2:4]]), faces[:, 14]


def _refused(path: Path, kind: str, why: str) -> InputError:
    return InputError(
        f"{SETTING}: {path} is no {kind} model in ONNX format ({why}); give another file, or set "
        f"detection.face_onnx.kind"
    )
