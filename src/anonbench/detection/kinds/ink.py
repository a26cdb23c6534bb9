"""Ink that is no printed text: signatures, handwriting, stamps, fingerprints."""

from __future__ import annotations

from typing import Annotated, ClassVar

from pydantic import Field

from anonbench.core.registries.detectors import Detector, DetectorKind, Loading
from anonbench.core.registries.registry import section_of
from anonbench.core.settings import Fraction, Positive
from anonbench.core.vocabulary import Entity
from anonbench.detection.kinds.ppocr import Ppocr


class Ink(DetectorKind):
    """Ink of documents that no line of text explains: signatures, handwriting, stamps.

    Photographs are not searched: an image is a document if it has many lines of text, or is mostly
    paper. The lines are those of the detector ppocr with its settings.
    """

    name: ClassVar = "ink"
    label: ClassVar = "Ink"
    entities: ClassVar = (Entity.INK,)
    reads: ClassVar = ("ppocr", "speed")
    install: ClassVar = Ppocr.install
    # 3.5 pages of RVL-CDIP were seen on a core, with the search for lines
    images_per_second: ClassVar = 2.5

    contrast: Annotated[int, Field(ge=1, le=255)] = 32
    """Grey levels by which ink must be darker than the paper around it, in one colour at least."""
    paper: Fraction = 0.8
    """Share of an image's pixels of about one brightness from which it is a document, if it has two
    lines of text; without them, nine tenths."""
    text: Fraction = 0.1
    """Share of an image's area that lines of text cover from which it is a document."""
    margin: Positive = 5.0
    """By how much a place with ink is grown on each side, in thousandths of the page's side."""

    def load(self, loading: Loading) -> Detector:
        """See `DetectorKind.load`."""
        from anonbench.detection.ink import InkDetector

        lines = loading.lines or section_of(loading.detection, Ppocr).load(loading)
        return InkDetector(self, lines)
