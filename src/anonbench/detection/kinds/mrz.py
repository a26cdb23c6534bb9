"""Machine-readable zones (ICAO Doc 9303), by reading long lines of text.

The text read only decides whether a line belongs to a zone; it is not stored (see
`text.recognizer`).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Annotated, ClassVar

import numpy as np
from pydantic import Field

from anonbench.core.boxes import Region
from anonbench.core.icao9303 import FILLER, normalized, plausibility, verified
from anonbench.core.libraries.opencv import cv2
from anonbench.core.registries.detectors import Detector, DetectorKind, Loading
from anonbench.core.registries.registry import section_of
from anonbench.core.settings import Fraction, Place
from anonbench.core.vocabulary import Entity
from anonbench.detection.base import as_rgb, clipped_quad, corners_of
from anonbench.detection.kinds.ppocr import Ppocr
from anonbench.detection.mrz_zones import Line, blocks, completed, lengthwise, outline
from anonbench.detection.text.recognizer import LineReader

LEAST_RATIO = 9.0
"""Least width of a line's box by its height: 13 to 39 in zones, half of that in a broken zone."""
PROBE = 0.35
"""Share of a line that is read first, to reject lines in small letters or with spaces."""
PROBED = 0.7
"""Share of capitals, digits and fillers in it from which the whole line is read."""
SURE = 0.95
"""Mean probability of its characters from which a line is not upside down."""


class Mrz(DetectorKind):
    """Machine-readable zones (ICAO 9303), by reading the lines of the detector ppocr."""

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

    def load(self, loading: Loading) -> Detector:
        """See `DetectorKind.load`."""
        lines = loading.lines or section_of(loading.detection, Ppocr).load(loading)
        return MrzDetector(self, lines, loading.threads)


class MrzDetector:
    """Machine-readable zones, each as one quadrilateral around its lines."""

    def __init__(self, settings: Mrz, lines: Detector, threads: int = 1) -> None:
        """Load the recognizer.

        Args:
            settings: of the zones.
            lines: finds lines of text.
            threads: CPU threads of ONNX Runtime.

        Raises:
            InputError: the recognizer's weights are missing.

        """
        self._settings = settings
        self._lines = lines
        self._reader = LineReader(settings.weights, threads)

    def detect(self, images: Sequence[np.ndarray]) -> list[list[Region]]:
        """See `Detector.detect`."""
        found = self._lines.detect(images)
        return [self._zones(*pair) for pair in zip(images, found, strict=True)]

    def _zones(self, image: np.ndarray, texts: Sequence[Region]) -> list[Region]:
        every = [Line(lengthwise(corners_of(text))) for text in texts]
        lines = [line for line in every if line.width >= LEAST_RATIO * line.height]
        read = self._read(as_rgb(image), lines)
        regions: list[Region] = []
        for block in blocks(read, self._settings.min_score):
            corners = outline(completed(_grey(image), block), self._settings.margin)
            regions += clipped_quad(Entity.MRZ, corners, _score(block), image)
        return regions

    def _read(self, rgb: np.ndarray, lines: Iterable[Line]) -> list[Line]:
        """Return the lines with their scores, in the direction in which they read best.

        The orientation of a document is not known: a line that is no zone's is also read in the
        other direction, unless the first reading was certain.
        """
        read = []
        for line in lines:
            best, sure = self._scored(rgb, line)
            if best.score < self._settings.min_score and sure < SURE:
                best = max(best, self._scored(rgb, line.turned(2))[0], key=lambda way: way.score)
            read.append(best)
        return read

    def _scored(self, rgb: np.ndarray, line: Line) -> tuple[Line, float]:
        """A line with its score, and the certainty of the reading of its start."""
        start, sure = self._reader.read_surely(rgb, line.corners, PROBE)
        if not _promising(start):
            return line, sure
        text = self._reader.read(rgb, line.corners)
        return replace(line, text=text, score=plausibility(text)), sure


def _promising(start: str) -> bool:
    """Check whether a line may be a zone's, from its start; an empty reading may."""
    text = normalized(start)
    if FILLER in text:
        return True
    plain = sum(c.isascii() and (c.isupper() or c.isdigit()) for c in start)
    return plain >= PROBED * len(start)


def _score(block: Sequence[Line]) -> float:
    """Return the best line's score, 1 where all check digits of the zone are right."""
    if verified([line.text for line in block]):
        return 1.0
    return min(0.99, max(line.score for line in block))


def _grey(image: np.ndarray) -> np.ndarray:
    return image if image.ndim == 2 else cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)
