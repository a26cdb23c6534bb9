"""Faces by an ONNX model of one's own in the format of SCRFD (Guo et al. 2021)."""

from typing import ClassVar

import numpy as np

from anonbench.core.boxes import Region
from anonbench.core.errors import InputError
from anonbench.core.libraries.opencv import cv2
from anonbench.core.registries.detectors import Detector, DetectorKind, Loading
from anonbench.core.settings import Count, Fraction, Place, Positive
from anonbench.core.vocabulary import Entity
from anonbench.detection import base
from anonbench.detection.views import ALL_TURNS, UPRIGHT, Reach, Views

SETTING = "detection.face_onnx.weights"
_STRIDES = (8, 16, 32)  # pixels from one place of SCRFD's three maps to the next
_ANCHORS = 2  # boxes that SCRFD suggests at each place
_MULTIPLE = 32  # the sides of SCRFD's input must be multiples of this
_PROBE = 64  # side of the blank image that a model is tested with when it is loaded


class FaceOnnx(DetectorKind):
    """Faces by an ONNX model of one's own."""

    name: ClassVar = "face_onnx"
    label: ClassVar = "Face model (ONNX)"
    entities: ClassVar = (Entity.FACE,)
    reads: ClassVar = ("speed",)
    install: ClassVar = "pip install onnxruntime"
    seconds_an_image: ClassVar = (0.2, 0.3)

    weights: Place | None = None  # ONNX file of the model, with the outputs of InsightFace's SCRFD.
    threshold: Fraction = 0.5  # Score from which a face counts.
    overlap: Fraction = 0.4  # Overlap (IoU) from which the face with the lower score is dropped.
    limit_side_len: Count = 640
    """Longer side, in pixels, to which a tile or a whole image is scaled."""
    margin: Positive = 1.0  # Factor by which each face's box is enlarged about its centre.

    def load(self, loading: Loading) -> Detector:
        """See `DetectorKind.load`."""
        detector: Detector = FaceOnnxDetector(self, loading.threads)
        speed, side = loading.detection.speed, self.limit_side_len
        if speed != "single":
            overlap, turns = min(96, side // 2), ALL_TURNS if speed == "thorough" else UPRIGHT
            detector = Views(detector, Reach(side, side, overlap, turns=turns, upright=4_000_000))
        return base.Grown(detector, self.margin)


class FaceOnnxDetector(base.PerImage):
    """All faces of each image: scores and distances to four sides, at three strides."""

    def __init__(self, settings: FaceOnnx, threads: int) -> None:
        """Load the model, or raise InputError; `threads` images are searched at a time."""
        from anonbench.core.libraries.onnx import cpu_session

        path = settings.weights
        if path is None or not path.is_file():
            missing = "is empty" if path is None else f"there is no file {path}"
            raise InputError(f"{SETTING}: {missing}; give the ONNX file of an SCRFD model")
        self._settings, self._threads = settings, threads
        try:
            self._session = cpu_session(path)
            self._input = self._session.get_inputs()[0].name
            outputs = self._run(np.zeros((_PROBE, _PROBE, 3), np.uint8))
            # sorted by content: scores, distances, and perhaps landmarks, each for three strides
            shapes = [(output.size // output.shape[-1], output.shape[-1]) for output in outputs]
            places = [_ANCHORS * (_PROBE // stride) ** 2 for stride in _STRIDES]
            self._scores = [shapes.index((count, 1)) for count in places]
            self._distances = [shapes.index((count, 4)) for count in places]
        except Exception as error:  # the library's exceptions have no common base
            raise InputError(
                f"{SETTING}: {path} is no SCRFD model in ONNX format ({type(error).__name__}); "
                "give another file"
            ) from error

    def _search(self, image: np.ndarray) -> list[Region]:
        sides = image.shape[1::-1]
        scale = self._settings.limit_side_len / max(sides)
        size = [max(1, round(side * scale)) for side in sides]
        how = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
        rgb = cv2.resize(base.as_rgb(image), size, interpolation=how)
        below, right = (-side % _MULTIPLE for side in rgb.shape[:2])
        padded = np.pad(rgb, ((0, below), (0, right), (0, 0)))
        outputs = self._run(padded)
        base.require_finite(*(outputs[index] for index in (*self._scores, *self._distances)))
        boxes, scores = [], []
        for score, distance, stride in zip(self._scores, self._distances, _STRIDES, strict=True):
            likely = outputs[score].ravel()
            which = np.flatnonzero(likely >= self._settings.threshold)
            row, column = np.divmod(which // _ANCHORS, padded.shape[1] // stride)
            centres = np.stack([column, row], axis=1) * stride
            reach = outputs[distance].reshape(-1, 4)[which] * stride
            boxes.append(np.hstack([centres - reach[:, :2], centres + reach[:, 2:]]))
            scores.append(likely[which])
        box, likely = np.concatenate(boxes), np.concatenate(scores)
        kept = base.suppressed(box, likely, self._settings.overlap)
        box = box[kept] * (np.array(sides * 2) / np.array(size * 2))
        return base.clipped(Entity.FACE, box, likely[kept], image)

    def _run(self, rgb: np.ndarray) -> list[np.ndarray]:
        tensor = (rgb.astype(np.float32) - np.float32(127.5)) / np.float32(128)
        tensor = np.ascontiguousarray(tensor.transpose(2, 0, 1))[None]
        outputs: list[np.ndarray] = self._session.run(None, {self._input: tensor})
        return outputs
