"""Decoding of files that may take any amount of memory and time, in a separate process.

A PDF of two kilobytes or a JPEG 2000 file of one can take hours, and a fault of a library would end
its process. So they are decoded in a child (`child_process`) within limits. A file that exceeds
them counts as unreadable, and the next one gets a new child.
"""

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

_lock = threading.Lock()
_children: dict[int, subprocess.Popen[bytes]] = {}
"""The child of this process, by the process's id: after a fork another one is started."""


def _renew_lock() -> None:
    global _lock
    _lock = threading.Lock()  # a thread of the parent may have locked it


os.register_at_fork(after_in_child=_renew_lock)


def ask(
    what: str,
    source: Path | bytes,
    page: Page | None = None,
    max_pixels: int | None = None,
    pixels: int = 0,
) -> tuple[Any, np.ndarray]:
    """Have a child answer a question of `anonbench.datasets.formats.pdf`, or decode an `image`.

    Returns what is told, as JSON holds it (of pixels their shape), and pixels, flat.
    UnreadableImage if it cannot be read, or not within the limits.
    """
    data = source if isinstance(source, bytes) else b""
    path = None if isinstance(source, bytes) else os.fspath(source.absolute())
    question = {"what": what, "page": page, "max_pixels": max_pixels, "pixels": pixels}
    with _lock:
        if os.getpid() not in _children:
            _children[os.getpid()] = subprocess.Popen(
                [sys.executable, "-m", "anonbench.datasets.child_process"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                env=os.environ | {"OPENBLAS_NUM_THREADS": "1"},
            )
        child = _children[os.getpid()]
        try:
            answer, values = _answer(child, question | {"path": path, "bytes": len(data)}, data)
            if "refused" not in answer:
                return answer["told"], values
        except BaseException as error:  # it has ended, answers nonsense, or takes too long
            del _children[os.getpid()]
            child.kill()
            child.wait()
            if isinstance(error, OSError | ValueError | KeyError | TypeError | AttributeError):
                raise UnreadableImage(_TOO_MUCH) from None
            raise
    raise UnreadableImage(str(answer["refused"]))


def _answer(
    child: subprocess.Popen[bytes], question: dict[str, Any], data: bytes
) -> tuple[dict[str, Any], np.ndarray]:
    to, back = cast(BinaryIO, child.stdin), cast(BufferedReader, child.stdout)
    to.write(json.dumps(question).encode() + b"\n" + data)
    to.flush()
    answer = json.loads(back.readline(_LONGEST))
    size = answer.get("pixels", 0)
    if not 0 <= size < 2**33:
        raise ValueError("more pixels than an image has")
    pixels = np.empty(size, np.uint8)
    if back.readinto(pixels.data) != size:
        raise ValueError("fewer pixels than were said")
    return answer, pixels
