"""The manifest: a table of readable images, with conversions, copies and images left out."""

import logging
from collections import Counter
from pathlib import Path

import pandas as pd

from anonbench.config import DataSource, Layout, OwnSplit
from anonbench.core.io import write_csv, write_parquet
from anonbench.core.jobs.job import warn_on_terminal
from anonbench.core.progress import track
from anonbench.core.provenance import file_digest
from anonbench.core.vocabulary import Split
from anonbench.core.wording import count, tally
from anonbench.datasets.clusters import warn_of_unnamed
from anonbench.datasets.documents import PAGE, page_numbers
from anonbench.datasets.formats.pixels import conversion_counts
from anonbench.datasets.given import reasons_of_given
from anonbench.datasets.headers import Header, Limits, look_at_all
from anonbench.datasets.listing import count_images, find_unused, read_source, root_of
from anonbench.datasets.source import problem
from anonbench.datasets.walk import COPY, is_quiet

CONVERTED = ["id", "path", PAGE, "converted"]  # the last one has conversions, by semicolons
COLUMNS = ["id", "path", "split", "width", "height", "bytes", "digest"]  # then come the labels

_LOG = logging.getLogger(__name__)


def write_manifest(
    name: str,
    dataset: DataSource,
    max_pixels: int,
    seed: int,
    output: Path,
    skipped: Path,
    duplicates: Path,
    converted: Path,
) -> None:
    """Look at every listed image; write the manifest, and what is left out, equal or converted.

    The manifest has `COLUMNS` (width and height upright, in pixels; digest as `page_digest`),
    perhaps `document_page`, and the label columns, sorted by id. Every other file goes to `skipped`
    (path, split, reason), images of equal bytes to `duplicates` (`find_copies`), converted ones to
    `converted` (`CONVERTED`). InputError: see `list_images`; also where a split has no image left.
    """
    source = read_source(name, dataset, seed)
    listed, root = source.images, root_of(dataset)
    limits = Limits(max_pixels, dataset.pdf_dpi)
    looks = look_at_all(root, limits, listed["path"].tolist(), page_numbers(listed))
    rows = list(track(looks, len(listed), f"{name}: manifest"))
    headers = pd.DataFrame(rows, columns=list(Header._fields), index=listed.index)
    reasons = headers.pop("reason")
    label = None if dataset.label is None else listed[dataset.label]
    if label is not None:
        reasons[label.isna() & (reasons == "")] = f"no label in the column {dataset.label}"
    whole = pd.concat([listed, headers], axis=1)
    readable = whole[reasons == ""]
    if dataset.given and len(readable):
        reasons[readable.index] = reasons_of_given(name, readable, dataset.given, limits)
    copies = find_copies(whole[reasons == ""])
    reasons[whole["id"].isin(copies.loc[~copies["kept"], "id"])] = COPY
    for split in Split:  # without a train split there is no training
        of_split = reasons[listed["split"] == str(split)]
        if len(of_split) and (of_split != "").all():
            why = tally(Counter(of_split))
            raise problem(name, f"no image of the split {split} can be used ({why})")
    late = listed[["path", "split"]].assign(reason=reasons)[reasons != ""]
    early = find_unused(source, root, dataset.layout is Layout.TABLE)
    skips = pd.concat([late, early.assign(split="")])
    skips = skips.sort_values(["path", "split"], ignore_index=True)
    write_csv(skips, skipped)
    write_csv(copies, duplicates)
    whole = whole[reasons == ""]
    if isinstance(dataset.split, OwnSplit) and dataset.split.by is not None:
        warn_of_unnamed(name, "split.by", whole, dataset.split.by)
    whole = whole.astype({"width": "int32", "height": "int32", "bytes": "int64", "digest": "str"})
    write_csv(whole[whole["converted"] != ""].reindex(columns=CONVERTED), converted)
    labels = [column for column in listed.columns if column not in COLUMNS]
    write_parquet(whole[[*COLUMNS, *labels]], output)
    counts = ", ".join(f"{number} {split}" for split, number in count_images(whole).items())
    _LOG.info("%s: %s; %d files left out", name, counts, len(skips))
    if changed := conversion_counts(whole["converted"]):
        images = count(int((whole["converted"] != "").sum()), "image")
        warn_on_terminal(_LOG, f"{name}: {images} converted ({tally(changed)}); see converted.csv")
    for reason, number in Counter(skips["reason"]).most_common():
        _LOG.info("%s: %d left out: %s", name, number, reason)
    pairs = zip(skips["path"], skips["reason"], strict=True)
    if loud := Counter(reason for path, reason in pairs if not is_quiet(path, reason)):
        text = f"{name}: {count(loud.total(), 'file')} left out ({tally(loud)})"
        warn_on_terminal(_LOG, text + "; see skipped/manifest.csv")
    warn_of_copies(name, copies, None if label is None else label.set_axis(listed["id"]))


COPY_COLUMNS = ["digest", "id", "split", "kept"]


def find_copies(images: pd.DataFrame) -> pd.DataFrame:
    """Return the images (id, split, digest) of equal bytes: `COPY_COLUMNS`, sorted.

    An image of train is not kept where val has its bytes; all others are.
    """
    twice = images[images["digest"].duplicated(keep=False)]
    is_val = twice["split"] == str(Split.VAL)
    kept = is_val | ~twice["digest"].isin(twice.loc[is_val, "digest"])
    copies = twice.assign(kept=kept.astype(bool))[COPY_COLUMNS]
    return copies.sort_values(["digest", "split", "id"], ignore_index=True)


def read_copies(path: Path) -> pd.DataFrame:
    """Table of `find_copies`, read from its CSV."""
    types = {"digest": str, "id": str, "split": str, "kept": bool}
    return pd.read_csv(path, dtype=types, keep_default_na=False)


def left_out_copies(copies: pd.DataFrame, used: pd.DataFrame, listed: pd.DataFrame) -> pd.DataFrame:
    """Return the images left out for their copies: id, path, width, height, digest.

    `copies` are those of `find_copies`, `used` is the manifest, `listed` has id and path of all.
    """
    return _sized(copies.loc[~copies["kept"], ["id", "digest"]].merge(listed, on="id"), used)


def _sized(images: pd.DataFrame, used: pd.DataFrame) -> pd.DataFrame:
    sizes = used[["digest", "width", "height"]].drop_duplicates("digest")
    return images.merge(sizes, on="digest")[["id", "path", "width", "height", "digest"]]


def copies_of_used(root: Path, used: pd.DataFrame, others: pd.DataFrame) -> pd.DataFrame:
    """Return the images (id, path) that are listed and not used, but equal to a used one.

    Only files of a used image's size are read. Columns id, path, width, height, digest.
    """
    sizes, digests, unread = set(used["bytes"].tolist()), [""] * len(others), 0
    for row, path in enumerate(others["path"]):
        try:
            if (root / path).stat().st_size in sizes:
                digests[row] = file_digest(root / path)
        except OSError:
            unread += 1
    if unread:
        text = "unused images cannot be read: regions marked in them are not applied to used copies"
        warn_on_terminal(_LOG, f"{unread} {text}")
    digest = pd.Series(digests, others.index, dtype="str")
    return _sized(others[["id", "path"]].assign(digest=digest), used)


def warn_of_copies(name: str, copies: pd.DataFrame, labels: pd.Series | None) -> None:
    """Warn on the terminal about copies, and whether their labels (by id) agree."""
    if copies.empty:
        return
    contents = count(copies["digest"].nunique(), "different image")
    text = f"{name}: {len(copies)} files show only {contents} (equal bytes)"
    if left := int((~copies["kept"]).sum()):
        text += f"; {left} of them left out of train, because val has them"
    if labels is not None:
        given = labels.reindex(copies["id"]).groupby(copies["digest"].to_numpy()).nunique()
        if differing := int((given > 1).sum()):
            text += f"; {differing} of these images have two labels"
    warn_on_terminal(_LOG, text + "; see duplicates.csv")
