"""Machine-readable zones (ICAO Doc 9303): by reading long lines of text, else by their spacing.

What is read only decides whether a line is a zone's; it is kept nowhere (see `recognizer`).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from anonbench.core.boxes import Region
from anonbench.core.icao9303 import FILLER, normalized, plausibility, verified
from anonbench.core.libraries.opencv import cv2
from anonbench.core.registries.detectors import Detector
from anonbench.core.vocabulary import Entity
from anonbench.detection.base import as_rgb, clipped_quad
from anonbench.detection.mrz.extent import completed
from anonbench.detection.mrz.pitch_lines import even_blocks
from anonbench.detection.mrz.zones import Line, blocks, lengthwise, outline
from anonbench.detection.text.recognizer import LineReader

if TYPE_CHECKING:
    from anonbench.detection.kinds.mrz import Mrz

LEAST_RATIO = 9.0
"""Width of a line's box by its height: 13 to 39 in zones, half of that where one is in pieces."""
PROBE = 0.35
"""Share of a line that is read first, to leave out those in small letters or with spaces."""
PROBED = 0.7
"""Share of capitals, digits and fillers in it from which the whole line is read."""
EVEN = 0.5
"""Score of a zone of which no line could be read."""


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
        lines = [line for line in map(_line, texts) if line.width >= LEAST_RATIO * line.height]
        read = self._read(as_rgb(image), lines)
        regions: list[Region] = []
        for block in blocks(read, self._settings.min_score):
            corners = outline(completed(_grey(image), block), self._settings.margin)
            regions += clipped_quad(Entity.MRZ, corners, _score(block), image)
        if not regions and self._settings.morphology:
            for block in even_blocks(_grey(image), lines):
                corners = outline(block, self._settings.margin)
                regions += clipped_quad(Entity.MRZ, corners, EVEN, image)
        return regions

    def _read(self, rgb: np.ndarray, lines: Iterable[Line]) -> list[Line]:
        """Return the lines with their scores, in the direction in which they read best."""
        read = []
        for line in lines:
            standing = abs(line.angle) > 45
            ways = [line, line.turned(2)] if standing else [line]
            read.append(max((self._scored(rgb, way) for way in ways), key=lambda way: way.score))
        return read

    def _scored(self, rgb: np.ndarray, line: Line) -> Line:
        if not _promising(self._reader.read(rgb, line.corners, PROBE)):
            return line
        text = self._reader.read(rgb, line.corners)
        return replace(line, text=text, score=plausibility(text))


def _line(region: Region) -> Line:
    """Return a text region as a line. Every text detector of this package gives quadrilaterals."""
    x0, y0, x1, y1 = region.x0, region.y0, region.x1, region.y1
    quad = region.quad or (x0, y0, x1, y0, x1, y1, x0, y1)
    return Line(lengthwise(np.array(quad).reshape(4, 2)))


def _promising(start: str) -> bool:
    """Tell whether a line's start may be a zone's. Nothing read says nothing, so it may."""
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
