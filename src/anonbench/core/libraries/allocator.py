"""How the C library keeps memory that was freed."""

from __future__ import annotations

import ctypes
from functools import cache

_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3
"""Of glibc's `mallopt`."""
_KEPT, _LARGEST = 2**27, 2**25
"""Bytes that stay with the process though they are free, and the largest piece of them."""


@cache
def keep_freed_memory() -> None:
    """Keep what is freed for the next image instead of giving it back to the system at once.

    An image's arrays of some megabytes are made and freed again and again. glibc gives such pieces
    back each time, and the system makes and clears new pages: a fifth of the time of anonymizing
    scanned pages. Other C libraries are left as they are.
    """
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except AttributeError:
        return
    mallopt(_TRIM_THRESHOLD, _KEPT)
    mallopt(_MMAP_THRESHOLD, _LARGEST)
