"""Listing of every file below a folder, without opening any."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import NamedTuple

_FOLDER = "folder"
HIDDEN = "hidden"
FOLLOWED = "a link to a folder whose files are used under this name"
BROKEN = "a link to nowhere"
SPECIAL = "a pipe, socket or device"
LINKED = "a link to a folder that is not looked into"
TWICE = "a folder that is used under another name"
ENCLOSING = "a link to a folder that encloses it"
UNREADABLE = "a folder that cannot be read"


class Entry(NamedTuple):
    """One file."""

    path: str
    """Relative to the folder walked."""
    reason: str
    """Why it is not used; empty for a file that can be opened and is not hidden."""


def walk(
    root: str,
    only: Collection[str] = (),
    everything: bool = False,
    outside: bool = False,
    hidden: bool = False,
) -> Iterator[Entry]:
    """Yield every file below `root`, in no order.

    Linked folders are followed, each real folder once: under its own name where it has one here,
    else under the last of its links, which is then an entry (`FOLLOWED`) beside its files. A
    folder that is not looked into is one entry. Hidden files and folders are left out.

    Args:
        root: the folder.
        only: names of the folders in `root` to look into; all, and its files, where empty.
        everything: yield hidden files too, and linked folders as one entry each.
        outside: look into all others than `only` instead, and at the files in `root`.
        hidden: yield each hidden file, and each hidden folder as one entry.

    Raises:
        OSError: `root` itself cannot be read.

    """
    seen = {_identity(root)}
    folders, links = [""], list[str]()
    while folders or links:
        if not folders:
            # the last first: of a folder linked into train and val, val keeps the images
            links.sort()
            link = links.pop()
            if _encloses(root, f"{root}/{link}"):
                yield Entry(link, ENCLOSING)
            elif _is_new(f"{root}/{link}", seen):
                yield Entry(link, FOLLOWED)
                folders.append(link + "/")
            else:
                yield Entry(link, TWICE)
            continue
        inside = folders.pop()
        try:
            with os.scandir(f"{root}/{inside}") as entries:
                for entry in entries:
                    path = inside + entry.name
                    is_hidden = path.startswith(".") or "/." in path
                    if not (inside or not only or (path in only) != outside):
                        continue
                    if is_hidden and not everything:
                        if hidden:
                            yield Entry(path, HIDDEN)
                        continue
                    kind = _kind(entry)
                    if kind != _FOLDER:
                        yield Entry(path, HIDDEN if is_hidden else kind)
                    elif entry.is_symlink() and everything:
                        yield Entry(path, LINKED)
                    elif entry.is_symlink():
                        links.append(path)
                    elif _is_new(entry.path, seen):
                        folders.append(path + "/")
                    else:
                        yield Entry(path, TWICE)
        except OSError:
            if not inside:
                raise
            yield Entry(inside[:-1], UNREADABLE)


def files_in(folder: str) -> Iterator[Entry]:
    """Yield the files in one folder, not those of its folders; none where it cannot be read."""
    try:
        entries = list(os.scandir(folder))
    except OSError:
        return
    for entry in entries:
        kind = _kind(entry)
        if kind != _FOLDER:
            yield Entry(entry.name, HIDDEN if entry.name.startswith(".") else kind)


def _kind(entry: os.DirEntry[str]) -> str:
    """Return an entry's reason, empty for a file that can be opened."""
    try:
        if entry.is_file():
            return ""
        if entry.is_dir():
            return _FOLDER
        gone = entry.is_symlink() and not Path(entry.path).exists()
    except OSError:  # a link to itself, or into a folder that cannot be read
        return BROKEN
    return BROKEN if gone else SPECIAL


def _is_new(folder: str, seen: set[tuple[int, int]]) -> bool:
    """Tell whether a real folder is seen for the first time; it is known from now on."""
    try:
        identity = _identity(folder)
    except OSError:  # gone: what looks into it says so
        return True
    new = identity not in seen
    seen.add(identity)
    return new


def _identity(folder: str) -> tuple[int, int]:
    state = os.stat(folder)  # noqa: PTH116  many folders
    return state.st_dev, state.st_ino


def _encloses(root: str, link: str) -> bool:
    """Tell whether a link's target encloses the link itself or `root`."""
    target = Path(link).resolve()
    places = (Path(link).parent.resolve(), Path(root).resolve())
    return any(place.is_relative_to(target) for place in places)
