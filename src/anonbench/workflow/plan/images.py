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
    file), are read and compared; where they are too many, all of them are `touched`.

    Args:
        root: folder of the data set.
        listed: images now, relative to the folder.
        manifest: Parquet table with columns path, bytes and digest.

    Returns:
        Sorted paths by what became of them: added, removed, changed, touched.

    """
    before = pd.read_parquet(manifest, columns=["path", "bytes", "digest"]).set_index("path")
    skipped = pd.read_csv(manifest.parent / "skipped" / "manifest.csv", dtype=str)["path"]
    since = manifest.stat().st_mtime
    stats = {path: (root / path).stat() for path in listed if (root / path).exists()}
    touched = sorted(
        path
        for path, stat in stats.items()
        if path in before.index
        and (stat.st_size != before.at[path, "bytes"] or max(stat.st_mtime, stat.st_ctime) > since)
    )
    changes = {
        "added": sorted({*stats} - {*before.index} - {*skipped}),
        "removed": sorted({*before.index} - {*stats}),
    }
    if len(touched) > SEARCHED:
        changes["touched"] = touched
    else:
        changes["changed"] = [
            path for path in touched if file_digest(root / path) != before.at[path, "digest"]
        ]
    return {what: paths for what, paths in changes.items() if paths}
