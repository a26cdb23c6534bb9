"""Originals as an image set: an index of files in their place.

Every read of a file compares it with its index. Copies that earlier versions made below a folder of
results are found, removed and reported.
"""

from __future__ import annotations

import logging
import re
import shlex
import tarfile
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

import numpy as np
import pandas as pd

from anonbench.core.io import remove_left_scratch, write_parquet
from anonbench.datasets.formats.pages import page_of

_TYPES = {
    "id": "str",
    "path": "str",
    "offset": "int64",
    "size": "int64",
    "width": "int64",
    "height": "int64",
    "digest": "str",
}
ORIGINAL_COLUMNS = list(_TYPES)
"""The index's columns: `path` is relative to the data set's root, `offset` would be the image's
place in a tar of the shard's files, `size` (bytes) and `digest` (SHA-256) are the file's."""

log = logging.getLogger(__name__)


def used_rows(manifest: pd.DataFrame, images: pd.DataFrame, keep: bool) -> pd.DataFrame:
    """Return the rows of a manifest that every variant of a shard has, sorted by id.

    Images that detection (columns `id`, `status`) could not read are left out; so are images in
    which nothing was found, unless `keep`.
    """
    wanted = {"ok", "partial"} | ({"empty"} if keep else set())
    used = set(images["id"][images["status"].isin(wanted)])
    return manifest[manifest["id"].isin(used)].sort_values("id")


def write_index(manifest: pd.DataFrame, images: pd.DataFrame, keep: bool, output: Path) -> None:
    """Write the index of a shard's `used_rows` (Parquet, `ORIGINAL_COLUMNS`); no image is read."""
    rows = used_rows(manifest, images, keep).rename(columns={"bytes": "size"})
    # in a tar of plain headers, a block each; all pages of a file are at the same place
    again, block = _is_same_file(rows), tarfile.BLOCKSIZE
    blocks = np.where(again, 0, 1 + -(-rows["size"].to_numpy(np.int64) // block))
    ends = np.cumsum(blocks)
    starts = np.maximum.accumulate(np.where(again, 0, ends - blocks))
    rows["offset"] = (starts + 1) * block
    write_parquet(rows[ORIGINAL_COLUMNS].astype(_TYPES), output)
    log.info("%d of %d images", len(rows), len(images))


def _is_same_file(rows: pd.DataFrame) -> np.ndarray:
    """Mask of images that are pages of the same file as the image before, bool [N]."""
    pages = rows["digest"].map(page_of).notna()
    same: np.ndarray = (pages & (rows["path"] == rows["path"].shift())).to_numpy(bool)
    return same


_ABOUT = (".digest", ".json")
"""Suffixes of files about a copy that contain none."""
_PLACE = "*/images/original"
"""Place of the originals' image sets below results."""
_SHARD = re.compile(r"(train|val)/(\.made/)?\.?\d+\.tar(\..+)?")
"""A shard of originals below that, or a part of one. Other files are not from anonbench."""


def find_copies(results: Path) -> list[Path]:
    """Return all files below a results folder that hold copies of originals, links included.

    These are shards of originals, of this version or an older one, complete, partly written or set
    aside, and their hidden links. Thumbnails for `presentation.show_originals` are not included.
    Symbolic links are not followed: their targets are no results.
    """
    return sorted(
        path
        for place in results.glob(_PLACE)
        for path in place.rglob("*")
        if _SHARD.fullmatch(path.relative_to(place).as_posix())
        and path.is_file()
        and path.parent.resolve() == results.resolve() / path.parent.relative_to(results)
    )


def remove_copies(copies: Iterable[Path]) -> None:
    """Remove copies of originals, and files of killed trainings in the temporary folder."""
    for path in copies:
        path.unlink(missing_ok=True)
        with suppress(OSError):  # the folder has other content
            path.parent.rmdir()
    remove_left_scratch()


def copies_message(results: Path) -> str | None:
    """Message about copies of originals; None without any."""
    # complete, partly written, set aside or linked
    copies = [path for path in find_copies(results) if path.suffix not in _ABOUT]
    if not copies:
        return None
    return (
        f"{results} holds copies of originals ({len(copies)} files, {copies[0]} for one), and "
        f"nothing needs them; `anonbench originals {shlex.quote(str(results))} --remove` removes "
        "them with all their links"
    )
