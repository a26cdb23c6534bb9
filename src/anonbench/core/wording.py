"""Numbers with their nouns and units, and suggestions, for messages."""

from __future__ import annotations

import difflib
from collections import Counter
from collections.abc import Iterable, Mapping

_MOST = 6


def count(number: int, noun: str) -> str:
    """Return a number with its noun: ``1 seed``, ``2 seeds``, ``3 queries``, ``1,234 images``."""
    plural = noun[:-1] + "ies" if noun.endswith("y") else noun + "s"
    return f"{number:,} {noun if number == 1 else plural}"


def tally(counts: Mapping[str, int]) -> str:
    """Return the most frequent texts with their numbers: ``2: empty file; 1: hidden``."""
    shown = [f"{number:,}: {text}" for text, number in Counter(counts).most_common(_MOST)]
    return "; ".join([*shown, "…"] if len(counts) > _MOST else shown)


def duration(seconds: float) -> str:
    """Return a time: ``59 s``, ``1 min 00 s``, ``2 h 02 min``."""
    whole = max(0, round(seconds))
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02d} s"
    return f"{whole // 3600} h {whole % 3600 // 60:02d} min"


def suggestion(name: str, known: Iterable[str]) -> str:
    """Return the end of a message about a misspelt name; empty where none is near."""
    near = difflib.get_close_matches(name, list(known), 1)
    return f"; did you mean {near[0]}?" if near else ""
