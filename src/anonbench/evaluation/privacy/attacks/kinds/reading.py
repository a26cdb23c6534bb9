"""Reading of published regions: lines of text, machine-readable zones, barcodes."""

import re
from collections.abc import Iterator
from typing import ClassVar, NamedTuple

import numpy as np

from anonbench.core.boxes import Region
from anonbench.core.icao9303 import (
    FILLER,
    FORMATS,
    Format,
    corrected,
    format_of,
    normalized,
    wrong_checks,
)
from anonbench.core.libraries.opencv import cv2
from anonbench.core.registries.attacks import (
    EachRegion,
    Equipment,
    LoadedAttack,
    RegionAttack,
    RegionShares,
)
from anonbench.core.vocabulary import Entity, Variant

CONFIDENT = 0.9
"""Mean probability of an original line's characters from which its reading counts as true."""
SHORTEST = 4  # characters of the shortest line that is attacked


class Readability(RegionAttack):
    """Lines of text, read by PP-OCR's recognizer (that of `detection.mrz.weights`).

    The true text is what it reads in the original, where it is confident.
    """

    name: ClassVar = "readability"
    label: ClassVar = "Reading of text"
    entities: ClassVar = (Entity.TEXT,)
    seconds_a_region: ClassVar = 0.025
    reads_text: ClassVar = True

    def load(self, equipment: Equipment) -> LoadedAttack:
        """See `RegionAttack.load`."""
        from anonbench.detection.base import as_rgb
        from anonbench.detection.text_recognizer import LineReader, ways_to_read

        reader = LineReader(equipment.detection.mrz.weights, equipment.threads)

        def line(image: np.ndarray, region: Region, variant: Variant) -> Line:
            ways = ways_to_read(region)  # upright, or on its end both ways
            lines = [Line(*reader.read_surely(image, way)) for way in ways]
            return max(lines, key=lambda line: line.confidence)

        return EachRegion(line, _line_shares, as_rgb)


class Line(NamedTuple):
    """A line's text and the recognizer's confidence."""

    text: str
    confidence: float


def _line_shares(truth: Line, found: Line) -> RegionShares:
    true, read = plain(truth.text), plain(found.text)
    if truth.confidence < CONFIDENT or len(true) < SHORTEST:
        return {}
    return {"characters": right_characters(true, read), "exact_lines": float(true == read)}


def known_text(line: Line) -> str:
    """Text of a line in ASCII; empty if the reading is uncertain."""
    text = " ".join(line.text.split())
    sure = line.confidence >= CONFIDENT and len(plain(text)) >= SHORTEST
    return text if sure and text.isascii() else ""


def plain(text: str) -> str:
    """A text without spaces, which readers drop and insert."""
    return "".join(text.split())


def right_characters(true: str, read: str) -> float:
    """1 minus the character error rate, at least 0.

    The error rate is the edit distance (Levenshtein 1966) divided by the true text's length.
    """
    distances = list(range(len(read) + 1))
    for row, character in enumerate(true, 1):
        before, distances[0] = distances[0], row
        for column, other in enumerate(read, 1):
            same = before + (character != other)
            before = distances[column]
            distances[column] = min(same, before + 1, distances[column - 1] + 1)
    return max(0.0, 1.0 - distances[-1] / len(true))


_OF_THREE = 6.5
"""Width of a zone by its height below which it has three lines: 4 to 5 in TD1, 8 to 12 in others.
"""
_OVERLAP = 0.12  # by how much of its height a row of an evenly split zone is grown
MISCOUNTED = 6  # fillers by which a reading's length may differ from the format's


class MrzReading(RegionAttack):
    """Machine-readable zones, split evenly into their lines and read by PP-OCR's recognizer.

    The attacker knows the format and puts letters and digits where only such may stand. Zones count
    whose original is read so that all check digits agree.
    """

    name: ClassVar = "mrz_reading"
    label: ClassVar = "Reading of MRZ"
    entities: ClassVar = (Entity.MRZ,)
    reads_text: ClassVar = True
    seconds_a_region: ClassVar = 0.1

    def load(self, equipment: Equipment) -> LoadedAttack:
        """See `RegionAttack.load`."""
        from anonbench.detection.base import as_rgb, corners_of
        from anonbench.detection.text_recognizer import LineReader

        reader = LineReader(equipment.detection.mrz.weights, equipment.threads)

        def lines(image: np.ndarray, region: Region, variant: Variant) -> list[str]:
            corners = corners_of(region)
            left, right = corners[3] - corners[0], corners[2] - corners[1]
            width = np.hypot(*(corners[1] - corners[0]))
            count = 3 if width < _OF_THREE * np.hypot(*left) else 2
            found = []
            for row in range(count):
                top = max(0.0, (row - _OVERLAP) / count)
                end = min(1.0, (row + 1 + _OVERLAP) / count)
                upper = corners[:2] + top * np.stack([left, right])
                lower = corners[1::-1] + end * np.stack([right, left])
                found.append(normalized(reader.read(image, np.concatenate([upper, lower]))))
            return found

        return EachRegion(lines, _zone_shares, as_rgb)


def _zone_shares(truth: list[str], found: list[str]) -> RegionShares:
    """Shares that are right: characters except fillers, lines, checked fields, whole zones."""
    zone = zone_of(truth)
    if zone is None:
        return {}
    lines, layout = zone
    read = [*found, *[""] * len(lines)][: len(lines)]
    fixed = [_fixed(text, kind) for text, kind in zip(read, layout.lines, strict=True)]
    right = [a == b for a, b in zip(lines, fixed, strict=True)]
    fields = [check.over[0] for check in layout.checks if len(check.over) == 1]
    exact = [lines[n][a:b] == fixed[n][a:b] for n, a, b in fields if lines[n][a:b].strip(FILLER)]
    letters = ("".join(each).replace(FILLER, "") for each in (lines, fixed))
    return {
        "characters": right_characters(*letters),
        "exact_lines": sum(right) / len(right),
        **({"exact_fields": sum(exact) / len(exact)} if exact else {}),
        "decoded": float(all(right)),
    }


def _fixed(text: str, classes: str) -> str:
    """A reading at the format's length, each character corrected to its class."""
    # the length is corrected at the longest run of fillers, because readers cannot count these
    runs = sorted(re.finditer(f"{FILLER}+", text), key=lambda run: len(run[0]), reverse=True)
    more = len(classes) - len(text)
    if runs and len(runs[0][0]) + more > 0:
        start, end = runs[0].span()
        text = text[:start] + FILLER * (end - start + more) + text[end:]
    return corrected(text[: len(classes)].ljust(len(classes), FILLER), classes)


def zone_of(read: list[str]) -> tuple[list[str], Format] | None:
    """A zone's lines and format if all check digits are valid; None if not."""
    for layout in FORMATS:
        miscounted = any(abs(len(line) - layout.width) > MISCOUNTED for line in read)
        if miscounted or len(read) != len(layout.lines):
            continue
        fixed = [_fixed(a, b) for a, b in zip(read, layout.lines, strict=True)]
        if format_of(fixed) is layout and not wrong_checks(fixed, layout):
            return fixed, layout
    return None


_QUIET = 0.25  # by how much of its shorter side a region is grown, for the quiet zone
_WHOLE = 3
"""Number of scales at which a code is searched: original size and enlarged up to this factor."""
_MOST_PIXELS = 4_000_000


class Barcodes(RegionAttack):
    """Barcodes, decoded by zxing-cpp as they are, enlarged, sharpened and in black and white.

    A code's own error correction helps where a part of it is hidden.
    """

    name: ClassVar = "barcodes"
    label: ClassVar = "Decoding of barcodes"
    entities: ClassVar = (Entity.BARCODE,)

    def load(self, equipment: Equipment) -> LoadedAttack:
        """See `RegionAttack.load`."""
        return EachRegion(
            lambda image, region, _: decoded(_surrounded(image, region)),
            lambda truth, found: {"decoded": float(bool(truth & found))} if truth else {},
        )


def decoded(pixels: np.ndarray) -> set[bytes]:
    """Contents of all barcodes in an image, uint8 [H, W] or [H, W, 3]."""
    import zxingcpp

    from anonbench.detection.planes import planes

    for version in (v for plane, place in planes(pixels) for v in _versions(plane[place])):
        # codes without error correction must have valid check digits: see `Barcode.valid`
        found = {code.bytes for code in zxingcpp.read_barcodes(version) if code.valid}
        if found:
            return found
    return set()


def _versions(grey: np.ndarray) -> Iterator[np.ndarray]:
    """Yield grey images to search, most promising first."""
    for scale in range(1, _WHOLE + 1):
        if scale > 1 and grey.size * scale**2 > _MOST_PIXELS:
            return
        size = (scale * grey.shape[1], scale * grey.shape[0])
        large = cv2.resize(grey, size, interpolation=cv2.INTER_CUBIC)
        yield large
        soft = cv2.GaussianBlur(large, (0, 0), max(1.0, 0.02 * min(large.shape)))
        yield cv2.addWeighted(large, 2.5, soft, -1.5, 0)
        yield cv2.threshold(large, 0, 255, cv2.THRESH_BINARY + cv2.THRESH_OTSU)[1]


def _surrounded(image: np.ndarray, region: Region) -> np.ndarray:
    """A region's box with its quiet zone, as a view of the image."""
    height, width = image.shape[:2]
    more = _QUIET * min(region.x1 - region.x0, region.y1 - region.y0)
    x0, y0 = max(0, int(region.x0 - more)), max(0, int(region.y0 - more))
    x1, y1 = min(width, int(region.x1 + more) + 1), min(height, int(region.y1 + more) + 1)
    return image[y0 : max(y1, y0 + 1), x0 : max(x1, x0 + 1)]
