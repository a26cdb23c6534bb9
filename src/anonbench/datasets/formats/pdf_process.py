"""The process that draws pages of PDF files (`anonbench.datasets.formats.pdf`), within limits.

It reads a line of JSON and a file's bytes from standard input, and answers by a line of JSON and a
page's pixels. It ends with its input.
"""

from __future__ import annotations

import json
import resource
import sys
from pathlib import Path
from typing import Any

from anonbench.core.errors import UnreadableImage
from anonbench.datasets.formats import pdfium
from anonbench.datasets.formats.pages import Page

_BASE_BYTES = 2**30
_BYTES_A_PIXEL = 8
_MOST_PIXELS = 500_000_000
"""Where no limit is given."""
_SECONDS, _SECONDS_AGAIN = 60, 600
"""Of computing for one answer; and for a page that was drawn before, on a slower machine maybe."""


def main() -> None:
    """Answer until there is no more input."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    while line := sys.stdin.buffer.readline():
        question = json.loads(line)
        data = sys.stdin.buffer.read(question["bytes"])
        _limit(len(data), question["max_pixels"])
        try:
            answer, pixels = _answer(question, data)
        except UnreadableImage as error:
            answer, pixels = {"refused": str(error)}, b""
        sys.stdout.buffer.write(json.dumps(answer).encode() + b"\n")
        sys.stdout.buffer.write(pixels)
        sys.stdout.buffer.flush()


def _answer(question: dict[str, Any], data: bytes) -> tuple[dict[str, Any], Any]:
    source = Path(question["path"]) if "path" in question else data
    if question["what"] == "pages":
        return {"numbers": [pdfium.pdf_pages(source)]}, b""
    page, max_pixels = Page(*question["page"]), question["max_pixels"]
    if question["what"] == "size":
        return {"numbers": pdfium.pdf_size(data, page, max_pixels)}, b""
    image = pdfium.draw_pdf(data, page, max_pixels)
    return {"numbers": [image.shape[1], image.shape[0]], "pixels": True}, image.data


def _limit(size: int, max_pixels: int | None) -> None:
    """Limit memory and time for one answer; what exceeds them ends the process."""
    most = _BASE_BYTES + size + _BYTES_A_PIXEL * (max_pixels or _MOST_PIXELS)
    _set(resource.RLIMIT_AS, most)
    used = resource.getrusage(resource.RUSAGE_SELF)
    seconds = _SECONDS if max_pixels is not None else _SECONDS_AGAIN
    _set(resource.RLIMIT_CPU, int(used.ru_utime + used.ru_stime) + seconds)


def _set(what: int, limit: int) -> None:
    hard = resource.getrlimit(what)[1]
    resource.setrlimit(what, (limit if hard == resource.RLIM_INFINITY else min(limit, hard), hard))


if __name__ == "__main__":
    main()
