"""A folder of images: class folders or flat, with an official split where it has split folders."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator
from pathlib import Path

import numpy as np
import pandas as pd

from anonbench.config import DataSource
from anonbench.datasets.source import Source, is_wanted, problem, require_folder, without_suffix
from anonbench.vocabulary import Split

SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".tif", ".tiff", ".bmp", ".webp", ".gif"})
_SPLITS = {"train": str(Split.TRAIN), "val": str(Split.VAL), "validation": str(Split.VAL)}


def read(name: str, dataset: DataSource, wanted: Collection[str] | None) -> Source:
    """List a folder; column `class` is the parent folder's name where there are class folders.

    Sub-folders `train` and `val` (or `validation`) together are the official split; images
    elsewhere, `test` for one, are then not used. Hidden files and folders are not looked at.

    Raises:
        InputError: the folder does not exist or cannot be read.

    """
    root = dataset.path
    require_folder(name, root)
    paths, dropped, ignored = _scan(name, root)
    frame = pd.DataFrame({"path": paths}, dtype="str")
    split = pd.Series(None, index=frame.index, dtype="str")
    used = pd.Series(True, index=frame.index)
    if (root / "train").is_dir() and any((root / val).is_dir() for val in ("val", "validation")):
        split = frame["path"].str.partition("/")[0].where(frame["path"].str.contains("/"))
        split = split.map(_SPLITS).astype("str")
        used = split.notna()
        ignored += int((~used).sum())
    frame = pd.DataFrame({"id": without_suffix(frame["path"]), "path": frame["path"]})
    others = frame[~used]
    frame = frame.assign(split=split)[used].reset_index(drop=True)
    classes = _classes(frame)
    if classes is None:
        return Source(frame, others=others, dropped=dropped, ignored=ignored)
    if is_wanted("class", wanted):
        frame["class"] = classes
    return Source(frame, labels=("class",), others=others, dropped=dropped, ignored=ignored)


def _scan(name: str, root: Path) -> tuple[list[str], dict[str, str], int]:
    """Return the images' paths, those without a usable name (and why), and how many others."""
    paths: list[str] = []
    dropped: dict[str, str] = {}
    ignored = 0
    try:
        for path in _walk(str(root), ""):
            if os.path.splitext(path)[1].lower() not in SUFFIXES:  # noqa: PTH122  fast
                ignored += 1
            elif path.isascii() or _is_text(path):
                paths.append(path)
            else:
                shown = path.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
                dropped[shown] = "the file's name is not UTF-8"
    except OSError as error:
        raise problem(name, f"{error.filename or root} cannot be read ({error.strerror})") from None
    return paths, dropped, ignored


def _walk(root: str, inside: str) -> Iterator[str]:
    """Yield the path, relative to `root`, of every file that is not hidden; follows links."""
    folders = [inside]
    while folders:
        inside = folders.pop()
        with os.scandir(os.path.join(root, inside)) as entries:  # noqa: PTH118  200,000 files
            for entry in entries:
                if entry.name.startswith("."):
                    continue
                if not entry.is_dir():
                    yield inside + entry.name
                elif not (entry.is_symlink() and _encloses(entry.path)):
                    folders.append(inside + entry.name + "/")


def _encloses(link: str) -> bool:
    """Tell whether a linked folder encloses the link itself, and would never end."""
    return Path(link).parent.resolve().is_relative_to(Path(link).resolve())


def _is_text(path: str) -> bool:
    try:
        path.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True


def _classes(frame: pd.DataFrame) -> pd.Series | None:
    """Return each image's class, missing outside class folders; None where there is no class."""
    parts = [path.split("/") for path in frame["path"]]
    first = 2 if frame["split"].notna().any() else 1  # split folders are no classes
    classes = [part[-2] if len(part) > first else None for part in parts]
    if not any(label is not None for label in classes):
        return None
    return pd.Series(np.array(classes, dtype=object), index=frame.index, dtype="str")
