"""Images that were added, removed or changed since a manifest was made."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import pandas as pd

from anonbench.core.provenance import file_digest
from anonbench.datasets.formats.pages import file_digest_of
from anonbench.datasets.source import read_csv


def changed_images(root: Path, listed: Iterable[str], manifest: Path) -> dict[str, list[str]]:
    """Return images, relative to `root`, that were added, removed or changed since a manifest.

    Only files of another size, or touched since then, are read.
    """
    before = pd.read_parquet(manifest, columns=["path", "bytes", "digest"])
    before = before.drop_duplicates("path").set_index("path")  # pages have one file
    skipped = read_csv(manifest.parent / "skipped" / "manifest.csv")["path"]
    stats = {path: (root / path).stat() for path in listed if (root / path).exists()}
    since = manifest.stat().st_mtime
    touched = [
        path
        for path, stat in stats.items()
        if path in before.index
        and (stat.st_size != before.at[path, "bytes"] or max(stat.st_mtime, stat.st_ctime) > since)
    ]
    return {
        "added": sorted({*stats} - {*before.index, *skipped}),
        "removed": sorted({*before.index} - {*stats}),
        "changed": sorted(p for p in touched if _is_other(root / p, str(before.at[p, "digest"]))),
    }


def _is_other(file: Path, digest: str) -> bool:
    return file_digest(file) != file_digest_of(digest)
