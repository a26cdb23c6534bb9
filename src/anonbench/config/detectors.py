"""Settings of the detectors."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from anonbench.config.base import Count, Fraction, Positive, Settings


class DetectorName(StrEnum):
    """The detectors that come with anonbench."""

    MTCNN = "mtcnn"
    FACE_ONNX = "face_onnx"
    PPOCR = "ppocr"
    ZXING = "zxing"
    MRZ = "mrz"
    TEMPLATE = "template"
    BOXES = "boxes"


class Mtcnn(Settings):
    """Faces by MTCNN (facenet-pytorch, weights in its wheel)."""

    thresholds: tuple[Fraction, Fraction, Fraction] = (0.6, 0.7, 0.7)
    """Score thresholds of the three networks."""
    min_face_size: Count = 20
    """Smallest face, in pixels."""
    factor: Annotated[float, Field(gt=0.0, lt=1.0)] = 0.709
    """Scale step of the image pyramid."""
    margin: Positive = 1.0
    """Factor by which each face's box is grown about its centre."""
    batch_size: Count = 32
    """Images of equal size that are looked at together."""


class FaceOnnx(Settings):
    """Faces by an ONNX model of one's own."""

    kind: Literal["scrfd", "yunet"] = "scrfd"
    """How the model's outputs are read: InsightFace's SCRFD or OpenCV's YuNet."""
    weights: Path | None = None
    """The model's ONNX file."""
    threshold: Fraction = 0.5
    """Score from which a face is kept."""
    overlap: Fraction = 0.4
    """Overlap (IoU) from which the lower of two scores is dropped."""
    limit_side_len: Count = 640
    """The image is scaled so that its longer side is this many pixels."""
    margin: Positive = 1.0
    """Factor by which each face's box is grown about its centre."""


class Ppocr(Settings):
    """Text lines by PaddleOCR's detector."""

    engine: Literal["direct", "paddleocr"] = "direct"
    """Run the ONNX model here, or by PaddleOCR: the same boxes, at different speed."""
    model: str = "PP-OCRv3_mobile_det"
    """Model name as PaddleOCR knows it."""
    weights: Path | None = None
    """Folder with inference.onnx and inference.yml. Without it: the PP-OCRv3 weights of the wheel
    rapidocr_onnxruntime, where installed, else PaddleOCR's own download (which has no ONNX files of
    PP-OCRv3 and v4)."""
    limit_side_len: Count = 960
    """The image is scaled so that its longer side is at most this many pixels."""
    thresh: Fraction = 0.3
    """Probability from which a pixel is text."""
    box_thresh: Fraction = 0.6
    """Mean probability from which a box is kept."""
    unclip_ratio: Positive = 1.5
    """How far a box is grown beyond the text's core."""


class Zxing(Settings):
    """Barcodes by zxing-cpp."""

    try_harder: bool = True
    """Also look at rotated, inverted and downscaled versions."""


class Mrz(Settings):
    """Machine-readable zones (ICAO 9303)."""


class Template(Settings):
    """Boxes of the most similar annotated template (Eberhardinger et al. 2025)."""


class Detection(Settings):
    """Settings of the detectors."""

    mtcnn: Mtcnn = Mtcnn()
    face_onnx: FaceOnnx = FaceOnnx()
    ppocr: Ppocr = Ppocr()
    zxing: Zxing = Zxing()
    mrz: Mrz = Mrz()
    template: Template = Template()
    max_pixels: Count = 180_000_000
    """Larger images are recorded and skipped, not opened (decompression bombs)."""
