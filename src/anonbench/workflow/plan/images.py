"""Which files of a data folder are others than when its manifest was made."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import pandas as pd

from anonbench.core.provenance import file_digest

SEARCHED = 2_000
"""Files that are opened at most to find what they hold."""


def changed_images(
    root: Path, listed: Iterable[str], manifest: Path, since: float
) -> dict[str, list[str]] | None:
    """Return files that were added, removed or changed, and those that only may have been.

    A file of the same size counts as changed where its content is another one. Only those are
    opened that were touched (modified, moved, or replaced by a file with an older time) since.

    Args:
        root: the data set's folder.
        listed: its images now, relative to the folder.
        manifest: what was made of them before.
        since: when that was begun, in seconds as files are dated.

    Returns:
        Sorted paths under `added`, `removed`, `changed`, and under `touched` where too many files
        were touched to look into each; None where there is no manifest.

    """
    if not manifest.exists():
        return None
    before = pd.read_parquet(manifest, columns=["path", "bytes", "digest"])
    known = before.set_index("path")
    now = {path for path in listed if (root / path).exists()}
    both = sorted(now & set(known.index))
    sizes = dict(zip(before["path"], before["bytes"], strict=True))
    touched = [path for path in both if _touched(root / path, sizes[path], since)]
    skipped = _skipped(manifest)
    found = {
        "added": sorted(now - set(known.index) - skipped),
        "removed": sorted(set(known.index) - now),
        "changed": [],
        "touched": [],
    }
    if len(touched) > SEARCHED:
        found["touched"] = touched
    else:
        found["changed"] = [
            path for path in touched if file_digest(root / path) != known.at[path, "digest"]
        ]
    return found


def _touched(file: Path, size: int, since: float) -> bool:
    stat = file.stat()
    return stat.st_size != size or max(stat.st_mtime, stat.st_ctime) > since


def _skipped(manifest: Path) -> set[str]:
    """Return files that were there before and could not be used."""
    path = manifest.parent / "skipped" / "manifest.csv"
    return set(pd.read_csv(path, dtype=str)["path"]) if path.exists() else set()
