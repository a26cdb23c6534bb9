"""Annotations of images of equal bytes, shared by all copies."""

from __future__ import annotations

from dataclasses import replace

import pandas as pd

from anonbench.core.boxes import QUAD_COLUMNS
from anonbench.datasets.annotations.corrections import Action
from anonbench.datasets.annotations.read import Annotations
from anonbench.datasets.annotations.rows import BOX

_REGION = ["id", "entity", *BOX, *QUAD_COLUMNS]


def for_all_copies(found: Annotations, copies: pd.DataFrame, spread: bool) -> Annotations:
    """Return annotations of used images alone, with the regions that their copies have.

    A removal counts for the image that it names alone: where in doubt, more is hidden.

    Args:
        found: of used images and of copies that are left out.
        copies: the images of equal bytes: columns id, digest and kept (bool).
        spread: whether regions count for all copies; otherwise only left out images are dropped.

    """
    left_out = set(copies.loc[~copies["kept"], "id"])
    rows = found.rows
    if spread:
        rows = pd.concat([rows, _of_others(rows, copies)], ignore_index=True)
    rows = rows[~rows["id"].isin(left_out)].reset_index(drop=True)
    images = sorted({*found.images, *rows["id"]} - left_out)
    return replace(found, rows=rows, images=images)


def _of_others(rows: pd.DataFrame, copies: pd.DataFrame) -> pd.DataFrame:
    """Return the regions that an image gets from its copies and does not have by itself."""
    known = copies.loc[copies["kept"], ["digest", "id"]].rename(columns={"id": "copy"})
    regions = rows[rows["action"] == str(Action.ADD)] if "action" in rows else rows
    shared = regions.merge(copies[["digest", "id"]], on="id").merge(known, on="digest")
    shared = shared[shared["id"] != shared["copy"]]
    shared = shared.assign(id=shared["copy"])[rows.columns].drop_duplicates(_REGION)
    both = pd.concat([regions[_REGION], shared[_REGION]], ignore_index=True)
    is_own = both.duplicated().to_numpy()[len(regions) :]
    return shared[~is_own]
