"""The process that decodes what `anonbench.datasets.formats.child` asks for, within limits.

It reads a line of JSON and a file's bytes from standard input, and answers by a line of JSON and
pixels. It ends with its input.
"""

from __future__ import annotations

import json
import resource
import sys
from pathlib import Path
from typing import Any

import numpy as np

from anonbench.core.errors import UnreadableImage
from anonbench.datasets.formats import pdfium
from anonbench.datasets.formats.pages import Page

_BASE_BYTES = 2**30
_BYTES_A_PIXEL = {"draw": 8, "image": 48}
"""Of an image: JPEG 2000 takes the most."""
_MOST_PIXELS = 500_000_000
"""Where no limit is given."""
_SECONDS, _SECONDS_AGAIN = 60, 600
"""Of computing for one answer; and for what was read before, on a slower machine maybe."""
_PIXELS_A_SECOND = 1_000_000
"""For which there is a second more."""


def main() -> None:
    """Answer until there is no more input."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    while line := sys.stdin.buffer.readline():
        question = json.loads(line)
        data = sys.stdin.buffer.read(question["bytes"])
        try:
            numbers, pixels = _answer(question, data)
            answer: dict[str, Any] = {"numbers": numbers, "pixels": pixels.size}
        except UnreadableImage as error:
            answer, pixels = {"refused": str(error)}, np.empty(0, np.uint8)
        sys.stdout.buffer.write(json.dumps(answer).encode() + b"\n")
        sys.stdout.buffer.write(np.ascontiguousarray(pixels).data)
        sys.stdout.buffer.flush()
        del data, pixels  # or they stay in memory until the next question


def _answer(question: dict[str, Any], data: bytes) -> tuple[list[int], np.ndarray]:
    source = Path(question["path"]) if "path" in question else data
    what, max_pixels = question["what"], question["max_pixels"]
    page = Page(*question["page"]) if question["page"] else None
    if what == "image":
        from anonbench.datasets.images import read_here  # which PDFs can do without

        _limit(what, len(data), question["pixels"], again=max_pixels is None)
        pixels, scale = read_here(data, max_pixels, page, question["longest_side"])
        return [*pixels.shape, scale], pixels
    _limit("draw", len(data), max_pixels or _MOST_PIXELS, again=max_pixels is None)
    nothing = np.empty(0, np.uint8)
    if what == "pages":
        return [pdfium.pdf_pages(source)], nothing
    assert page is not None
    if what == "dpi":
        return [pdfium.pdf_dpi(data, page.number)], nothing
    if what == "size":
        return list(pdfium.pdf_size(data, page, max_pixels)), nothing
    if what == "images":
        placed = pdfium.placed_images(data, page)
        return [number for each in placed for number in each], nothing
    image = pdfium.draw_pdf(data, page, max_pixels)
    return list(image.shape), image


def _limit(what: str, size: int, pixels: int, again: bool) -> None:
    """Limit memory and time for one answer; what exceeds them ends the process."""
    _set(resource.RLIMIT_AS, _used_space() + _BASE_BYTES + 2 * size + _BYTES_A_PIXEL[what] * pixels)
    used = resource.getrusage(resource.RUSAGE_SELF)
    seconds = _SECONDS_AGAIN if again else _SECONDS
    if what == "image":
        seconds += pixels // _PIXELS_A_SECOND
    _set(resource.RLIMIT_CPU, int(used.ru_utime + used.ru_stime) + seconds)


def _used_space() -> int:
    """Bytes of address space that are in use, libraries included."""
    pages = Path("/proc/self/statm").read_text(encoding="ascii").split()[0]
    return int(pages) * resource.getpagesize()


def _set(what: int, limit: int) -> None:
    hard = resource.getrlimit(what)[1]
    resource.setrlimit(what, (limit if hard == resource.RLIM_INFINITY else min(limit, hard), hard))


if __name__ == "__main__":
    main()
