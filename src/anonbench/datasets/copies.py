"""Images of equal bytes, and those left out, so that splits share none."""

from __future__ import annotations

import logging
from pathlib import Path

import pandas as pd

from anonbench.core.jobs.job import warn_on_terminal
from anonbench.core.provenance import file_digest
from anonbench.core.vocabulary import Split

_LOG = logging.getLogger(__name__)
COLUMNS = ["digest", "id", "split", "kept"]


def find_copies(images: pd.DataFrame) -> pd.DataFrame:
    """Return the images (id, split, digest) whose bytes another one has too: `COLUMNS`, sorted.

    An image of train is not kept where val has its bytes; all others are.
    """
    twice = images[images["digest"].duplicated(keep=False)]
    in_val = set(twice.loc[twice["split"] == str(Split.VAL), "digest"])
    kept = (twice["split"] == str(Split.VAL)) | ~twice["digest"].isin(in_val)
    copies = twice.assign(kept=kept.astype(bool))[COLUMNS]
    return copies.sort_values(["digest", "split", "id"], ignore_index=True)


def read_copies(path: Path) -> pd.DataFrame:
    """Table of `find_copies`, read from its CSV."""
    types = {"digest": str, "id": str, "split": str, "kept": bool}
    return pd.read_csv(path, dtype=types, keep_default_na=False)


def left_out_copies(copies: pd.DataFrame, used: pd.DataFrame, listed: pd.DataFrame) -> pd.DataFrame:
    """Return the images left out for their copies: id, path, width, height, digest.

    Args:
        copies: see `find_copies`.
        used: the manifest, columns width, height and digest.
        listed: all images, columns id and path.
    """
    left = copies.loc[~copies["kept"], ["id", "digest"]].merge(listed, on="id")
    sizes = used[["digest", "width", "height"]].drop_duplicates("digest")
    return left.merge(sizes, on="digest")[["id", "path", "width", "height", "digest"]]


def copies_of_used(root: Path, used: pd.DataFrame, others: pd.DataFrame) -> pd.DataFrame:
    """Return the images (id, path) that are listed and not used, but equal to a used one.

    Only files of a used image's size are read. Columns id, path, width, height, digest.
    """
    by_digest = used.drop_duplicates("digest").set_index("digest")
    sizes, rows, unread = set(used["bytes"].tolist()), [], 0
    for image_id, path in zip(others["id"], others["path"], strict=True):
        try:
            is_candidate = (root / path).stat().st_size in sizes
            digest = file_digest(root / path) if is_candidate else ""
        except OSError:
            unread += 1
            continue
        if digest in by_digest.index:
            width, height = by_digest.loc[digest, ["width", "height"]]
            rows.append((image_id, path, width, height, digest))
    if unread:
        warn_on_terminal(
            _LOG,
            f"{unread} unused images cannot be read: regions marked in them are not "
            "applied to used copies",
        )
    return pd.DataFrame(rows, columns=["id", "path", "width", "height", "digest"])


def warn_of_copies(name: str, copies: pd.DataFrame, labels: pd.Series | None) -> None:
    """Warn on the terminal about copies, and whether their labels (by id) agree."""
    if copies.empty:
        return
    contents = copies["digest"].nunique()
    text = f"{name}: {len(copies)} files hold {contents} images (equal bytes)"
    if left := int((~copies["kept"]).sum()):
        text += f"; {left} of them left out of train, because val has them"
    if labels is not None:
        given = labels.reindex(copies["id"]).groupby(copies["digest"].to_numpy()).nunique()
        if differing := int((given > 1).sum()):
            text += f"; {differing} of these images have two labels"
    warn_on_terminal(_LOG, text + "; see duplicates.csv")
