"""Annotation files and corrections as regions of images: read, stored and applied."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path

import numpy as np
import pandas as pd

from anonbench.core.boxes import QUAD_COLUMNS, Region, overlap, regions_of
from anonbench.core.errors import InputError
from anonbench.core.io import write_parquet
from anonbench.core.vocabulary import Entity
from anonbench.core.wording import suggestion
from anonbench.datasets.annotations import rows as tables
from anonbench.datasets.annotations.coco import read_coco

OVERLAP = 0.5  # least IoU of a region with a removal's box for it to be removed
STORED = ["id", "where", "action", "entity", *tables.BOX, *QUAD_COLUMNS, "score"]
_TEXTS = ["id", "where", "action", "entity"]
_REGION = ["id", "entity", *tables.BOX, *QUAD_COLUMNS]

MOST_COMPARED = 10_000  # ids that a misspelt one is compared with: half a second


@dataclass(frozen=True)
class Annotations:
    """Content of an annotation file for a data set's images, each row at its image."""

    rows: pd.DataFrame
    """The rows of images that are used, in the file's order: id, where (text) and the columns of
    `ROW_COLUMNS` from entity on; of corrections action, too. Boxes are cut at the image's edge."""
    images: list[str]  # ids of the images that the file names, with or without a box
    unmatched: int  # rows that match no image, if they are left out and not refused
    unused: int  # rows of images that the data set lists and does not use

    def regions(self) -> dict[str, list[Region]]:
        """Return the regions by image id, in the file's order; empty where an image has none."""
        return gathered(self.images, self.rows)


def gathered(images: Iterable[str], rows: pd.DataFrame) -> dict[str, list[Region]]:
    """Return the regions of checked rows by image id."""
    found = {name: list[Region]() for name in images}
    for name, region in zip(rows["id"], regions_of(rows), strict=True):
        found[name].append(region)
    return found


def read_boxes_file(path: Path, images: tables.Images) -> Annotations:
    """Read the boxes of a file: CSV, Parquet or COCO JSON, by its suffix and content.

    A row belongs to the image that its id, its path or both name exactly. InputError names the
    file, the row (or annotation) and the column, and what to do.
    """
    rows = read_coco(path) if path.suffix.lower() == ".json" else tables.read_table(path)
    return matched(rows, images, np.ones(len(rows.table), dtype=bool))


def matched(
    rows: tables.Rows, images: tables.Images, boxed: np.ndarray, lenient: bool = False
) -> Annotations:
    """Return the rows of a file at their images, once values are checked, boxes where `boxed`.

    With `lenient`, rows that reach no image are counted and left out, unless all are such.

    Raises:
        InputError: a wrong value; a row or listed image that reaches no image, or several; two
            listed images that are one; a box outside its image, or for another size.
    """
    tables.check_values(rows, boxed)
    places = _find(rows, images, lenient)
    known = np.flatnonzero(places >= 0)
    named = places[known]
    if rows.images is not None:
        # messages of these entries are about images, not about boxes
        entries = tables.Rows(rows.file, rows.images, "image", keys=rows.keys)
        named = _find(entries, images)
        _check_entries(entries, images, named)
        named = named[named >= 0]
    sizes = None if images.sizes is None else images.sizes[places[known]]
    used = tables.Rows(rows.file, rows.table.iloc[known], rows.unit, rows.column)
    table = tables.cut_at_edges(used, sizes, boxed[known])
    return Annotations(
        rows=table.drop(columns="path").assign(
            id=images.ids[places[known]],
            where=[tables.printable(str(place)) for place in table["where"]],
        ),
        images=images.ids[np.unique(named)].tolist(),
        unmatched=int((places < tables.UNUSED).sum()),
        unused=int((places == tables.UNUSED).sum()),
    )


def _find(rows: tables.Rows, images: tables.Images, lenient: bool = False) -> np.ndarray:
    """Return the places of rows (`Images.match`); InputError where one, or all, match no image."""
    places, by_id = images.match(rows.table["id"], rows.table["path"])
    bad = places < tables.UNUSED
    if bad.any() and (not lenient or bad.all()):
        first = int(bad.argmax())
        own = int(not by_id[first])
        key, names = rows.keys[own], dict(zip(tables.KEYS, rows.keys, strict=True))
        column = " and ".join(rows.keys) if places[first] == tables.APART else key
        reason = tables.REASONS[places[first]].format(key=key, **names)
        way = (
            f"{'no row reaches an image: ' if lenient else ''}images are named by their id, or by "
            f"their path below {images.root} with its suffix, letter by letter"
        )
        # a page of a document has an id of its own
        known = images.ids if len(images.ids) <= MOST_COMPARED else ()
        way += suggestion(rows.table[tables.KEYS[own]].iloc[first], known, "the id ")
        rows.refuse(bad, column, f"{reason}; {way}".replace("{", "{{").replace("}", "}}"))
    return places


def _check_entries(entries: tables.Rows, images: tables.Images, places: np.ndarray) -> None:
    entries.refuse(
        pd.Series(places).duplicated().to_numpy() & (places >= 0),
        entries.keys[1],
        "an entry before it is of the same image; are they two files of one name? Write their "
        "paths in the data set, or make one entry of them",
    )
    if images.sizes is None:
        return
    stated = entries.table[["width", "height"]].to_numpy(float)
    found = np.full_like(stated, np.nan)
    found[places >= 0] = images.sizes[places[places >= 0]]
    table = entries.table.assign(found_width=found[:, 0], found_height=found[:, 1])
    tables.Rows(entries.file, table, entries.unit).refuse(
        ((stated != found) & ~np.isnan(stated)).any(axis=1) & (places >= 0),
        "width and height",
        "made for {width} × {height} pixels, but the image has {found_width} × {found_height} "
        "(upright by its EXIF); scale the boxes or annotate the image itself",
    )


# --- corrections ---


class Action(StrEnum):
    """What a correction does."""

    ADD = "add"
    REMOVE = "remove"


@dataclass(frozen=True)
class Correction:
    """One row of the file."""

    row: str  # counted from 1, without the header
    action: Action
    entity: Entity
    region: Region | None  # added, or the box of a removal; None: all of the entity's regions


def read_corrections(path: Path, images: tables.Images, lenient: bool = False) -> Annotations:
    """Read a CSV with columns id (or path), action (add, remove), entity, x0, y0, x1, y1.

    A removal may leave the four numbers empty: it then means all the image's regions of the entity.
    The rest is as for `matched`.
    """
    frame = tables.load_texts(path)
    if "action" not in frame:
        raise InputError(
            f"{path} has no column action; corrections need id (or path), action (add or remove), "
            f"entity, {', '.join(tables.BOX)}"
        )
    rows = tables.make_rows(path, frame, tables.BOX)
    actions = frame["action"].astype(str).str.strip()
    rows.table["action"] = actions
    known = actions.isin([*Action]).to_numpy()
    rows.refuse(~known, "action", "'{action}' is neither add nor remove")
    is_bare = rows.table[tables.BOX].isna().all(axis=1).to_numpy()
    boxed = ~(is_bare & (actions == Action.REMOVE).to_numpy())
    return matched(rows, images, boxed, lenient)


def group_by_image(rows: pd.DataFrame) -> dict[str, list[Correction]]:
    """Corrections of checked rows by image id, in the rows' order."""
    found: dict[str, list[Correction]] = {}
    keys = rows[["id", "where", "action", "x0"]].itertuples(index=False)
    for (name, row, action, x0), region in zip(keys, regions_of(rows), strict=True):
        box = None if np.isnan(x0) else region
        found.setdefault(name, []).append(Correction(row, Action(action), region.entity, box))
    return found


def correct(
    regions: Sequence[Region], corrections: Sequence[Correction]
) -> tuple[list[Region], list[Correction]]:
    """Return the regions after removals, then additions, and the removals that match nothing.

    Removals apply to found regions and not to added ones, in any order of rows.
    """
    removals = [each for each in corrections if each.action is Action.REMOVE]
    kept = [each for each in regions if not any(_is_meant(each, removal) for removal in removals)]
    added = [e.region for e in corrections if e.action is Action.ADD and e.region is not None]
    unused = [each for each in removals if not any(_is_meant(region, each) for region in regions)]
    return kept + added, unused


def _is_meant(region: Region, removal: Correction) -> bool:
    """Check whether a removal is of this region: all of its entity, or what its box overlaps."""
    is_all = removal.region is None or overlap(region, removal.region) >= OVERLAP
    return region.entity is removal.entity and is_all


# --- stored in the results: checked, clipped, each with its image's id ---


def share_among_copies(found: Annotations, copies: pd.DataFrame, spread: bool) -> Annotations:
    """Return annotations of used images only; with `spread`, regions apply to all copies.

    A removal applies only to the image that it names: if in doubt, more is hidden. `copies` are the
    images of equal bytes (`anonbench.datasets.manifest.COPY_COLUMNS`).
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
    write_parquet(table.astype(tables.ROW_TYPES), path)


def read_regions(path: Path, only: Collection[str]) -> dict[str, list[Region]]:
    """Return the regions that `write_annotations` wrote, of images with these ids, in order.

    Images that the file lists without a box have an empty list, others are missing.
    """
    table = _read(path, only)
    return gathered(table["id"], table[table["entity"] != ""])


def read_stored_corrections(path: Path, only: Collection[str]) -> dict[str, list[Correction]]:
    """Return corrections by image id, in their file's order; see `read_regions`."""
    return group_by_image(_read(path, only))


def _read(path: Path, only: Collection[str]) -> pd.DataFrame:
    return pd.read_parquet(path, filters=[("id", "in", set(only))])
