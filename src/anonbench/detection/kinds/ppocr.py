"""Text lines by PaddleOCR's detectors."""

from __future__ import annotations

from typing import ClassVar

from anonbench.core.registries.detectors import Detector, DetectorKind, Loading
from anonbench.core.settings import Count, Fraction, Place, Positive
from anonbench.core.vocabulary import Entity


class Ppocr(DetectorKind):
    """Text lines by PaddleOCR's detectors."""

    name: ClassVar = "ppocr"
    label: ClassVar = "PP-OCR"
    entities: ClassVar = (Entity.TEXT,)
    reads: ClassVar = ("speed",)
    score_threshold: ClassVar = "box_thresh"
    install: ClassVar = "pip install onnxruntime rapidocr==3.10.0"
    # 12 pages of RVL-CDIP were seen on a core
    images_per_second: ClassVar = 8.0

    model: str | tuple[str, ...] = "PP-OCRv3_mobile_det"
    """Model name as PaddleOCR knows it, or several, and what any of them finds counts. By their
    names alone are found, in the packages that bring them: PP-OCRv3_mobile_det
    (rapidocr_onnxruntime 1.2.13), PP-OCRv4_mobile_det (rapidocr 3.4.2), PP-OCRv6_small_det
    (rapidocr 3.10.0)."""
    weights: Place | None = None
    """Folder of the model's ONNX file, as PaddleOCR ships it (inference.onnx) or as rapidocr does.
    Without it: that of an installed package."""
    limit_side_len: Count = 960
    """The longer side, in pixels, at which the network sees an image of up to half as much again;
    larger ones are searched in tiles of this size, at full size, at half of it and so on."""
    thresh: Fraction = 0.3
    """Probability from which a pixel is text."""
    box_thresh: Fraction = 0.6
    """Mean probability from which a box is kept."""
    unclip_ratio: Positive = 1.5
    """How far a box is grown beyond the text's core."""

    @property
    def models(self) -> tuple[str, ...]:
        """Names of the models."""
        return (self.model,) if isinstance(self.model, str) else self.model

    def load(self, loading: Loading) -> Detector:
        """See `DetectorKind.load`."""
        from anonbench.detection.text.dbnet import DbnetDetector
        from anonbench.detection.views import Reach, Views

        detector, side = DbnetDetector(self, loading.threads), self.limit_side_len
        if loading.detection.speed == "single":
            return detector
        whole, quick = side * 3 // 2, loading.detection.speed == "quick"
        reach = Reach(
            whole=whole,
            tile=side,
            overlap=side // 5,
            halved=whole if quick else None,
            doubled=None if quick else side * 5 // 8,
        )
        return Views(detector, reach)
