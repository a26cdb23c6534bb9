"""Originals as an image set: an index of files in their place, and copies on request.

Every read of a file compares it with its index, wherever it is stored. Copies below a folder of
results are found, removed and reported.
"""

from __future__ import annotations

import io
import logging
import re
import shlex
import tarfile
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

import numpy as np
import pandas as pd

from anonbench.core.io import open_private, partial_path, remove_left_scratch, write_parquet
from anonbench.core.progress import track
from anonbench.datasets.formats.pages import page_of
from anonbench.datasets.images import read_original

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
"""The index's columns: `path` is relative to the data set's root, `offset` is the image's place in
the shard's copy, `size` (bytes) and `digest` (SHA-256) are the file's."""

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


def copy_shard(index: pd.DataFrame, root: Path, output: Path) -> None:
    """Copy a shard's originals (rows of its index) into one tar that only its owner may read.

    Members are the unchanged files, numbered, one for all pages of a document; the index maps
    images to members.

    Raises:
        ChangedImage: a file no longer matches the index.
    """
    for folder in (output.parent.parent, output.parent):
        folder.mkdir(mode=0o700, exist_ok=True)
        folder.chmod(0o700)
    part = partial_path(output)
    files = index[~_is_same_file(index)]
    columns = (files[name].tolist() for name in ("id", "path", "offset", "size", "digest"))
    try:
        with (
            open_private(part) as file,
            tarfile.open(fileobj=file, mode="w", format=tarfile.USTAR_FORMAT) as tar,
        ):
            rows = track(zip(*columns, strict=True), len(files), "originals copied")
            for number, (image_id, path, offset, size, digest) in enumerate(rows):
                data = read_original(image_id, root / path, size, digest)
                member = tarfile.TarInfo(f"{number:08d}")
                member.size, member.mode = size, 0o600
                tar.addfile(member, io.BytesIO(data))
                if tar.offset != offset + -(-size // tarfile.BLOCKSIZE) * tarfile.BLOCKSIZE:
                    raise ValueError(f"{output}: image {image_id!r} is not at its offset")
        part.replace(output)
    finally:
        part.unlink(missing_ok=True)


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


def copies_message(results: Path, wanted: Iterable[str] = ()) -> str | None:
    """Message about copies of originals that no data set in `wanted` asks for; None without any."""
    requested = set(wanted)
    copies = [  # complete, partly written, set aside or linked
        path
        for path in find_copies(results)
        if path.suffix not in _ABOUT and path.relative_to(results).parts[0] not in requested
    ]
    if not copies:
        return None
    return (
        f"{results} holds copies of originals ({len(copies)} files, {copies[0]} for one), and "
        f"nothing needs them; `anonbench originals {shlex.quote(str(results))} --remove` removes "
        "them with all their links"
    )
