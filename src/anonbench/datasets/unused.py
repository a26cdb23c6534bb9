"""Files of a data folder that are not used, each with its reason."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from pathlib import Path

import pandas as pd

from anonbench.datasets.files import reasons
from anonbench.datasets.files.walk import Entry, files_in, walk
from anonbench.datasets.source import Source


def find_unused(source: Source, root: Path, named: bool) -> pd.DataFrame:
    """Return path and reason of every file below `root` that a data set does not list, sorted.

    Hidden files count; a linked folder that is not looked into is one row.

    Args:
        source: the images, and what is known of others.
        root: the folder that their paths are relative to.
        named: the images are named one by one, by a table that may lie in a folder of other things:
            look only into the folders of these images, wherever they are, and not below them.

    """
    paths = source.images["path"].tolist()
    known = dict(zip(source.others["path"], source.others["reason"], strict=True))
    found = _beside(root, paths, known) if named else walk(str(root), everything=True)
    used = {*paths, *source.followed}
    rows = {
        e.path: known.get(e.path) or _reason(source, e) for e in found if e.path not in used
    } | source.left
    for path, reason in rows.items():
        if reason == reasons.NOT_IMAGE:
            rows[path] = reasons.by_content(f"{root}/{path}")
    shown = [(reasons.shown(path), reason) for path, reason in rows.items()]
    table = pd.DataFrame(shown, columns=["path", "reason"], dtype="str")
    return table.sort_values(["path", "reason"], ignore_index=True)


def _reason(source: Source, entry: Entry) -> str:
    if entry.reason:
        return entry.reason
    return source.explain(entry.path) if reasons.is_text(entry.path) else reasons.NOT_UTF8


def _beside(root: Path, paths: Iterable[str], known: Iterable[str]) -> Iterator[Entry]:
    """Yield the files in the folders of listed images that are none of `paths`."""
    used: dict[str, set[str]] = {}
    for path in paths:
        folder, name = os.path.split(path)
        used.setdefault(folder, set()).add(name)
    for path in known:
        used.setdefault(os.path.dirname(path), set())  # noqa: PTH120
    shown: dict[str, str] = {}
    names: dict[str, set[str]] = {}
    for folder in sorted(used):  # one folder may be written in several ways
        real = os.path.realpath(os.path.join(root, folder))  # noqa: PTH118
        shown.setdefault(real, folder)
        names.setdefault(real, set()).update(used[folder])
    for real, folder in shown.items():
        for name, reason in files_in(real):
            if name not in names[real]:
                yield Entry(os.path.join(folder, name), reason)  # noqa: PTH118
