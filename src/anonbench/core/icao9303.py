"""Machine-readable zones after ICAO Doc 9303: formats, check digits and patterns.

Sizes and fields: part 4 (TD3), part 5 (TD1), part 6 (TD2), part 7 (MRV-A and MRV-B); check digits:
part 3, section 4.9.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import cycle

FILLER = "<"
WEIGHTS = (7, 3, 1)
DIGIT_LIKE = str.maketrans("OQDILZSGB", "000112568")  # where only a digit may stand
LETTER_LIKE = str.maketrans("0125688", "OIZSGBB")
FILLER_LIKE = str.maketrans("«‹《〈く≤(", "<<<<<<<")  # as other readers return it

Span = tuple[int, int, int]  # line, first character, end (half-open)


@dataclass(frozen=True)
class Check:
    """A check digit and the characters that it is computed from, in their order."""

    line: int
    at: int
    over: tuple[Span, ...]
    optional: bool = False  # whether a filler may replace the check digit of an empty field
    rest: Span | None = None
    """Continuation of a field too long for its place, which then has a filler as its check digit:
    the last character before the next filler is the check digit (part 5, note j).
    """


@dataclass(frozen=True)
class Format:
    """One size of zone.

    `lines` has a letter for the class of each character: A letter or filler, N digit or filler,
    C check digit or filler, S sex, X any, V the letter V.
    """

    name: str
    lines: tuple[str, ...]
    checks: tuple[Check, ...]

    @property
    def width(self) -> int:
        """Return the characters in a line."""
        return len(self.lines[0])


_CLASSES = {"A": "[A-Z<]", "N": "[0-9<]", "C": "[0-9<]", "S": "[MFX<]", "X": "[A-Z0-9<]", "V": "V"}
_HOLDER = "NNNNNNCSNNNNNNC"  # birth, its check digit, sex, expiry, its check digit


def _two_lines(
    name: str, kind: str, width: int, composite: bool, personal: bool, rest: Span | None = None
) -> Format:
    """Return a format whose second line has number, nationality, dates and optional data."""
    digits = personal + composite
    tail = "X" * (width - 28 - digits) + "C" * digits
    lines = (kind + "A" * (width - len(kind)), "X" * 9 + "C" + "AAA" + _HOLDER + tail)
    checks = [
        Check(1, 9, ((1, 0, 9),), rest=rest),
        Check(1, 19, ((1, 13, 19),)),
        Check(1, 27, ((1, 21, 27),)),
    ]
    if personal:
        checks.append(Check(1, 42, ((1, 28, 42),), optional=True))
    if composite:
        checks.append(Check(1, width - 1, ((1, 0, 10), (1, 13, 20), (1, 21, width - 1))))
    return Format(name, lines, tuple(checks))


TD1 = Format(
    "TD1",
    ("AA" + "AAA" + "X" * 9 + "C" + "X" * 15, _HOLDER + "AAA" + "X" * 11 + "C", "A" * 30),
    (
        Check(0, 14, ((0, 5, 14),), rest=(0, 15, 30)),
        Check(1, 6, ((1, 0, 6),)),
        Check(1, 14, ((1, 8, 14),)),
        Check(1, 29, ((0, 5, 30), (1, 0, 7), (1, 8, 15), (1, 18, 29))),
    ),
)
TD2 = _two_lines("TD2", "AA", 36, composite=True, personal=False, rest=(1, 28, 35))
TD3 = _two_lines("TD3", "AA", 44, composite=True, personal=True)
MRV_A = _two_lines("MRV-A", "VA", 44, composite=False, personal=False)
MRV_B = _two_lines("MRV-B", "VA", 36, composite=False, personal=False)
FORMATS = (MRV_A, MRV_B, TD1, TD2, TD3)  # visas first: their lines would also pass for a passport's


def check_digit(field: str) -> str:
    """Return a field's check digit, weights 7, 3, 1, modulo 10; ValueError but for A-Z, 0-9, <."""
    if not re.fullmatch("[0-9A-Z<]*", field):
        raise ValueError("a machine-readable zone has A to Z, 0 to 9 and < only")
    values = (int(character, 36) for character in field.replace(FILLER, "0"))
    return str(sum(v * w for v, w in zip(values, cycle(WEIGHTS), strict=False)) % 10)


def format_of(lines: Sequence[str]) -> Format | None:
    """Return the format that the lines have by number, length and classes of characters."""
    for layout in FORMATS:
        if len(lines) == len(layout.lines) and all(
            re.fullmatch("".join(_CLASSES[c] for c in classes), line)
            for line, classes in zip(lines, layout.lines, strict=True)
        ):
            return layout
    return None


def wrong_checks(lines: Sequence[str], layout: Format) -> list[Check]:
    """Return the check digits of lines of a format that do not agree with their fields."""
    return [check for check in layout.checks if not _agrees(lines, check)]


def _agrees(lines: Sequence[str], check: Check) -> bool:
    field = "".join(lines[line][start:end] for line, start, end in check.over)
    digit = lines[check.line][check.at]
    if digit == FILLER and check.rest is not None:
        line, start, end = check.rest
        more = lines[line][start:end].partition(FILLER)[0]
        field, digit = field + more[:-1], more[-1:]
    elif digit == FILLER and check.optional:
        return not field.strip(FILLER)
    return check_digit(field) == digit


def corrected(line: str, classes: str) -> str:
    """Return a reading, letters and digits corrected to the classes of their places.

    Only for telling a zone from other text: the corrections may be wrong.
    """
    tables = dict.fromkeys("NC", DIGIT_LIKE) | dict.fromkeys("ASV", LETTER_LIKE)
    pairs = zip(line, classes, strict=True)
    return "".join(character.translate(tables.get(kind, {})) for character, kind in pairs)


def verified(readings: Sequence[str]) -> bool:
    """Check whether lines, once corrected, form a zone of some format with right check digits."""
    lines = [normalized(reading) for reading in readings]
    for layout in FORMATS:
        if [len(line) for line in lines] == [layout.width] * len(layout.lines):
            fixed = [corrected(a, b) for a, b in zip(lines, layout.lines, strict=True)]
            if format_of(fixed) is layout and not wrong_checks(fixed, layout):
                return True
    return False


def normalized(reading: str) -> str:
    """Return a reading in capitals, without spaces and with all fillers as `<`."""
    text = "".join(reading.upper().split()).translate(FILLER_LIKE)
    if FILLER not in text:
        return text
    # readers take fillers for K; a K beside a filler is rarely a real one
    return re.sub("[<K]*<[<K]*", lambda run: FILLER * len(run[0]), text)


SHORTEST, LONGEST = 18, 52  # of readings of 30 to 44 characters: runs of fillers are misread
ENOUGH_FILLERS = 5
_DATES = re.compile(r"(?=([0-9OQDILZSGB]{7})([MFXHNKP<])([0-9OQDILZSGB]{7}))")
_LICENCE = re.compile(r"D[1IL]([A-Z0-9<]{3})[A-Z0-9<]{9}[0-9OQDILZSGB]{7}[A-Z0-9<]{7,11}")


def plausibility(reading: str) -> float:
    """Score of 0 to 1 for how much a reading of one line looks like a zone's line.

    Fillers occur in no other text, and neither do two dates with check digits around the sex.
    Driving licences (ISO/IEC 18013-1) have a single line: D1, state, number, expiry, name.
    """
    text = normalized(reading)
    if not SHORTEST <= len(text) <= LONGEST:
        return 0.0
    alphabet = len(re.findall("[A-Z0-9<]", text)) / len(text)
    fillers = min(1.0, text.count(FILLER) / ENOUGH_FILLERS)
    return alphabet * max(fillers, _dates(text), _licence(text))


def is_licence(reading: str) -> bool:
    """Check whether the line is from a driving licence, whose zone has a single line."""
    return _licence(normalized(reading)) > 0


def has_dates(reading: str) -> bool:
    """Check whether the line has birth, sex and expiry, like the second line of each format."""
    return _dates(normalized(reading)) > 0


def begins_with_dates(reading: str) -> bool:
    """Check whether the line begins with birth, sex and expiry, like the second line of TD1."""
    return any(match.start() < 3 for match in _DATES.finditer(normalized(reading)))


def _dates(text: str) -> float:
    """Return 0.3 to 1, by valid dates and check digits, if two dates are around a sex, else 0."""
    best = 0.0
    for match in _DATES.finditer(text):
        fields = [match[group].translate(DIGIT_LIKE) for group in (1, 3)]
        days = sum(int(f[2:4]) <= 12 and int(f[4:6]) <= 31 for f in fields)
        right = sum(check_digit(f[:6]) == f[6] for f in fields)
        best = max(best, 0.3 + 0.175 * (days + right))
    return best


def _licence(text: str) -> float:
    """Return 0.75 if a licence's parts are in place, 1 if its last character checks the others."""
    match = _LICENCE.fullmatch(text)
    if match is None:
        return 0.0
    field = "D1" + match[1].translate(LETTER_LIKE) + text[5:-1]
    return 1.0 if check_digit(field) == text[-1].translate(DIGIT_LIKE) else 0.75
