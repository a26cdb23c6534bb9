"""The manifest: one table of a data set's readable images, and one of those that were skipped."""

from __future__ import annotations

import hashlib
import logging
from collections import Counter
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

import pandas as pd

from anonbench.config import DataSource
from anonbench.datasets.listing import count_images, read_source, root_of
from anonbench.datasets.source import problem
from anonbench.errors import UnreadableImage
from anonbench.files import write_csv, write_parquet
from anonbench.images import max_bytes, open_checked, read_file, upright_size
from anonbench.progress import track

COLUMNS = ["id", "path", "split", "width", "height", "bytes", "digest"]
"""The manifest's columns before the label columns."""

_LOG = logging.getLogger(__name__)
_THREADS = 8
_CHUNK = 64


class Header(NamedTuple):
    """What one look at an image file gives, or why it is skipped."""

    width: int
    height: int
    bytes: int
    digest: str
    reason: str


def write_manifest(
    name: str, dataset: DataSource, max_pixels: int, seed: int, output: Path, skipped: Path
) -> None:
    """Look at every listed image and write the manifest and the table of skipped files.

    The manifest has `COLUMNS` (width and height upright, in pixels; digest is SHA-256) and the
    label columns, sorted by id. Files that are missing, damaged, no images, animated or larger than
    `max_pixels`, and images without the data set's label, go to `skipped` (path, split, reason).

    Raises:
        InputError: see `list_images`; also where a split has no image left.

    """
    source = read_source(name, dataset, seed)
    listed = source.images
    looks = _look_at_all(root_of(dataset), max_pixels, listed["path"].tolist())
    rows = list(track(looks, len(listed), f"{name}: manifest"))
    headers = pd.DataFrame(rows, columns=list(Header._fields), index=listed.index)
    if dataset.label is not None:
        unlabelled = listed[dataset.label].isna() & (headers["reason"] == "")
        headers.loc[unlabelled, "reason"] = f"no label in the column {dataset.label}"
    used = headers["reason"] == ""
    skips = _skips(listed[~used], headers["reason"][~used], source.dropped)
    whole = pd.concat([listed, headers.drop(columns="reason")], axis=1)[used]
    labels = [column for column in listed.columns if column not in COLUMNS]
    _require_both(name, listed, whole, headers["reason"])
    write_csv(skips, skipped)
    whole = whole.astype({"width": "int32", "height": "int32", "bytes": "int64", "digest": "str"})
    write_parquet(whole[[*COLUMNS, *labels]], output)
    counts = ", ".join(f"{count} {split}" for split, count in count_images(whole).items())
    text = "%s: %s; %d skipped, %d other files ignored"
    _LOG.info(text, name, counts, len(skips), source.ignored)
    for reason, count in Counter(skips["reason"]).most_common():
        _LOG.warning("%s: %d skipped: %s", name, count, reason)


def _skips(listed: pd.DataFrame, reasons: pd.Series, dropped: Mapping[str, str]) -> pd.DataFrame:
    """Return path, split and reason; files that no list names have no split."""
    frame = listed[["path", "split"]].assign(reason=reasons)
    rows = [(path, "", reason) for path, reason in dropped.items()]
    both = pd.concat([frame, pd.DataFrame(rows, columns=frame.columns)])
    return both.sort_values(["path", "split"], ignore_index=True)


def _look(root: Path, max_pixels: int, path: str) -> Header:
    """Return size and digest of the same bytes: the file may be replaced at any time."""
    try:
        data = read_file(root / path, max_bytes(max_pixels))
        with open_checked(data, max_pixels) as image:
            width, height = upright_size(image)
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


def _require_both(name: str, listed: pd.DataFrame, used: pd.DataFrame, reasons: pd.Series) -> None:
    """Raise InputError where a split has no image left."""
    for split, count in count_images(used).items():
        if count == 0:
            why = Counter(reasons[listed["split"] == str(split)]).most_common(3)
            shown = "; ".join(f"{times}: {reason}" for reason, times in why)
            raise problem(name, f"no image of the split {split} can be used ({shown})")
