"""Memory for large images: shared by all processes of a user, kept by the allocator.

A process locks parts of a file in proportion to the memory that its image needs. The system
unlocks them when the process ends, in whatever way.
"""

import ctypes
import fcntl
import logging
import os
import struct
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

from anonbench.core.libraries.devices import lock_folder, own

SMALL = 4_000_000  # number of pixels up to which an image does not wait
PATIENCE = 60.0  # seconds of waiting after which the terminal says so
_BYTES_A_PIXEL = 44  # measured: read, blurred in large regions, encoded and audited (a mask: 32)
_PART = 2**26  # bytes of memory that one lock stands for
_SHARE = 0.25  # share of the machine's memory that all large images may take together
_LIMIT = Path("/sys/fs/cgroup/memory.max")
_SECONDS = 0.05
_TURN, _ALONE, _FIRST = 0, 1, 2  # places in the file: waiting, searching a large image, first part

log = logging.getLogger(__name__)
_thread = threading.local()


@contextmanager
def memory_for(pixels: int) -> Iterator[None]:
    """Wait until an image with this number of pixels fits into the shared memory, or is alone.

    A thread that has memory gets more at once: it must not wait for one that waits for memory.
    """
    if pixels <= SMALL or getattr(_thread, "has", False):
        yield
        return
    parts = _parts()
    needed = min(parts, -(-pixels * _BYTES_A_PIXEL // _PART))
    with _file() as file:
        with _locked(file, _TURN):  # one at a time, or two could each wait with half
            _take(file, parts, needed)
        _thread.has = True
        try:
            yield
        finally:
            _thread.has = False
            _lock(file, fcntl.F_UNLCK, _FIRST, parts)


@contextmanager
def exclusive_if(condition: bool) -> Iterator[None]:
    """Let one process at a time search a large image, if `condition` holds; the others wait."""
    if not condition:
        yield
        return
    with _file() as file, _locked(file, _ALONE):
        yield


@contextmanager
def _file() -> Iterator[int]:
    # opened each time: locks belong to the open file, and each thread needs its own
    file = os.open(own(lock_folder()) / "memory.lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        yield file
    finally:
        os.close(file)


def _take(file: int, parts: int, needed: int) -> None:
    taken: set[int] = set()

    def is_enough() -> bool:
        for part in range(parts):
            if part not in taken and _lock(file, fcntl.F_WRLCK, _FIRST + part, 1, wait=False):
                taken.add(part)
                if len(taken) == needed:
                    return True
        return False

    if not is_enough():
        with _waiting():
            while not is_enough():
                time.sleep(_SECONDS)


@contextmanager
def _waiting() -> Iterator[None]:
    """Say so in the log, and after a minute once as a warning, which terminals show."""
    text = "waiting until large images, perhaps of another run, leave memory free"
    log.info(text)
    timer = threading.Timer(PATIENCE, _warn_once, (text,))
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


@cache
def _warn_once(text: str) -> None:
    log.warning(text)


@contextmanager
def _locked(file: int, place: int) -> Iterator[None]:
    if not _lock(file, fcntl.F_WRLCK, place, 1, wait=False):
        with _waiting():
            _lock(file, fcntl.F_WRLCK, place, 1)
    try:
        yield
    finally:  # unlock explicitly: a process forked meanwhile has the file open, too
        _lock(file, fcntl.F_UNLCK, place, 1)


def _lock(file: int, kind: int, start: int, length: int, wait: bool = True) -> bool:
    """Lock or unlock bytes of a file for this opening; False if others have locked them."""
    command = fcntl.F_OFD_SETLKW if wait else fcntl.F_OFD_SETLK
    try:
        fcntl.fcntl(file, command, struct.pack("hhqqi4x", kind, os.SEEK_SET, start, length, 0))
    except BlockingIOError:
        return False
    return True


def _parts() -> int:
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    text = _LIMIT.read_text(encoding="ascii").strip() if _LIMIT.exists() else ""
    if text.isdigit():
        memory = min(memory, int(text))
    return max(1, int(memory * _SHARE) // _PART)


_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3  # parameters of glibc's `mallopt`
_KEPT, _LARGEST = 2**27, 2**25  # bytes of free memory that are kept, and the largest piece


@cache
def keep_freed_memory() -> None:
    """Keep freed memory for the next image instead of returning it to the system at once.

    glibc returns an image's arrays each time, and the system then has to clear new pages: a fifth
    of the time of anonymizing scanned pages. Other C libraries are left as they are.
    """
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except AttributeError:
        return
    mallopt(_TRIM_THRESHOLD, _KEPT)
    mallopt(_MMAP_THRESHOLD, _LARGEST)
