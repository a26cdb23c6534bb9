"""Reading of machine-readable zones, with their check digits as an aid."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar

from anonbench.core.boxes import Region
from anonbench.core.registries.attacks import (
    Equipment,
    Looking,
    RegionAttack,
    RegionShares,
    Risk,
)
from anonbench.core.vocabulary import Entity, Variant
from anonbench.evaluation.privacy.attacks.kinds.readability import right_characters

if TYPE_CHECKING:
    import numpy as np

    from anonbench.core.icao9303 import Format
    from anonbench.detection.text.recognizer import LineReader

_OF_THREE = 6.5
"""Width of a zone by its height below which it has three lines: 4 to 5 in TD1, 8 to 12 in others.
"""
_OVERLAP = 0.12
"""By how much of its height a row of an evenly split zone is grown."""
MISCOUNTED = 6
"""Fillers by which a reading's length may differ from the format's."""


class MrzReading(RegionAttack):
    """Machine-readable zones, split evenly into their lines and read by PP-OCR's recognizer.

    The attacker knows the format and puts letters and digits where only such may stand. Zones count
    whose original is read so that all check digits agree.
    """

    name: ClassVar = "mrz_reading"
    label: ClassVar = "Reading of MRZ"
    risk: ClassVar = Risk.SINGLING_OUT
    entities: ClassVar = (Entity.MRZ,)
    seconds_an_image: ClassVar = 0.1

    def detectors(self, own: Sequence[str]) -> tuple[str, ...]:
        """See `RegionAttack.detectors`: the recognizer is that of the detector mrz."""
        return ("mrz",)

    def load(self, equipment: Equipment) -> Looking:
        """See `RegionAttack.load`."""
        from anonbench.detection.text.recognizer import LineReader

        return _Zones(LineReader(equipment.detection.mrz.weights, equipment.threads))


class _Zones:
    def __init__(self, reader: LineReader) -> None:
        self._reader = reader

    def look(
        self, image: np.ndarray, regions: Sequence[Region], variant: Variant
    ) -> list[list[str]]:
        """See `Looking.look`: the readings of each zone's lines."""
        from anonbench.core.icao9303 import normalized
        from anonbench.detection.base import as_rgb

        rgb = as_rgb(image)
        return [
            [normalized(self._reader.read(rgb, row)) for row in _rows(region)] for region in regions
        ]

    def shares(self, truth: list[str], found: list[str]) -> RegionShares:
        """Return what is right: characters (but fillers), lines, fields with a check digit, all."""
        from anonbench.core.icao9303 import FILLER

        zone = zone_of(truth)
        if zone is None:
            return {}
        lines, layout = zone
        read = [*found, *[""] * len(lines)][: len(lines)]
        fixed = [_fixed(text, kind) for text, kind in zip(read, layout.lines, strict=True)]
        pairs = list(zip(lines, fixed, strict=True))
        fields = [check.over[0] for check in layout.checks if len(check.over) == 1]
        filled = [each for each in fields if lines[each[0]][each[1] : each[2]].strip(FILLER)]
        right = [lines[row][a:b] == fixed[row][a:b] for row, a, b in filled]
        return {
            "characters": right_characters(
                *("".join(each).replace(FILLER, "") for each in (lines, fixed))
            ),
            "exact_lines": sum(a == b for a, b in pairs) / len(pairs),
            **({"exact_fields": sum(right) / len(right)} if right else {}),
            "decoded": float(all(a == b for a, b in pairs)),
        }


def _rows(region: Region) -> list[np.ndarray]:
    """Return the corners, float [4, 2], of a zone's lines."""
    import numpy as np

    x0, y0, x1, y1 = region.x0, region.y0, region.x1, region.y1
    quad = np.array(region.quad or (x0, y0, x1, y0, x1, y1, x0, y1), np.float64).reshape(4, 2)
    left, right = quad[3] - quad[0], quad[2] - quad[1]
    count = 3 if np.hypot(*(quad[1] - quad[0])) < _OF_THREE * np.hypot(*left) else 2
    rows = []
    for row in range(count):
        top = max(0.0, (row - _OVERLAP) / count)
        end = min(1.0, (row + 1 + _OVERLAP) / count)
        rows.append(
            np.stack(
                [
                    quad[0] + top * left,
                    quad[1] + top * right,
                    quad[1] + end * right,
                    quad[0] + end * left,
                ]
            )
        )
    return rows


def _fixed(text: str, classes: str) -> str:
    """Return a reading at the format's length, each character of the class that it has to be.

    What is too long or too short is the longest run of fillers, which readers cannot count.
    """
    from anonbench.core.icao9303 import FILLER, corrected

    runs = sorted(re.finditer(f"{FILLER}+", text), key=lambda run: len(run[0]), reverse=True)
    more = len(classes) - len(text)
    if runs and len(runs[0][0]) + more > 0:
        start, end = runs[0].span()
        text = text[:start] + FILLER * (end - start + more) + text[end:]
    return corrected(text[: len(classes)].ljust(len(classes), FILLER), classes)


def zone_of(read: list[str]) -> tuple[list[str], Format] | None:
    """Return a zone's lines and format where all check digits agree; None where they do not."""
    from anonbench.core.icao9303 import FORMATS, format_of, wrong_checks

    for layout in FORMATS:
        if len(read) != len(layout.lines):
            continue
        if any(abs(len(line) - layout.width) > MISCOUNTED for line in read):
            continue
        fixed = [_fixed(a, b) for a, b in zip(read, layout.lines, strict=True)]
        if format_of(fixed) is layout and not wrong_checks(fixed, layout):
            return fixed, layout
    return None
