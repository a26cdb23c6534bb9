"""Annotations as stored in the results: checked, clipped, each with its image's id."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from pathlib import Path

import pandas as pd

from anonbench.core.boxes import QUAD_COLUMNS, Region
from anonbench.core.io import write_parquet
from anonbench.datasets.annotations.corrections import Action, Correction, by_image
from anonbench.datasets.annotations.read import Annotations, gathered
from anonbench.datasets.annotations.rows import BOX, ROW_TYPES

STORED = ["id", "where", "action", "entity", *BOX, *QUAD_COLUMNS, "score"]
_TEXTS = ["id", "where", "action", "entity"]
_REGION = ["id", "entity", *BOX, *QUAD_COLUMNS]


def for_all_copies(found: Annotations, copies: pd.DataFrame, spread: bool) -> Annotations:
    """Return annotations of used images only, with the regions that their copies have.

    A removal applies only to the image that it names: if in doubt, more is hidden.

    Args:
        found: of used images and of copies that are left out.
        copies: the images of equal bytes: columns id, digest and kept (bool).
        spread: whether regions apply to all copies; otherwise only left out images are dropped.

    """
    left_out = set(copies.loc[~copies["kept"], "id"])
    rows = found.rows
    if spread:
        own = rows[rows["action"] == str(Action.ADD)] if "action" in rows else rows
        known = copies.loc[copies["kept"], ["digest", "id"]].rename(columns={"id": "copy"})
        shared = own.merge(copies[["digest", "id"]], on="id").merge(known, on="digest")
        shared = shared[shared["id"] != shared["copy"]]
        shared = shared.assign(id=shared["copy"])[rows.columns].drop_duplicates(_REGION)
        both = pd.concat([own[_REGION], shared[_REGION]], ignore_index=True)
        is_own = both.duplicated().to_numpy()[len(own) :]
        rows = pd.concat([rows, shared[~is_own]], ignore_index=True)
    rows = rows[~rows["id"].isin(left_out)].reset_index(drop=True)
    images = sorted({*found.images, *rows["id"]} - left_out)
    return replace(found, rows=rows, images=images)


def write_annotations(annotations: Annotations, path: Path) -> None:
    """Write the rows as Parquet (`STORED`); images without a row have one without an entity."""
    rows = annotations.rows
    bare = sorted(set(annotations.images) - set(rows["id"]))
    table = pd.concat([rows, pd.DataFrame({"id": bare})], ignore_index=True).reindex(columns=STORED)
    table[_TEXTS] = table[_TEXTS].astype("object").fillna("").astype(str)
    write_parquet(table.astype(ROW_TYPES), path)


def read_regions(path: Path, only: Collection[str]) -> dict[str, list[Region]]:
    """Return regions by image id, in their file's order.

    Images that the file lists without a box have an empty list, others are missing.

    Args:
        path: what `write_annotations` wrote.
        only: ids of the images to return.

    """
    table = _read(path, only)
    return gathered(table["id"], table[table["entity"] != ""])


def read_stored_corrections(path: Path, only: Collection[str]) -> dict[str, list[Correction]]:
    """Return corrections by image id, in their file's order; see `read_regions`."""
    return by_image(_read(path, only))


def _read(path: Path, only: Collection[str]) -> pd.DataFrame:
    return pd.read_parquet(path, filters=[("id", "in", set(only))])
