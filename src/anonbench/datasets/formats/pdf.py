"""Pages of PDF files, counted and drawn by a process of its own.

A PDF of two kilobytes can ask for any amount of memory and time, and a fault of the library that
draws would end whatever it runs in. So it runs in a child (`pdf_process`) within limits. A page
that exceeds them is one that cannot be read, and the next one has a new child.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from io import BufferedReader
from pathlib import Path
from typing import Any, BinaryIO, cast

import numpy as np

from anonbench.core.errors import UnreadableImage
from anonbench.datasets.formats.pages import Page

SUFFIX = ".pdf"
_SIGNATURE = b"%PDF-"
_BEFORE = b"\xef\xbb\xbf \t\r\n\0"
"""A byte order mark or white space may come before the signature."""
_LONGEST = 4096
_TOO_MUCH = "a PDF that takes too much memory or time, or that breaks the library"
_MODULE = "anonbench.datasets.formats.pdf_process"
_CHANNELS = 3

_lock = threading.Lock()
_children: dict[int, subprocess.Popen[bytes]] = {}
"""The child of this process, by the process's id: after a fork another one is started."""


def _renew_lock() -> None:
    global _lock
    _lock = threading.Lock()  # a thread of the parent may have held it


os.register_at_fork(after_in_child=_renew_lock)


def is_pdf(data: bytes) -> bool:
    """Tell whether bytes are those of a PDF file."""
    return data[:1024].lstrip(_BEFORE).startswith(_SIGNATURE)


def pdf_pages(source: Path | bytes) -> int:
    """Return how many pages a PDF file has.

    Raises:
        UnreadableImage: it is damaged, encrypted, no PDF, or beyond the limits.

    """
    (pages,), _ = _ask("pages", source)
    return pages


def pdf_size(data: bytes, page: Page, max_pixels: int | None) -> tuple[int, int]:
    """Return width and height in pixels of a page as it will be drawn.

    Raises:
        UnreadableImage: see `pdf_pages`; also no such page, or one of more than `max_pixels`.

    """
    (width, height), _ = _ask("size", data, page, max_pixels)
    return width, height


def draw_pdf(data: bytes, page: Page, max_pixels: int | None) -> np.ndarray:
    """Draw a page on white: uint8 [H, W, 3] RGB, with its annotations and filled-in forms.

    Width and height are the page's in inches times `page.dpi`, rounded up. Fonts that the file does
    not embed are replaced by PDFium's own, never by those of the machine.

    Args:
        data: the file.
        page: which one, and how finely.
        max_pixels: of the page, and of each image on it; None: the page was drawn before, and
            limits are wider, so that it is drawn again.

    Raises:
        UnreadableImage: see `pdf_size`; also where an image in it has more than `max_pixels`.

    """
    (width, height), pixels = _ask("draw", data, page, max_pixels)
    return pixels.reshape(height, width, _CHANNELS)


def _ask(
    what: str, source: Path | bytes, page: Page | None = None, max_pixels: int | None = None
) -> tuple[list[int], np.ndarray]:
    """Return the whole numbers of a child's answer, and the bytes after them."""
    data = source if isinstance(source, bytes) else b""
    question: dict[str, Any] = {"what": what, "page": page, "max_pixels": max_pixels}
    question["bytes"] = len(data)
    if isinstance(source, Path):
        question["path"] = os.fspath(source.absolute())
    with _lock:
        child = _child()
        try:
            answer, pixels = _exchange(child, question, data)
        except (OSError, ValueError, KeyError, TypeError):  # it has ended, or says nonsense
            _end(child)
            raise UnreadableImage(_TOO_MUCH) from None
        except BaseException:  # interrupted: what it says next is no answer
            _end(child)
            raise
    if "refused" in answer:
        raise UnreadableImage(str(answer["refused"]))
    return [int(number) for number in answer["numbers"]], pixels


def _exchange(
    child: subprocess.Popen[bytes], question: dict[str, Any], data: bytes
) -> tuple[dict[str, Any], np.ndarray]:
    to, back = cast(BinaryIO, child.stdin), cast(BufferedReader, child.stdout)
    to.write(json.dumps(question).encode() + b"\n")
    to.write(data)
    to.flush()
    answer = json.loads(back.readline(_LONGEST))
    if "refused" in answer:
        return answer, np.empty(0, np.uint8)
    size = _CHANNELS * answer["numbers"][0] * answer["numbers"][1] if "pixels" in answer else 0
    if not 0 <= size < 2**31:
        raise ValueError("more pixels than a page has")
    pixels = np.empty(size, np.uint8)
    if back.readinto(pixels.data) != size:
        raise ValueError("fewer pixels than were said")
    return answer, pixels


def _child() -> subprocess.Popen[bytes]:
    if (child := _children.get(os.getpid())) is None:
        command = [sys.executable, "-m", _MODULE]
        pipe = subprocess.PIPE
        environment = os.environ | {"OPENBLAS_NUM_THREADS": "1"}
        child = subprocess.Popen(
            command, stdin=pipe, stdout=pipe, stderr=subprocess.DEVNULL, env=environment
        )
        _children[os.getpid()] = child
    return child


def _end(child: subprocess.Popen[bytes]) -> None:
    _children.pop(os.getpid(), None)
    child.kill()
    child.wait()
