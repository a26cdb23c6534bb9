"""Candidates of a dictionary: texts and machine-readable zones similar to a true one.

A candidate has the same format as the true value: digits for digits, vowels for vowels, and dates
for dates. The format alone, which anybody can know, therefore gives an attacker no advantage.
"""

from __future__ import annotations

import re
import string
from bisect import bisect
from collections.abc import Callable, Sequence
from itertools import accumulate
from typing import TypeVar

import numpy as np

from anonbench.core.icao9303 import FILLER, Format, check_digit

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

    Fewer if there are not enough: a text of two digits has a hundred.
    """

    def draw() -> str:
        drawn = generator.random(len(text)).tolist()
        other = "".join(map(_character_like, text, drawn))
        for date in _DATE.finditer(text):
            other = other[: date.start()] + _date_like(date, generator) + other[date.end() :]
        return other

    return _several(text, count, draw)


def zones_like(
    lines: tuple[str, ...], layout: Format, count: int, generator: np.random.Generator
) -> list[tuple[str, ...]]:
    """A zone and zones of other holders, `count` in all, with valid check digits.

    Document type, state and nationality are those of the true zone, because a template shows them.
    """
    return _several(lines, count, lambda: _zone_like(lines, layout, generator))


def _several(true: T, count: int, draw: Callable[[], T]) -> list[T]:
    found = {true: None}
    for _ in range(20 * count):
        if len(found) == count:
            break
        found[draw()] = None
    return list(found)


def _date_like(date: re.Match[str], generator: np.random.Generator) -> str:
    """Another date in the same notation, with the same century and order of day and month."""
    first, separator, second, year = date.groups()
    most = (_MONTHS, _DAYS) if int(second) > _MONTHS else (_DAYS, _MONTHS)
    parts = [
        _number(1, limit, len(part), generator)
        for part, limit in zip((first, second), most, strict=True)
    ]
    return separator.join([*parts, year[:-2] + _number(0, 99, 2, generator)])


def _number(low: int, high: int, digits: int, generator: np.random.Generator) -> str:
    high = min(high, 10**digits - 1)
    return str(generator.integers(low, high + 1)).zfill(digits)


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


def _zone_like(
    lines: Sequence[str], layout: Format, generator: np.random.Generator
) -> tuple[str, ...]:
    drawn = []
    for row, (line, classes) in enumerate(zip(lines, layout.lines, strict=True)):
        kept = _kept(lines, layout, row)
        numbers = generator.random(len(line)).tolist()
        parts = [
            c if at in kept else _zone_character(c, kind, number)
            for at, (c, kind, number) in enumerate(zip(line, classes, numbers, strict=True))
        ]
        drawn.append("".join(parts))
    for (row, start, end), *others in (check.over for check in layout.checks):
        if (
            not others and end - start == 6 and lines[row][start:end].isdigit()
        ):  # of birth or expiry
            limits = ((0, 99), (1, _MONTHS), (1, _DAYS))
            date = "".join(_number(low, high, 2, generator) for low, high in limits)
            drawn[row] = drawn[row][:start] + date + drawn[row][end:]
    for check in layout.checks:  # a composite digit comes after the digits that it covers
        if lines[check.line][check.at] != FILLER:
            field = "".join(drawn[line][start:end] for line, start, end in check.over)
            whole = drawn[check.line]
            drawn[check.line] = whole[: check.at] + check_digit(field) + whole[check.at + 1 :]
    return tuple(drawn)


def _zone_character(character: str, kind: str, drawn: float) -> str:
    if character == FILLER or kind in "CV":
        return character
    if kind == "S":
        return "MF"[int(2 * drawn)]
    return _character_like(character, drawn)


def _kept(lines: Sequence[str], layout: Format, row: int) -> set[int]:
    """Places of a line that stay: what a template shows, and fields without a check digit."""
    # document type and issuing state; nationality
    spans = [(0, 0, 5), (1, 15, 18) if len(layout.lines) == 3 else (1, 10, 13)]
    for check in layout.checks:
        if lines[check.line][check.at] == FILLER:  # a number that is too long for its field
            spans += [*check.over, *([check.rest] if check.rest else [])]
    return {at for line, start, end in spans if line == row for at in range(start, end)}
