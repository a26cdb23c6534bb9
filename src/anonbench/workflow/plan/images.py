"""Images of a data folder that differ from those in its manifest."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import pandas as pd

from anonbench.core.provenance import file_digest

SEARCHED = 2_000
"""Files that are read at most."""


def changed_images(root: Path, listed: Iterable[str], manifest: Path) -> dict[str, list[str]]:
    """Return images that were added, removed or changed since a manifest was made.

    Only files with another size, or touched since then (modified, moved or replaced by an older
    file), are read and compared.

    Args:
        root: folder of the data set.
        listed: images now, relative to the folder.
        manifest: Parquet table with columns path, bytes and digest.

    Returns:
        Sorted paths by what became of them: `added`, `removed`, `changed`; `touched` in place of
        `changed` where too many were touched to read them all. No key for what has no images.

    """
    before = pd.read_parquet(manifest, columns=["path", "bytes", "digest"]).set_index("path")
    since = manifest.stat().st_mtime
    now = {path for path in listed if (root / path).exists()}
    stats = {path: (root / path).stat() for path in now & {*before.index}}
    touched = sorted(
        path
        for path, stat in stats.items()
        if stat.st_size != before.at[path, "bytes"] or max(stat.st_mtime, stat.st_ctime) > since
    )
    few = len(touched) <= SEARCHED
    changed = [
        path for path in touched if few and file_digest(root / path) != before.at[path, "digest"]
    ]
    found = {
        "added": sorted(now - {*before.index} - _unusable(manifest)),
        "removed": sorted({*before.index} - now),
        "changed": changed,
        "touched": [] if few else touched,
    }
    return {what: paths for what, paths in found.items() if paths}


def _unusable(manifest: Path) -> set[str]:
    """Return images that were left out of the manifest."""
    path = manifest.parent / "skipped" / "manifest.csv"
    return set(pd.read_csv(path, dtype=str)["path"]) if path.exists() else set()
