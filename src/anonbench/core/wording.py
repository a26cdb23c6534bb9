"""Text of messages: numbers with nouns and units, suggestions, harmless characters."""

import difflib
import re
import sys
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

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


def suggestion(name: object, known: Iterable[str], kind: str = "") -> str:
    """Return the end of a message about a misspelt name; empty where none is near.

    `kind` is said before the name, such as `the id `.
    """
    near = difflib.get_close_matches(str(name), list(known), 1)
    return f"; did you mean {kind}{near[0]}?" if near else ""


CONTROLS = "\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069"
"""Characters that steer a terminal or turn text around, as a range of a regular expression. Line
breaks and tabs are none: messages have them."""
_CONTROL = re.compile(f"[{CONTROLS}\ud800-\udfff]")


def harmless(text: str) -> str:
    r"""Return text with control characters and bytes that are no UTF-8 written as ``\u001b``.

    JSON keeps its meaning: there, the escape stands for the same character.
    """
    return _CONTROL.sub(lambda found: f"\\u{ord(found[0]):04x}", text)


def guard_output() -> None:
    """Escape everything that this process prints: paths and names may hold anything."""
    sys.stdout, sys.stderr = _guarded(sys.stdout), _guarded(sys.stderr)


def _guarded(stream: Any) -> Any:
    return stream if stream is None or isinstance(stream, _Guarded) else _Guarded(stream)


class _Guarded:
    """A text stream that writes harmless text; everything else is passed to the stream."""

    def __init__(self, stream: Any) -> None:
        self._stream = stream

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    def write(self, text: str) -> int:
        start = "\r" if text.startswith("\r") else ""  # of a progress bar
        self._stream.write(start + harmless(text.removeprefix(start)))
        return len(text)

    def writelines(self, lines: Any) -> None:
        for line in lines:
            self.write(line)
