"""Readability of text: a recognizer on regions of published images."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from anonbench.core.boxes import Region
from anonbench.core.registries.attacks import (
    Equipment,
    Looking,
    RegionAttack,
    RegionShares,
    Risk,
)
from anonbench.core.settings import Count, Fraction
from anonbench.core.vocabulary import Entity, Variant

if TYPE_CHECKING:
    import numpy as np

    from anonbench.detection.text.recognizer import LineReader


class LineAttack(RegionAttack):
    """An attack on lines of which the recognizer tells the truth in the original."""

    confidence: Fraction = 0.9
    """Mean probability of an original line's characters from which its reading counts as true."""
    shortest: Count = 4
    """Characters of the shortest line that is attacked; a single word's stub is guessed too often.
    """

    def detectors(self, own: Sequence[str]) -> tuple[str, ...]:
        """See `RegionAttack.detectors`: the recognizer is that of the detector mrz."""
        return ("mrz",)


class Readability(LineAttack):
    """Lines of text, read by PP-OCR's recognizer (that of `detection.mrz.weights`).

    The true text is what it reads in the original, where it is confident.
    """

    name: ClassVar = "readability"
    label: ClassVar = "Reading of text"
    risk: ClassVar = Risk.SINGLING_OUT
    entities: ClassVar = (Entity.TEXT,)
    seconds_an_image: ClassVar = 0.05

    def load(self, equipment: Equipment) -> Looking:
        """See `RegionAttack.load`."""
        from anonbench.detection.text.recognizer import LineReader

        weights = equipment.detection.mrz.weights
        return _Reading(self, LineReader(weights, equipment.threads))


@dataclass(frozen=True)
class Line:
    """A line as it was read."""

    text: str
    confidence: float


class _Reading:
    def __init__(self, settings: Readability, reader: LineReader) -> None:
        self._settings = settings
        self._reader = reader

    def look(self, image: np.ndarray, regions: Sequence[Region], variant: Variant) -> list[Line]:
        """See `Looking.look`: a line stands upright, or on its end in either direction."""
        from anonbench.detection.base import as_rgb
        from anonbench.detection.text.recognizer import ways_to_read

        rgb = as_rgb(image)
        return [
            max(
                (Line(*self._reader.read_surely(rgb, way)) for way in ways_to_read(region)),
                key=lambda line: line.confidence,
            )
            for region in regions
        ]

    def shares(self, truth: Line, found: Line) -> RegionShares:
        """Return the share of characters that are right, and whether the whole line is."""
        true, read = plain(truth.text), plain(found.text)
        if truth.confidence < self._settings.confidence or len(true) < self._settings.shortest:
            return {}
        return {"characters": right_characters(true, read), "exact_lines": float(true == read)}


def known_text(line: Line, confidence: float, shortest: int) -> str:
    """Text of a line in ASCII, empty where the reading is not sure."""
    text = " ".join(line.text.split())
    sure = line.confidence >= confidence and len(plain(text)) >= shortest
    return text if sure and text.isascii() else ""


def plain(text: str) -> str:
    """Return a text without spaces, which readers drop and insert."""
    return "".join(text.split())


def right_characters(true: str, read: str) -> float:
    """Return 1 less the character error rate, at least 0.

    The error rate is the edit distance (Levenshtein 1966) over the true text's length.
    """
    distances = list(range(len(read) + 1))
    for row, character in enumerate(true, 1):
        before, distances[0] = distances[0], row
        for column, other in enumerate(read, 1):
            same = before + (character != other)
            before = distances[column]
            distances[column] = min(same, before + 1, distances[column - 1] + 1)
    return max(0.0, 1.0 - distances[-1] / len(true))
