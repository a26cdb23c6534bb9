"""Originals as an image set: an index of files in their place.

Every read of a file compares it with its index.
"""

from __future__ import annotations

import logging
from pathlib import Path

import pandas as pd

from anonbench.core.io import write_parquet

_TYPES = {
    "id": "str",
    "path": "str",
    "size": "int64",
    "width": "int64",
    "height": "int64",
    "digest": "str",
}
ORIGINAL_COLUMNS = list(_TYPES)
"""The index's columns: `path` is relative to the data set's root, `size` (bytes) and `digest`
(SHA-256) are the file's."""

log = logging.getLogger(__name__)


def used_rows(manifest: pd.DataFrame, images: pd.DataFrame, keep: bool) -> pd.DataFrame:
    """Rows of a manifest that every variant of a shard has, sorted by id.

    Left out are images that detection (columns `id`, `status`) could not read and, unless `keep`,
    those in which nothing was found.
    """
    wanted = {"ok", "partial"} | ({"empty"} if keep else set())
    used = set(images["id"][images["status"].isin(wanted)])
    return manifest[manifest["id"].isin(used)].sort_values("id")


def write_index(manifest: pd.DataFrame, images: pd.DataFrame, keep: bool, output: Path) -> None:
    """Write the index of a shard's `used_rows` (Parquet, `ORIGINAL_COLUMNS`); no image is read."""
    rows = used_rows(manifest, images, keep).rename(columns={"bytes": "size"})
    write_parquet(rows[ORIGINAL_COLUMNS].astype(_TYPES), output)
    log.info("%d of %d images", len(rows), len(images))
