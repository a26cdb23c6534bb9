"""Pages of TIFF files, from their directories; no pixel is read.

Source: Adobe, TIFF Revision 6.0, 1992, sections 2 and 8; BigTIFF as libtiff defines it.
"""

from __future__ import annotations

import struct
from typing import BinaryIO

from anonbench.datasets.formats.pages import MOST_PAGES

_SUBFILE, _OLD_SUBFILE = 254, 255
_REDUCED, _MASK, _OLD_REDUCED = 1, 4, 2
_SHORT = 3
_MOST_DIRECTORIES = 4 * MOST_PAGES
_MOST_ENTRIES = 4096


def tiff_frames(file: BinaryIO) -> list[int]:
    """Return which directories of a TIFF file are pages: not smaller copies, and not masks.

    It is empty for any other file, and for one whose directories are damaged or run in a circle.
    """
    try:
        return _frames(file)
    except (struct.error, OSError, OverflowError, ValueError):
        return []


def _frames(file: BinaryIO) -> list[int]:
    order, version = _order(file.read(4))
    if version == 42:
        number, count, entry = order + "I", order + "H", 12
    elif version == 43:
        number, count, entry = order + "Q", order + "Q", 20
        file.seek(8)
    else:
        return []
    place = _read(file, number)
    frames: list[int] = []
    seen: set[int] = set()
    while place:
        if place in seen or len(seen) == _MOST_DIRECTORIES:
            return []
        seen.add(place)
        file.seek(place)
        entries = _read(file, count)
        if entries > _MOST_ENTRIES:
            return []
        if not _is_auxiliary(file.read(entries * entry), entry, order):
            frames.append(len(seen) - 1)
        place = _read(file, number)
    return frames


def _order(head: bytes) -> tuple[str, int]:
    order = {b"II": "<", b"MM": ">"}.get(head[:2], "")
    return order, struct.unpack(order + "H", head[2:])[0] if order else 0


def _read(file: BinaryIO, form: str) -> int:
    value: int = struct.unpack(form, file.read(struct.calcsize(form)))[0]
    return value


def _is_auxiliary(entries: bytes, size: int, order: str) -> bool:
    """Tell whether a directory's entries say that it is a smaller copy or a mask."""
    value_at = 8 if size == 12 else 12
    for start in range(0, len(entries), size):
        tag, kind = struct.unpack_from(order + "HH", entries, start)
        if tag in (_SUBFILE, _OLD_SUBFILE):
            form = order + ("H" if kind == _SHORT else "I")
            value = struct.unpack_from(form, entries, start + value_at)[0]
            old = tag == _OLD_SUBFILE
            return bool(value == _OLD_REDUCED if old else value & (_REDUCED | _MASK))
    return False
