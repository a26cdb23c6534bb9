"""Fake content of replaced regions: text, machine-readable zones and barcode payloads.

All of it is computed from the region's size and kind of content, which are visible in the replaced
image. No function here gets a pixel. Computing the fake content again therefore reveals nothing
about the original, and no secret is needed.
"""

from __future__ import annotations

import string
from collections.abc import Iterator
from enum import StrEnum

import numpy as np

from anonbench.core.icao9303 import FILLER, TD1, TD2, TD3, Format, check_digit
from anonbench.core.numeric.seeding import rng

Size = tuple[int, int]  # height and width of a region's window in pixels
_CONSONANTS, _VOWELS = "bdfgklnprstv", "aeiou"  # without wide letters
_BETWEEN_NUMBERS = " .-/"
STATE = "UTO"  # Utopia, the state of Doc 9303's specimens: readers of the zone see that it is fake


class TextKind(StrEnum):
    """What a line of text looks like."""

    WORDS = "words"
    CAPITALS = "capitals"
    DIGITS = "digits"


class PayloadKind(StrEnum):
    """The characters of a barcode's content."""

    DIGITS = "digits"
    CAPITALS = "capitals"  # capitals and digits
    ANY = "any"  # letters of either case and digits


_PAYLOADS = {
    PayloadKind.DIGITS: string.digits,
    PayloadKind.CAPITALS: string.ascii_uppercase + string.digits,
    PayloadKind.ANY: string.ascii_letters + string.digits,
}
ZONES = (TD1, TD2, TD3)  # a visa's zone becomes a passport's or card's of the same size


def characters(kind: TextKind, size: Size, row: int) -> Iterator[str]:
    """Yield the characters of one line, without end: words that do not exist, or numbers."""
    drawn = rng("replace", str(kind), *size, row)
    first = True
    while True:
        if kind is TextKind.DIGITS:
            yield from ("" if first else str(drawn.choice(list(_BETWEEN_NUMBERS))))
            yield from _picked(drawn, string.digits, int(drawn.integers(2, 6)))
        else:
            word = _word(drawn, int(drawn.integers(3, 9)))
            yield from ("" if first else " ")
            yield from word.upper() if kind is TextKind.CAPITALS else word
        first = False


def zone(layout: Format, size: Size) -> tuple[str, ...]:
    """Return the lines of a machine-readable zone, one of `ZONES`, whose check digits are right."""
    drawn = rng("replace", layout.name, *size)
    # optional fields are filled with digits: readers miscount long runs of fillers
    number = _picked(drawn, string.digits, 9)
    born, expires = _date(drawn, 50, 99), _date(drawn, 27, 35)
    dates = f"{born}{check_digit(born)}{drawn.choice(list('FM'))}{expires}{check_digit(expires)}"
    first = f"{number}{check_digit(number)}"
    if layout is TD1:
        more, most = (_picked(drawn, string.digits, count) for count in (14, 9))
        lines = [f"I{FILLER}{STATE}{first}{more}", f"{dates}{STATE}{most}", ""]
    else:
        letter = "P" if layout is TD3 else "I"
        lines = [f"{letter}{FILLER}{STATE}", f"{first}{STATE}{dates}"]
    if layout is TD3:
        lines[1] += _picked(drawn, string.digits, 14)
    at = 2 if layout is TD1 else 0
    lines[at] = _named(drawn, lines[at], layout.width)
    lines = [line.ljust(layout.width, FILLER) for line in lines]
    for check in layout.checks:  # a composite digit stands after those that it covers
        field = "".join(lines[line][start:end] for line, start, end in check.over)
        line = lines[check.line]
        lines[check.line] = line[: check.at] + check_digit(field) + line[check.at + 1 :]
    return tuple(lines)


def payload(kind: PayloadKind, length: int, size: Size) -> str:
    """Return `length` characters for a barcode."""
    return _picked(rng("replace", "barcode", str(kind), length, *size), _PAYLOADS[kind], length)


def payload_kind(content: str) -> PayloadKind:
    """Return the narrowest kind that a barcode's content fits."""
    for kind in (PayloadKind.DIGITS, PayloadKind.CAPITALS):
        if set(content) <= set(_PAYLOADS[kind]):
            return kind
    return PayloadKind.ANY


def _picked(drawn: np.random.Generator, alphabet: str, count: int) -> str:
    return "".join(alphabet[index] for index in drawn.integers(0, len(alphabet), count))


def _word(drawn: np.random.Generator, length: int) -> str:
    start = int(drawn.integers(2))
    letters = ((_CONSONANTS, _VOWELS)[(start + at) % 2] for at in range(length))
    return "".join(alphabet[drawn.integers(len(alphabet))] for alphabet in letters)


def _named(drawn: np.random.Generator, line: str, width: int) -> str:
    """Return a line with a surname and given names, and at least two fillers left at its end."""
    line += _word(drawn, int(drawn.integers(4, 7))).upper() + FILLER
    while (room := width - len(line) - 3) >= 3:
        line += FILLER + _word(drawn, min(room, int(drawn.integers(3, 6)))).upper()
    return line


def _date(drawn: np.random.Generator, first: int, last: int) -> str:
    """Return a day as YYMMDD; every month has 28 days."""
    year, month, day = (
        int(drawn.integers(low, high + 1)) for low, high in ((first, last), (1, 12), (1, 28))
    )
    return f"{year:02d}{month:02d}{day:02d}"
