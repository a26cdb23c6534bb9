"""Corrections of detected regions, from a user's file: regions to add and to remove."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

import numpy as np
import pandas as pd

from anonbench.core.boxes import Region
from anonbench.core.errors import InputError
from anonbench.core.vocabulary import Entity
from anonbench.datasets.annotations.keys import Images
from anonbench.datasets.annotations.read import Annotations, matched
from anonbench.datasets.annotations.rows import BOX, regions_of
from anonbench.datasets.annotations.table import load_texts, make_rows

OVERLAP = 0.5
"""Least IoU of a region with a removal's box for it to be removed."""


class Action(StrEnum):
    """What a correction does."""

    ADD = "add"
    REMOVE = "remove"


@dataclass(frozen=True)
class Correction:
    """One row of the file."""

    row: str
    """Counted from 1, without the header."""
    action: Action
    entity: Entity
    region: Region | None
    """The added region, or the box of a removal; None: all of the entity's regions."""


def read_corrections(path: Path, images: Images, record: bool = False) -> Annotations:
    """Read a CSV with columns id (or path), action (add, remove), entity, x0, y0, x1, y1.

    A removal may leave the four numbers empty: it then means all the image's regions of the entity.
    The file is the user's and never written to.

    Args:
        path: the file.
        images: see `read_boxes_file`.
        record: see `read_boxes_file`.

    Raises:
        InputError: names the file, the row and the column, and what to do.

    """
    frame = load_texts(path)
    if "action" not in frame:
        raise InputError(
            f"{path} has no column action; corrections need id (or path), action (add or remove), "
            f"entity, {', '.join(BOX)}"
        )
    rows = make_rows(path, frame, BOX)
    actions = frame["action"].astype(str).str.strip()
    rows.table["action"] = actions
    rows.refuse(
        ~actions.isin([*Action]).to_numpy(),
        "action",
        "'{action}' is neither add nor remove",
    )
    is_bare = rows.table[BOX].isna().all(axis=1).to_numpy()
    return matched(rows, images, record, ~(is_bare & (actions == Action.REMOVE).to_numpy()))


def by_image(rows: pd.DataFrame) -> dict[str, list[Correction]]:
    """Corrections of checked rows by image id, in the rows' order."""
    found: dict[str, list[Correction]] = {}
    keys = rows[["id", "where", "action", "entity", "x0"]].itertuples(index=False)
    for (name, row, action, entity, x0), region in zip(keys, regions_of(rows), strict=True):
        correction = Correction(
            row, Action(action), Entity(entity), None if np.isnan(x0) else region
        )
        found.setdefault(name, []).append(correction)
    return found


def correct(
    regions: Sequence[Region], corrections: Sequence[Correction]
) -> tuple[list[Region], list[Correction]]:
    """Return the regions after removals, then additions, and the removals that match nothing.

    Removals apply to found regions and not to added ones, so that a box can be replaced by a better
    one in any order of rows.
    """
    removals = [each for each in corrections if each.action is Action.REMOVE]
    removed = [[region for region in regions if _is_meant(region, each)] for each in removals]
    kept = [region for region in regions if not any(region in each for each in removed)]
    added = [e.region for e in corrections if e.action is Action.ADD and e.region is not None]
    unused = [removal for removal, meant in zip(removals, removed, strict=True) if not meant]
    return kept + added, unused


def _is_meant(region: Region, removal: Correction) -> bool:
    if region.entity is not removal.entity:
        return False
    return removal.region is None or _overlap(region, removal.region) >= OVERLAP


def _overlap(a: Region, b: Region) -> float:
    """Return the intersection over the union of two boxes."""
    width = min(a.x1, b.x1) - max(a.x0, b.x0)
    height = min(a.y1, b.y1) - max(a.y0, b.y0)
    if width <= 0 or height <= 0:
        return 0.0
    common = width * height
    areas = [(r.x1 - r.x0) * (r.y1 - r.y0) for r in (a, b)]
    return common / (sum(areas) - common)
