"""Setting of the C library's allocator that keeps freed memory."""

from __future__ import annotations

import ctypes
from functools import cache

_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3
"""Parameters of glibc's `mallopt`."""
_KEPT, _LARGEST = 2**27, 2**25
"""Bytes of free memory that the process keeps, and the largest piece kept."""


@cache
def keep_freed_memory() -> None:
    """Keep freed memory for the next image instead of returning it to the system at once.

    An image's arrays of some megabytes are allocated and freed again and again. glibc returns such
    pieces each time, and the system then has to provide and clear new pages: a fifth of the time of
    anonymizing scanned pages. Other C libraries are left as they are.
    """
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except AttributeError:
        return
    mallopt(_TRIM_THRESHOLD, _KEPT)
    mallopt(_MMAP_THRESHOLD, _LARGEST)
