"""A folder of images: class folders or flat, with an official split from split folders."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from pathlib import Path

import pandas as pd

from anonbench.config import DataSource
from anonbench.core.vocabulary import Split
from anonbench.datasets.ids import id_problems, ids_of_files
from anonbench.datasets.source import Source, is_wanted, problem, require_folder
from anonbench.datasets.walk import FOLLOWED, TEST, name_reason, walk

_VAL = ("val", "validation")
_SPLITS = {"train": str(Split.TRAIN)} | dict.fromkeys(_VAL, str(Split.VAL))


def read(name: str, dataset: DataSource, wanted: Collection[str] | None) -> Source:
    """List a folder; column `class` is the parent folder's name where there are class folders.

    Sub-folders `train` and `val` (or `validation`) together are the official split; images
    elsewhere, `test` for one, are then not used. Hidden files and folders are ignored. InputError
    where the folder does not exist or cannot be read.
    """
    root = dataset.path
    require_folder(name, root)
    has_split = (root / "train").is_dir() and any((root / v).is_dir() for v in _VAL)
    paths, left, followed = _scan(name, root, tuple(_SPLITS) if has_split else ())
    frame = _with_ids(paths)
    split = pd.Series(None, index=frame.index, dtype="str")
    if has_split:
        split = frame["path"].str.partition("/")[0].map(_SPLITS).astype("str")
    problems = id_problems(frame["id"])
    hostile = problems != ""
    left |= dict(zip(frame["path"][hostile], "the file's name " + problems[hostile], strict=True))
    frame = frame.assign(split=split)[~hostile].reset_index(drop=True)
    classes = _classes(frame)
    if classes is not None and is_wanted("class", wanted):
        frame["class"] = classes
    labels = () if classes is None else ("class",)
    source = Source(frame, labels, left=left, followed=followed)
    if not has_split:
        return source
    found = walk(str(root), _SPLITS, everything=True, outside=True)
    others = _with_ids([path for path, reason in found if not (reason or name_reason(path))])
    others["reason"] = others["path"].map(_explain_outside).astype("str")
    return replace(source, others=others, explain=_explain_outside)


def _with_ids(paths: list[str]) -> pd.DataFrame:
    frame = pd.DataFrame({"path": paths}, dtype="str")
    return pd.DataFrame({"id": ids_of_files(frame["path"]), "path": frame["path"]})


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
    return pd.Series(classes, index=frame.index, dtype="str")
