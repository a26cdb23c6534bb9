"""A folder of images: class folders or flat, with an official split from split folders."""

from __future__ import annotations

from collections.abc import Collection
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd

from anonbench.config import DataSource
from anonbench.core.vocabulary import Split
from anonbench.datasets.ids import id_problems, ids_of_files
from anonbench.datasets.source import OTHERS, Source, is_wanted, problem, require_folder
from anonbench.datasets.walk import FOLLOWED, TEST, name_reason, suffix_reason, walk

_VAL = ("val", "validation")
_SPLITS = {"train": str(Split.TRAIN)} | dict.fromkeys(_VAL, str(Split.VAL))


def read(name: str, dataset: DataSource, wanted: Collection[str] | None) -> Source:
    """List a folder; column `class` is the parent folder's name where there are class folders.

    An id is the path without suffix, or with it where two files differ in nothing else.
    Sub-folders `train` and `val` (or `validation`) together are the official split; images
    elsewhere, `test` for one, are then not used. Hidden files and folders are ignored.
    InputError where the folder does not exist or cannot be read.
    """
    root = dataset.path
    require_folder(name, root)
    has_split = (root / "train").is_dir() and any((root / v).is_dir() for v in _VAL)
    paths, left, followed = _scan(name, root, tuple(_SPLITS) if has_split else ())
    others = _outside(root) if has_split else pd.DataFrame(columns=OTHERS, dtype="str")
    frame = pd.DataFrame({"path": paths}, dtype="str")
    split = pd.Series(None, index=frame.index, dtype="str")
    if has_split:
        split = frame["path"].str.partition("/")[0].map(_SPLITS).astype("str")
    frame = pd.DataFrame({"id": ids_of_files(frame["path"]), "path": frame["path"]})
    problems = id_problems(frame["id"])
    hostile = problems != ""
    left |= dict(zip(frame["path"][hostile], "the file's name " + problems[hostile], strict=True))
    frame = frame.assign(split=split)[~hostile].reset_index(drop=True)
    explain = _explain_outside if has_split else suffix_reason
    listed = partial(Source, others=others, left=left, followed=followed, explain=explain)
    classes = _classes(frame)
    if classes is None:
        return listed(frame)
    if is_wanted("class", wanted):
        frame["class"] = classes
    return listed(frame, labels=("class",))


def _outside(root: Path) -> pd.DataFrame:
    """Return id, path and reason of the images in none of the split folders."""
    found = walk(str(root), _SPLITS, everything=True, outside=True)
    paths = [path for path, reason in found if not (reason or name_reason(path))]
    frame = pd.DataFrame({"path": paths}, dtype="str")
    frame.insert(0, "id", ids_of_files(frame["path"]))
    return frame.assign(reason=frame["path"].map(_explain_outside).astype("str"))


def _explain_outside(path: str) -> str:
    return TEST if path.startswith("test/") else "outside the folders train and val"


def _scan(
    name: str, root: Path, only: Collection[str]
) -> tuple[list[str], dict[str, str], frozenset[str]]:
    """Return the images' paths, the other files with the reason, and the links followed."""
    paths: list[str] = []
    left: dict[str, str] = {}
    followed = set()
    try:
        for path, reason in walk(str(root), only):
            if reason == FOLLOWED:
                followed.add(path)
            elif why := reason or name_reason(path):
                left[path] = why
            else:
                paths.append(path)
    except OSError as error:
        raise problem(name, f"{error.filename or root} cannot be read ({error.strerror})") from None
    return paths, left, frozenset(followed)


def _classes(frame: pd.DataFrame) -> pd.Series | None:
    """Return each image's class, missing outside class folders; None where there is no class."""
    parts = [path.split("/") for path in frame["path"]]
    first = 2 if frame["split"].notna().any() else 1  # split folders are no classes
    classes = [part[-2] if len(part) > first else None for part in parts]
    if not any(label is not None for label in classes):
        return None
    return pd.Series(np.array(classes, dtype=object), index=frame.index, dtype="str")
