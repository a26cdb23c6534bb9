"""Machine-readable zones (ICAO 9303)."""

from __future__ import annotations

from typing import Annotated, ClassVar

from pydantic import Field

from anonbench.core.registries.detectors import Detector, DetectorKind, Loading
from anonbench.core.registries.registry import section_of
from anonbench.core.settings import Fraction, Place
from anonbench.core.vocabulary import Entity
from anonbench.detection.kinds.ppocr import Ppocr


class Mrz(DetectorKind):
    """Machine-readable zones (ICAO 9303): found by reading, or else by the lines' even spacing.

    The lines are those of the detector ppocr with its settings.
    """

    name: ClassVar = "mrz"
    label: ClassVar = "MRZ"
    entities: ClassVar = (Entity.MRZ,)
    reads: ClassVar = ("ppocr", "speed")
    install: ClassVar = "pip install onnxruntime"
    # 2.7 pages of RVL-CDIP were seen on a core
    images_per_second: ClassVar = 2.0

    weights: Place | None = None
    """PP-OCR's recognizer: its ONNX file, with its alphabet in the metadata (v3, v4 and v6 were
    tried), or a folder with inference.onnx. Without it: that of the wheel rapidocr_onnxruntime."""
    min_score: Fraction = 0.7
    """How much one line must look like a zone's: its characters, its fillers or dates."""
    margin: Annotated[float, Field(ge=0.0)] = 0.25
    """By how much a zone is grown on each side, in heights of a line."""
    morphology: bool = True
    """Where no line reads as a zone's: also look for two or three lines of equal length and even
    spacing."""

    def load(self, loading: Loading) -> Detector:
        """See `DetectorKind.load`."""
        from anonbench.detection.mrz.mrz import MrzDetector

        lines = loading.lines or section_of(loading.detection, Ppocr).load(loading)
        return MrzDetector(self, lines, loading.threads)
