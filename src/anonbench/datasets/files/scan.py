"""Fingerprint of a data set's files by name, size and time, without opening them."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Iterator
from pathlib import Path

_LISTS = (".", "Anno", "Eval", "labels")
"""Where publishers put their list files."""
_SUFFIXES = (".txt", ".csv", ".parquet")


def scan(root: Path, paths: Iterable[str], strict: bool = False) -> str:
    """Return a digest of the names, sizes and modification times of a data set's files.

    Also a replaced file with an older time has another one than before. A file that is missing
    counts as such. Of other files in the images' folders the names count.

    Args:
        root: the data set's folder.
        paths: its images, relative to the folder, or absolute.
        strict: also when each file was last changed in any way, and its number on the disk: a file
            with the size and time of the one that it replaced is noticed, but so is a mere copy.

    """
    paths = [*dict.fromkeys(paths)]  # pages have one file
    # one call for all: a call a file would cost as much as looking at it
    files = (*_list_files(root), *paths)
    states = "".join([_state(os.path.join(root, path), path, strict) for path in files])  # noqa: PTH118
    folders = sorted({os.path.dirname(path) for path in paths})  # noqa: PTH120
    states += "".join([_names(os.path.join(root, folder), folder) for folder in folders])  # noqa: PTH118
    return hashlib.sha256(states.encode("utf-8", "surrogateescape")).hexdigest()


def _list_files(root: Path) -> Iterator[str]:
    for folder in _LISTS:
        place = root / folder
        if place.is_dir():
            names = (entry.name for entry in os.scandir(place))
            yield from sorted(f"{folder}/{name}" for name in names if name.endswith(_SUFFIXES))


def _names(folder: str, shown: str) -> str:
    try:
        entries = [
            e.name
            for e in os.scandir(folder)
            if not e.is_dir(follow_symlinks=False) and e.name[:1] != "."
        ]
    except OSError:
        return f"{shown}\0missing\n"
    return "\0".join([shown, *sorted(entries)]) + "\n"


def _state(file: str, path: str, strict: bool) -> str:
    try:
        stat = os.stat(file)  # noqa: PTH116
    except OSError:
        return f"{path}\0missing\n"
    more = f"\0{stat.st_ctime_ns}\0{stat.st_ino}" if strict else ""
    return f"{path}\0{stat.st_size}\0{stat.st_mtime_ns}{more}\n"
