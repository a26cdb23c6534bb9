"""Text for terminals and logs: control characters are shown instead of sent."""

from __future__ import annotations

import re
import sys
from typing import Any

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
