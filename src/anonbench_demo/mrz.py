"""Machine-readable zones after ICAO Doc 9303: check digits, names, the lines of TD1 and TD3.

Driving licences carry one line, as the French ones do, with the same check digits.
"""

import re
import unicodedata
from dataclasses import dataclass
from datetime import date

from anonbench.core.icao9303 import FILLER, check_digit

SPECIAL = {
    "Ä": "AE", "Å": "AA", "Æ": "AE", "Ð": "D", "Ł": "L", "Ñ": "N", "Ö": "OE", "Ø": "OE",
    "Œ": "OE", "Þ": "TH", "ß": "SS", "ẞ": "SS", "Ü": "UE",
}  # fmt: skip
"""Transliterations of part 3, section 6; other letters lose their accents."""


@dataclass(frozen=True)
class Holder:
    """What a zone says about a document and its holder."""

    surname: str
    given: str
    nationality: str
    birth: date
    sex: str
    number: str
    expiry: date
    optional: str = ""


def transliterate(text: str) -> str:
    """Return a name in A to Z, its parts joined by <."""
    upper = "".join(SPECIAL.get(letter, letter) for letter in text.replace("ß", "SS").upper())
    plain = unicodedata.normalize("NFKD", upper).encode("ascii", "ignore").decode()
    return re.sub("[^A-Z]+", FILLER, plain.replace("'", "")).strip(FILLER)


def names(surname: str, given: str, length: int) -> str:
    """Return the name field: surname << given names, cut so that an initial stays, filled up."""
    first = transliterate(surname)[: length - 3]
    return _filled(f"{first}{FILLER * 2}{transliterate(given)}", length)


def td3(kind: str, state: str, holder: Holder) -> list[str]:
    """Return a passport's two lines of 44 characters."""
    number = _checked(_filled(holder.number, 9))
    birth, expiry = _checked(f"{holder.birth:%y%m%d}"), _checked(f"{holder.expiry:%y%m%d}")
    optional = _checked(_filled(holder.optional, 14))
    overall = check_digit(number + birth + expiry + optional)
    return [
        _filled(kind, 2) + _filled(state, 3) + names(holder.surname, holder.given, 39),
        number + _filled(holder.nationality, 3) + birth + holder.sex + expiry + optional + overall,
    ]


def td1(kind: str, state: str, holder: Holder) -> list[str]:
    """Return a card's three lines of 30 characters."""
    first = _checked(_filled(holder.number, 9)) + _filled(holder.optional, 15)
    birth, expiry = _checked(f"{holder.birth:%y%m%d}"), _checked(f"{holder.expiry:%y%m%d}")
    rest = FILLER * 11
    overall = check_digit(first + birth + expiry + rest)
    return [
        _filled(kind, 2) + _filled(state, 3) + first,
        birth + holder.sex + expiry + _filled(holder.nationality, 3) + rest + overall,
        names(holder.surname, holder.given, 30),
    ]


def licence(state: str, holder: Holder) -> list[str]:
    """Return a driving licence's single line of 30 characters; both digits check from its start."""
    numbered = _checked(f"D1{_filled(state, 3)}{_filled(holder.number, 9)}")
    name = _filled(transliterate(holder.surname), 8)
    return [_checked(f"{numbered}{holder.expiry:%y%m%d}{name}")]


def _filled(text: str, length: int) -> str:
    return text[:length].ljust(length, FILLER)


def _checked(field: str) -> str:
    return field + check_digit(field)
