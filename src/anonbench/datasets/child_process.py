"""The process that decodes files for `anonbench.datasets.formats.pdf`, within limits.

It reads a line of JSON and a file's bytes from standard input, and answers with a line of JSON and
pixels. It ends with its input.
"""

import json
import resource
import sys
from pathlib import Path
from typing import Any

import numpy as np

from anonbench.core.errors import UnreadableImage
from anonbench.datasets.formats.pages import Page

BASE_BYTES = 2**30
BYTES_A_PIXEL = {"draw": 8, "image": 48}  # memory limit; JPEG 2000 needs the most
_MOST_PIXELS = 500_000_000  # greatest number of pixels if no limit is given
SECONDS, _SECONDS_AGAIN = 60, 600  # of computing, and for decoding again
PIXELS_A_SECOND = 1_000_000  # number of pixels for which there is another second


def main() -> None:
    """Answer until the input ends."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    while line := sys.stdin.buffer.readline():
        question = json.loads(line)
        data = sys.stdin.buffer.read(question["bytes"])
        pixels = np.empty(0, np.uint8)
        try:
            told = _answer(question, data)
            if isinstance(told, np.ndarray):
                pixels, told = told, told.shape
            answer = {"told": told, "pixels": pixels.size}
        except UnreadableImage as error:
            answer = {"refused": str(error)}
        sys.stdout.buffer.write(json.dumps(answer).encode() + b"\n")
        sys.stdout.buffer.write(np.ascontiguousarray(pixels).data)
        sys.stdout.buffer.flush()
        del pixels, data  # otherwise they stay in memory until the next question


def _answer(question: dict[str, Any], data: bytes) -> Any:
    what, max_pixels = question["what"], question["max_pixels"]
    page = Page(*question["page"]) if question["page"] else None
    seconds = _SECONDS_AGAIN if what in ("draw", "image") and max_pixels is None else SECONDS
    if what == "image":
        from anonbench.datasets.images import read_here  # not needed for PDFs

        pixels = question["pixels"]
        _limit(BYTES_A_PIXEL[what] * pixels, len(data), seconds + pixels // PIXELS_A_SECOND)
        return read_here(data, max_pixels, page)
    _limit(BYTES_A_PIXEL["draw"] * (max_pixels or _MOST_PIXELS), len(data), seconds)
    from anonbench.datasets.formats import pdfium

    with pdfium.opened(Path(question["path"]) if question["path"] else data) as document:
        return getattr(pdfium, what)(document, page or Page(1), max_pixels)


def _limit(image_bytes: int, file_bytes: int, seconds: int) -> None:
    used = resource.getrusage(resource.RUSAGE_SELF)
    in_use = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0])  # pages
    space = in_use * resource.getpagesize() + BASE_BYTES + 2 * file_bytes + image_bytes
    seconds += int(used.ru_utime + used.ru_stime)
    for what, limit in ((resource.RLIMIT_AS, space), (resource.RLIMIT_CPU, seconds)):
        hard = resource.getrlimit(what)[1]
        limit = limit if hard == resource.RLIM_INFINITY else min(limit, hard)
        resource.setrlimit(what, (limit, hard))


if __name__ == "__main__":
    main()
