"""Dictionary attack: draw candidates, hide them alike and compare with published pixels."""

import hashlib
import re
import string
from bisect import bisect
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache
from itertools import accumulate
from typing import ClassVar, TypeVar

import numpy as np

from anonbench.core.boxes import Region
from anonbench.core.icao9303 import FILLER, Format, check_digit
from anonbench.core.numeric.seeding import rng
from anonbench.core.registries.attacks import (
    EachRegion,
    Equipment,
    LoadedAttack,
    RegionAttack,
    RegionShares,
)
from anonbench.core.settings import Count
from anonbench.core.vocabulary import Entity, Variant
from anonbench.evaluation.privacy.attacks.kinds.reading import (
    MrzReading,
    Readability,
    known_text,
    zone_of,
)

RANKS = (1, 10)
_EQUAL = 1e-6


class Candidates(RegionAttack):
    """An attack that ranks the true line among candidates."""

    reads_text: ClassVar = True

    candidates: Count = 100  # Candidates that the true text is ranked among, including itself.
    images: Count = 40  # Largest number of images with lines, and with zones.
    regions: Count = 2  # Largest number of lines or zones of each image.


class Dictionary(Candidates):
    """True lines and machine-readable zones, ranked among candidates of the same kind.

    The attacker knows where the region is, what kind of text it shows (where digits, vowels and
    dates stand), the method and its strength, but no key. Each candidate is drawn in several type
    faces and margins, hidden by the same method and correlated with the published region. Of zones,
    candidates are other holders, with check digits that agree. The true text is what the recognizer
    reads in the original where it is confident.
    """

    name: ClassVar = "dictionary"
    label: ClassVar = "Dictionary of candidates"
    entities: ClassVar = (Entity.TEXT, Entity.MRZ)
    seconds_a_region: ClassVar = 0.1
    tells_hidden: ClassVar = True
    guesses: ClassVar = 1

    images: Count = 80
    """Most images that are attacked; at least 73 independent ones can pass the policy's limit of 5
    %."""
    tries: Count = 4
    """Likeliest combinations of typeface and margin in which all candidates are drawn."""

    def load(self, equipment: Equipment) -> LoadedAttack:
        """See `RegionAttack.load`."""
        from anonbench.anonymization.geometry import cover, cover_by
        from anonbench.evaluation.privacy.attacks.typesetting import fits, moved

        hiding = equipment.anonymization

        def seen(image: np.ndarray, region: Region, variant: Variant) -> _Seen | None:
            if variant.method is not None and str(variant.method) not in hiding.names:
                return None  # methods of other programs are unknown: candidates cannot be hidden
            own = cover(region, image.shape, hiding.margin)
            is_whole = getattr(hiding.shape, region.entity) == "image"
            if is_whole or stands(region) or own is None:
                return None
            windows = [own.window]
            for _, step in hiding.steps(variant.method, region.entity) if variant.method else ():
                area = cover_by(step, region, image.shape, hiding)
                windows += [] if area is None else [area.window]
            top, left = (min(window[axis].start for window in windows) for axis in (0, 1))
            bottom, right = (max(window[axis].stop for window in windows) for axis in (0, 1))
            return _Seen(image[top:bottom, left:right].copy(), moved(region, -left, -top), variant)

        @cache
        def reader(entity: Entity) -> LoadedAttack:  # that of zones only if there are zones
            kind = MrzReading() if entity == Entity.MRZ else Readability()
            return kind.load(equipment)

        def candidates(truth: _Seen) -> list[tuple[str, ...]]:
            """The true lines and others like them; empty if the truth is unknown."""
            entity = truth.region.entity
            (found,) = reader(entity).look(truth.pixels, [truth.region], Variant())
            if entity == Entity.MRZ:
                zone = zone_of(found)
                if zone is None:
                    return []
                lines = tuple(zone[0])
                return zones_like(lines, zone[1], self.candidates, rng("dictionary", *lines))
            text = known_text(found)
            if not text:
                return []
            return [(each,) for each in texts_like(text, self.candidates, rng("dictionary", text))]

        def shares(truth: _Seen, found: _Seen) -> RegionShares:
            if truth.candidates is None:
                truth.candidates = candidates(truth)
            if len(truth.candidates) < self.candidates:
                return {}
            about = f"{found.variant.method} {found.region} {found.pixels.shape}".encode()
            key = hashlib.sha256(about + found.pixels.tobytes()).digest()
            if key not in truth.known:
                shown = found.pixels, found.region, found.variant.method
                truth.known[key] = ranked(fits(truth.candidates, *shown, hiding, self.tries))
            return truth.known[key]

        return EachRegion(seen, shares)


@dataclass
class _Seen:
    """A published region, with the surroundings that its method uses."""

    pixels: np.ndarray  # uint8 [h, w] or [h, w, 3]
    region: Region  # in the coordinates of `pixels`
    variant: Variant
    candidates: list[tuple[str, ...]] | None = None
    """Lines of each candidate, the true one first; empty where the truth is not known."""
    known: dict[bytes, RegionShares] = field(default_factory=dict)
    """Results for this truth by digest of the pixels; several degrees show the same pixels."""


def ranked(scores: np.ndarray) -> RegionShares:
    """Whether the first candidate is within each of `RANKS`, and 1 over its rank.

    Ties count as the mean over all their orders. Scores, float [N], are the higher the better.
    """
    above = int((scores > scores[0] + _EQUAL).sum())
    tied = int((np.abs(scores - scores[0]) <= _EQUAL).sum())
    places = np.arange(above + 1, above + tied + 1)
    found = {f"top_{rank}": float((places <= rank).mean()) for rank in RANKS}
    return found | {"reciprocal_rank": float((1.0 / places).mean())}


def stands(region: Region) -> bool:
    """Whether a line stands on its end; nothing is drawn into such lines."""
    from anonbench.detection.text_recognizer import ways_to_read

    return len(ways_to_read(region)) > 1


# --- candidates: the format alone, which anybody can know, gives an attacker no advantage ---

_LETTERS = {
    "aeiou": (82, 127, 70, 75, 28),
    "bcdfghjklmnpqrstvwxyz": (
        *(15, 28, 43, 22, 20, 61, 1.5, 8, 40, 24, 67, 19, 1, 60),
        *(63, 91, 10, 24, 1.5, 20, 0.7),
    ),
}
"""How often letters occur in English, in thousandths (Lewand 2000, Cryptological Mathematics)."""
_DATE = re.compile(r"(?<!\d)(\d{1,2})([./-])(\d{1,2})\2(\d{4}|\d{2})(?!\d)")
_DAYS, _MONTHS = 28, 12  # of every month, so that each date exists
T = TypeVar("T")


def texts_like(text: str, count: int, generator: np.random.Generator) -> list[str]:
    """A text and others of its kind, `count` different ones, the true one first.

    Digits stand for digits, vowels for vowels, and dates for dates of the same century, notation
    and order of day and month. Fewer if there are not enough: a text of two digits has a hundred.
    """

    def draw() -> str:
        other = "".join(map(_character_like, text, generator.random(len(text)).tolist()))
        for date in _DATE.finditer(text):
            *days, year = date.group(1, 3, 4)
            most = (_MONTHS, _DAYS) if int(days[1]) > _MONTHS else (_DAYS, _MONTHS)
            parts = [
                _number(1, limit, len(part), generator)
                for part, limit in zip(days, most, strict=True)
            ]
            new = date[2].join([*parts, year[:-2] + _number(0, 99, 2, generator)])
            other = other[: date.start()] + new + other[date.end() :]
        return other

    return _several(text, count, draw)


def zones_like(
    lines: tuple[str, ...], layout: Format, count: int, generator: np.random.Generator
) -> list[tuple[str, ...]]:
    """A zone and zones of other holders, `count` in all, with valid check digits.

    Document type, state and nationality are those of the true zone, because a template shows them.
    """
    spans = [(0, 0, 5), (1, 15, 18) if len(layout.lines) == 3 else (1, 10, 13)]
    digits = [check for check in layout.checks if lines[check.line][check.at] != FILLER]
    for check in layout.checks:
        if check not in digits:  # a number that is too long for its field
            spans += [*check.over, *([check.rest] if check.rest else [])]
    kept = {(row, at) for row, start, end in spans for at in range(start, end)}

    def draw() -> tuple[str, ...]:
        drawn = [list(line) for line in lines]
        for row, (line, classes) in enumerate(zip(lines, layout.lines, strict=True)):
            numbers = generator.random(len(line)).tolist()
            for at, (character, kind, number) in enumerate(
                zip(line, classes, numbers, strict=True)
            ):
                if (row, at) not in kept and character != FILLER and kind not in "CV":
                    sex = "MF"[int(2 * number)]
                    drawn[row][at] = sex if kind == "S" else _character_like(character, number)
        for (row, start, end), *others in (check.over for check in layout.checks):
            if not others and end - start == 6 and lines[row][start:end].isdigit():
                limits = ((0, 99), (1, _MONTHS), (1, _DAYS))  # of birth or expiry
                date = "".join(_number(low, high, 2, generator) for low, high in limits)
                drawn[row][start:end] = date
        for check in digits:  # a composite digit comes after the digits that it covers
            field = "".join("".join(drawn[line][start:end]) for line, start, end in check.over)
            drawn[check.line][check.at] = check_digit(field)
        return tuple(map("".join, drawn))

    return _several(lines, count, draw)


def _several(true: T, count: int, draw: Callable[[], T]) -> list[T]:
    found = {true: None}
    for _ in range(20 * count):
        if len(found) == count:
            break
        found[draw()] = None
    return list(found)


def _number(low: int, high: int, digits: int, generator: np.random.Generator) -> str:
    return str(generator.integers(low, min(high, 10**digits - 1) + 1)).zfill(digits)


def _character_like(character: str, drawn: float) -> str:
    """Another character of the same kind, chosen by a number within [0, 1)."""
    if character in string.digits:
        return string.digits[int(10 * drawn)]
    small = character.lower()
    for letters, frequencies in _LETTERS.items():
        if small in letters:
            ends = list(accumulate(frequencies))
            other = letters[bisect(ends, drawn * ends[-1])]
            return other if character == small else other.upper()
    return character
