"""Text lines by PaddleOCR's detector."""

from __future__ import annotations

from typing import ClassVar, Literal

from anonbench.core.registries.detectors import Detector, DetectorKind, Loading
from anonbench.core.settings import Count, Fraction, Place, Positive
from anonbench.core.vocabulary import Entity


class Ppocr(DetectorKind):
    """Text lines by PaddleOCR's detector."""

    name: ClassVar = "ppocr"
    label: ClassVar = "PP-OCR"
    entities: ClassVar = (Entity.TEXT,)
    reads: ClassVar = ("speed",)
    score_threshold: ClassVar = "box_thresh"
    install: ClassVar = "pip install onnxruntime pyclipper (for engines, paddleocr, openvino)"
    # 12 pages of RVL-CDIP were seen on a core
    images_per_second: ClassVar = 8.0

    engine: Literal["direct", "paddleocr", "openvino"] = "direct"
    """Run the ONNX model here, or by PaddleOCR: the same boxes, here in less time. PaddleOCR also
    takes models whose inference.yml asks for steps that are unknown here. OpenVINO computes it in
    bfloat16, in half the time, on processors that multiply such numbers (AMD's since 2022, Intel's
    since 2023): probabilities move by up to a few hundredths, most corners by a pixel at most, and
    a box near `box_thresh` comes or goes."""
    model: str = "PP-OCRv3_mobile_det"
    """Model name as PaddleOCR knows it. By their names alone are found, in the packages that bring
    them: PP-OCRv3_mobile_det (rapidocr_onnxruntime 1.2.13), PP-OCRv4_mobile_det (rapidocr 3.4.2),
    PP-OCRv6_small_det (rapidocr 3.10.0)."""
    weights: Place | None = None
    """Folder of the model's ONNX file, as PaddleOCR ships it (inference.onnx and inference.yml) or
    as rapidocr does. Without it: that of an installed package, else, with the engine paddleocr, its
    own download (which has no ONNX files of PP-OCRv3 and v4)."""
    limit_side_len: Count = 960
    """The longer side, in pixels, at which the network sees an image of up to half as much again;
    larger ones are searched in tiles of this size, at full size, at half of it and so on."""
    thresh: Fraction = 0.3
    """Probability from which a pixel is text."""
    box_thresh: Fraction = 0.6
    """Mean probability from which a box is kept."""
    unclip_ratio: Positive = 1.5
    """How far a box is grown beyond the text's core."""

    def load(self, loading: Loading) -> Detector:
        """See `DetectorKind.load`."""
        from anonbench.detection.views import Reach, Views

        detector, side = self._plain(loading.threads), self.limit_side_len
        if loading.detection.speed == "single":
            return detector
        halved = side * 3 // 2 if loading.detection.speed == "quick" else None
        reach = Reach(whole=side * 3 // 2, tile=side, overlap=side // 5, halved=halved)
        return Views(detector, reach)

    def _plain(self, threads: int) -> Detector:
        if self.engine != "paddleocr":
            from anonbench.detection.text.dbnet import DbnetDetector

            return DbnetDetector(self, threads)
        from anonbench.detection.text.ppocr import PpocrDetector

        return PpocrDetector(self, threads)
