"""Places where anonymized copies may be written: never where an original is."""

from __future__ import annotations

import os
import unicodedata
from collections.abc import Iterable
from pathlib import Path

from anonbench.core.errors import InputError
from anonbench.datasets.inputs import Images


def require_apart(images: Images, to: Path) -> None:
    """Check that the output folder holds no original, and lies in no folder of originals.

    Folders are compared by what they are, not by their names: through links, and on file systems
    where `Photos` and `photos` are one.

    Raises:
        InputError: it does.

    """
    folders = [images.folder] if images.folder else []
    for folder in folders:
        if _is_inside(to, folder):
            raise InputError(f"{to} is in the folder of the originals, {folder}: name another one")
    originals = set() if folders else {image.file.parent for image in images}
    for folder in [*folders, *sorted(originals)]:
        if _is_inside(folder, to):
            raise InputError(f"{to} holds the originals (of {folder}): name another folder")


def target(to: Path, name: str) -> Path:
    """Return where an output is written, its folder made.

    Raises:
        InputError: a link leads out of the output folder.

    """
    path = to / name
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.parent != to and not path.parent.resolve().is_relative_to(to.resolve()):
        raise InputError(f"{path.parent} is a link that leads out of {to}: remove it")
    return path


def clashes(to: Path, names: Iterable[str]) -> set[str]:
    """Return the names that the folder's file system takes for an earlier one: case, accents.

    The folder has to exist.
    """
    probe = to / f".anonbench-{os.getpid()}-aä"
    probe.touch()
    try:
        folds = probe.with_name(probe.name.upper()).exists()
        decomposed = probe.with_name(unicodedata.normalize("NFD", probe.name))
        normalizes = decomposed.exists()
    finally:
        probe.unlink()
    if not (folds or normalizes):
        return set()
    seen, second = set[str](), set[str]()
    for name in names:
        key = unicodedata.normalize("NFC", name.casefold() if folds else name)
        if key in seen:
            second.add(name)
        seen.add(key)
    return second


def _is_inside(path: Path, folder: Path) -> bool:
    """Tell whether a path, which need not exist, is a folder or lies in it."""
    if not folder.exists():
        return False
    place = Path(os.path.realpath(path))
    return any(each.exists() and each.samefile(folder) for each in (place, *place.parents))
