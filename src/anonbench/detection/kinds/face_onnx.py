"""Faces by an ONNX model of one's own."""

from __future__ import annotations

from typing import ClassVar, Literal

from anonbench.core.registries.detectors import Detector, DetectorKind, Loading
from anonbench.core.settings import Count, Fraction, Place, Positive
from anonbench.core.vocabulary import Entity


class FaceOnnx(DetectorKind):
    """Faces by an ONNX model of one's own."""

    name: ClassVar = "face_onnx"
    label: ClassVar = "Face model (ONNX)"
    entities: ClassVar = (Entity.FACE,)
    score_threshold: ClassVar = "threshold"
    install: ClassVar = "pip install onnxruntime"
    images_per_second: ClassVar = 5.0

    kind: Literal["scrfd", "yunet"] = "scrfd"
    """How the model's outputs are read: InsightFace's SCRFD or OpenCV's YuNet."""
    weights: Place | None = None
    """The model's ONNX file."""
    threshold: Fraction = 0.5
    """Score from which a face is kept."""
    overlap: Fraction = 0.4
    """Overlap (IoU) from which the lower of two scores is dropped."""
    limit_side_len: Count = 640
    """The image is scaled so that its longer side is this many pixels."""
    margin: Positive = 1.0
    """Factor by which each face's box is grown about its centre."""

    def load(self, loading: Loading) -> Detector:
        """See `DetectorKind.load`."""
        from anonbench.detection.faces.face_onnx import FaceOnnxDetector
        from anonbench.detection.faces.faces import Grown

        return Grown(FaceOnnxDetector(self, loading.threads), self.margin)
