"""A person's corrections of what detectors find: regions to add and to remove, in a file beside."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

import pandas as pd

from anonbench.annotations.read import Sizes, inside, located, regions_of
from anonbench.annotations.rows import BOX, Rows, check_values
from anonbench.annotations.table import load_texts, make_rows
from anonbench.boxes import Region
from anonbench.errors import InputError
from anonbench.vocabulary import Entity

log = logging.getLogger(__name__)

OVERLAP = 0.5
"""IoU with a removal's box from which a region is meant by it."""


class Action(StrEnum):
    """What a correction does."""

    ADD = "add"
    REMOVE = "remove"


@dataclass(frozen=True)
class Correction:
    """One row of the file."""

    row: int
    """Counted from 1, without the header."""
    action: Action
    entity: Entity
    region: Region | None
    """What is added, or what a removed region looks like; None: all of the entity's regions."""


@dataclass(frozen=True)
class Corrections:
    """The corrections of a file, by image id."""

    file: Path
    by_image: dict[str, list[Correction]] = field(default_factory=dict)


def read_corrections(path: Path, sizes: Sizes | None = None) -> Corrections:
    """Read a CSV with columns id (or path), action (add, remove), entity, x0, y0, x1, y1.

    A removal may leave the four numbers empty: it then means all the image's regions of the entity.
    The file is the user's and never written to.

    Args:
        path: the file.
        sizes: of all images of the data set, to check against; None: nothing is known of them.

    Raises:
        InputError: names the file, the row and the column, and the way out.

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
        ~actions.isin([str(action) for action in Action]).to_numpy(),
        "action",
        "'{action}' is neither add nor remove",
    )
    whole = (actions == Action.REMOVE).to_numpy() & rows.table[BOX].isna().all(axis=1).to_numpy()
    checked = rows.table.copy()
    checked.loc[whole, BOX] = [0.0, 0.0, 1.0, 1.0]  # any box: none is needed there
    check_values(Rows(path, checked))
    table = located(rows, sizes)
    whole = whole[rows.table.index.isin(table.index)]
    boxed = table[~whole]
    if sizes is not None:
        boxed = inside(Rows(path, boxed), sizes)
    return _gathered(path, table, dict(zip(boxed.index, regions_of(boxed), strict=True)))


def _gathered(path: Path, table: pd.DataFrame, regions: dict[int, Region]) -> Corrections:
    corrections = Corrections(path)
    columns = table[["id", "where", "action", "entity"]]
    for index, image, row, action, entity in columns.itertuples():
        corrections.by_image.setdefault(image, []).append(
            Correction(int(row), Action(action), Entity(entity), regions.get(index))
        )
    return corrections


def apply_corrections(
    image_id: str, regions: Sequence[Region], corrections: Corrections
) -> list[Region]:
    """Return an image's regions as corrected; warn of removals that match nothing."""
    corrected, unused = correct(regions, corrections.by_image.get(image_id, ()))
    for correction in unused:
        log.warning(
            "%s: row %d removes a region of %s that is not there (image %s)",
            corrections.file,
            correction.row,
            correction.entity,
            image_id,
        )
    return corrected


def correct(
    regions: Sequence[Region], corrections: Sequence[Correction]
) -> tuple[list[Region], list[Correction]]:
    """Return the regions after removals, then additions, and the removals that match nothing.

    Removals see what was found and not what is added, so that a box can be replaced by a better
    one in whatever order the rows are.
    """
    removals = [correction for correction in corrections if correction.action is Action.REMOVE]
    hits = [[_is_meant(region, removal) for region in regions] for removal in removals]
    unused = [removal for removal, hit in zip(removals, hits, strict=True) if not any(hit)]
    kept = [region for i, region in enumerate(regions) if not any(hit[i] for hit in hits)]
    added = [
        correction.region
        for correction in corrections
        if correction.action is Action.ADD and correction.region is not None
    ]
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
