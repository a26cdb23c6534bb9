"""The manifest: one table of a data set's readable images, and one of those that were skipped."""

from __future__ import annotations

import hashlib
import logging
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

import pandas as pd

from anonbench.config import DataSource, Layout
from anonbench.core.errors import UnreadableImage
from anonbench.core.io import write_csv, write_parquet
from anonbench.core.jobs.job import warn_on_terminal
from anonbench.core.progress import track
from anonbench.core.vocabulary import Split
from anonbench.datasets.copies import find_copies, warn_of_copies
from anonbench.datasets.images import max_bytes, open_checked, read_file, upright_size
from anonbench.datasets.listing import count_images, read_source, root_of
from anonbench.datasets.reasons import COPY, is_quiet
from anonbench.datasets.source import problem
from anonbench.datasets.unused import find_unused

COLUMNS = ["id", "path", "split", "width", "height", "bytes", "digest"]
"""The manifest's columns before the label columns."""

_LOG = logging.getLogger(__name__)
_THREADS = 8
_CHUNK = 64
_SHOWN = 6
"""Reasons that the terminal names."""


class Header(NamedTuple):
    """What one look at an image file gives, or why it is skipped."""

    width: int
    height: int
    bytes: int
    digest: str
    reason: str


def write_manifest(
    name: str,
    dataset: DataSource,
    max_pixels: int,
    seed: int,
    output: Path,
    skipped: Path,
    duplicates: Path,
) -> None:
    """Look at every listed image; write the manifest, the skipped files and the equal images.

    The manifest has `COLUMNS` (width and height upright, in pixels; digest is SHA-256) and the
    label columns, sorted by id. Every other file below the data folder goes to `skipped` (path,
    split, reason): files that are missing, damaged, animated or larger than `max_pixels`, images
    without the data set's label, images of train whose bytes val has, and, without a split, all
    that is not listed (`find_unused`). Images of equal bytes go to `duplicates` (`find_copies`).

    Raises:
        InputError: see `list_images`; also where a split has no image left.

    """
    source = read_source(name, dataset, seed)
    listed = source.images
    looks = _look_at_all(root_of(dataset), max_pixels, listed["path"].tolist())
    rows = list(track(looks, len(listed), f"{name}: manifest"))
    headers = pd.DataFrame(rows, columns=list(Header._fields), index=listed.index)
    reasons = headers.pop("reason")
    label = None if dataset.label is None else listed[dataset.label]
    if label is not None:
        reasons[label.isna() & (reasons == "")] = f"no label in the column {dataset.label}"
    whole = pd.concat([listed, headers], axis=1)
    copies = find_copies(whole[reasons == ""])
    reasons[whole["id"].isin(copies.loc[~copies["kept"], "id"])] = COPY
    _require_both(name, listed["split"], reasons)
    late = listed[["path", "split"]].assign(reason=reasons)[reasons != ""]
    early = find_unused(source, root_of(dataset), dataset.layout is Layout.TABLE)
    skips = pd.concat([late, early.assign(split="")])
    skips = skips.sort_values(["path", "split"], ignore_index=True)
    write_csv(skips, skipped)
    write_csv(copies, duplicates)
    whole = whole[reasons == ""]
    whole = whole.astype({"width": "int32", "height": "int32", "bytes": "int64", "digest": "str"})
    labels = [column for column in listed.columns if column not in COLUMNS]
    write_parquet(whole[[*COLUMNS, *labels]], output)
    counts = ", ".join(f"{count} {split}" for split, count in count_images(whole).items())
    _LOG.info("%s: %s; %d files left out", name, counts, len(skips))
    _warn_of_skips(name, skips)
    warn_of_copies(name, copies, None if label is None else label.set_axis(listed["id"]))


def _warn_of_skips(name: str, skips: pd.DataFrame) -> None:
    """Log how many files are left out, by reason; on the terminal those that look like images."""
    every = Counter(skips["reason"])
    for reason, count in every.most_common():
        _LOG.info("%s: %d left out: %s", name, count, reason)
    loud = Counter(
        reason
        for path, reason in zip(skips["path"], skips["reason"], strict=True)
        if not is_quiet(path, reason)
    )
    if loud:
        shown = [f"{count}: {reason}" for reason, count in loud.most_common(_SHOWN)]
        more = ["…"] if len(loud) > _SHOWN else []
        text = f"{name}: {loud.total()} files are left out ({'; '.join(shown + more)})"
        warn_on_terminal(_LOG, text + "; see skipped/manifest.csv")


def _look(root: Path, max_pixels: int, path: str) -> Header:
    """Return size and digest of the same bytes: the file may be replaced at any time."""
    try:
        data = read_file(root / path, max_bytes(max_pixels))
        with open_checked(data, max_pixels) as image:
            width, height = upright_size(image)
        if width * height == 1:  # blurred or pixelated it would show itself
            raise UnreadableImage("a single pixel")
    except UnreadableImage as error:
        return Header(0, 0, 0, "", str(error))
    return Header(width, height, len(data), hashlib.sha256(data).hexdigest(), "")


def _look_at_all(root: Path, max_pixels: int, paths: list[str]) -> Iterator[Header]:
    """Yield the headers in order; threads wait for the disk, each for some files at a time."""

    def look(start: int) -> list[Header]:
        return [_look(root, max_pixels, path) for path in paths[start : start + _CHUNK]]

    with ThreadPoolExecutor(_THREADS) as threads:
        for headers in threads.map(look, range(0, len(paths), _CHUNK)):
            yield from headers


def _require_both(name: str, splits: pd.Series, reasons: pd.Series) -> None:
    """Raise InputError where every image of a split has a reason not to be used."""
    for split in Split:
        of_split = reasons[splits == str(split)]
        if (of_split != "").all():
            why = Counter(of_split).most_common(3)
            shown = "; ".join(f"{times}: {reason}" for reason, times in why)
            raise problem(name, f"no image of the split {split} can be used ({shown})")
