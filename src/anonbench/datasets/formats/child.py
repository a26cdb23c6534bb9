"""Files whose decoding may take any amount of memory and time, decoded by a process of its own.

A PDF of two kilobytes or a JPEG 2000 file of one can ask for hours, and a fault of a library would
end whatever it runs in. So they are decoded in a child (`child_process`) within limits. A file that
exceeds them is one that cannot be read, and the next one has a new child.
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

_LONGEST = 2**24
_TOO_MUCH = "takes too much memory or time to decode, or breaks the library"
_MODULE = "anonbench.datasets.child_process"

_lock = threading.Lock()
_children: dict[int, subprocess.Popen[bytes]] = {}
"""The child of this process, by the process's id: after a fork another one is started."""


def _renew_lock() -> None:
    global _lock
    _lock = threading.Lock()  # a thread of the parent may have held it


os.register_at_fork(after_in_child=_renew_lock)


def ask(
    what: str,
    source: Path | bytes,
    page: Page | None = None,
    max_pixels: int | None = None,
    **more: Any,
) -> tuple[list[int], np.ndarray]:
    """Have a child count pages, tell a size, draw a page or decode an image.

    Args:
        what: `pages` or `size` or `draw` of a PDF, or `image`.
        source: the file, or its content.
        page: of the file.
        max_pixels: see `anonbench.datasets.images.open_checked`.
        more: of an image: `pixels` that it has, and `longest_side` to keep.

    Returns:
        Whole numbers (of pixels: their shape, then the scale), and pixels, flat.

    Raises:
        UnreadableImage: it cannot be read, or not within the limits.

    """
    data = source if isinstance(source, bytes) else b""
    question: dict[str, Any] = {"what": what, "page": page, "max_pixels": max_pixels} | more
    question["bytes"] = len(data)
    if isinstance(source, Path):
        question["path"] = os.fspath(source.absolute())
    with _lock:
        child = _child()
        try:
            answer, pixels = _exchange(child, question, data)
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            # it has ended, or says nonsense
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
    size = answer.get("pixels", 0)
    if not 0 <= size < 2**33:
        raise ValueError("more pixels than an image has")
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
