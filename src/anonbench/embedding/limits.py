"""Limits on declared but unstored data of a file, and on data that must fit into memory."""

from __future__ import annotations

import os
from pathlib import Path

from anonbench.core.errors import InputError

FREE_BYTES = 64 * 2**20
"""Size up to which a declared array is accepted without a check."""
RATIO = 100
"""Greatest ratio of a larger array's size to its bytes in the file. Embeddings are like noise to a
compressor, which saves a tenth of them.
"""


def require_stored(where: str, declared: int, stored: int) -> None:
    """Check that an array's declared size is plausible for the bytes that hold it.

    Args:
        where: file and array, for the error.
        declared: bytes of the array in memory.
        stored: bytes of the array in the file, compressed or not.

    Raises:
        InputError: reading the array would take far more memory than its file explains.

    """
    if declared > max(FREE_BYTES, RATIO * stored):
        raise InputError(
            f"{where} declares {size(declared)}, but the file stores {size(stored)} for it; write "
            "it again without compression"
        )


def require_memory(path: Path, needed: int) -> None:
    """Check that an array fits into the machine's memory.

    Raises:
        InputError: it is larger; names the format that need not fit.

    """
    available = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    if needed > available:
        raise InputError(
            f"{path}: its embeddings take {size(needed)}, and this machine has {size(available)} "
            "of memory; write them as float32 NPY, which is mapped and not read"
        )


def size(count: int) -> str:
    """Return a number of bytes as people write it."""
    value, units = float(count), ["KiB", "MiB", "GiB", "TiB"]
    if value < 1024:
        return f"{count} bytes"
    unit = "bytes"
    while value >= 1024 and units:
        value, unit = value / 1024, units.pop(0)
    return f"{value:,.1f} {unit}"
