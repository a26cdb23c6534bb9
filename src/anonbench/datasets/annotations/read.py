"""Reading of any annotation file into the regions of each image."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from anonbench.core.boxes import QUAD_COLUMNS, Region
from anonbench.core.errors import InputError
from anonbench.core.region_check import region_fault
from anonbench.core.vocabulary import Entity
from anonbench.datasets.annotations import coco, via
from anonbench.datasets.annotations.keys import APART, REASONS, UNKNOWN, UNUSED, Images
from anonbench.datasets.annotations.rows import BOX, KEYS, SLACK, Rows, check_values, printable
from anonbench.datasets.annotations.table import read_table

_HALF_A_CHARACTER = re.compile(r"\\u[dD][89a-fA-F]")
"""JSON's way to write half of a character; no file's name and no table holds one by itself."""


@dataclass(frozen=True)
class Annotations:
    """What a file says of a data set's images, each row at its image."""

    rows: pd.DataFrame
    """The rows of images that are used, in the file's order: id, where (text) and the columns of
    `ROW_COLUMNS` from entity on; of corrections action, too. Boxes are cut at the image's edge."""
    images: list[str]
    """Ids of the images that the file names, with or without a box."""
    unmatched: pd.DataFrame
    """Rows that reach no image, where they are recorded and not refused: row (text), reason."""
    unused: int
    """Rows of images that the data set lists and does not use."""

    def regions(self) -> dict[str, list[Region]]:
        """Return the regions by image id, in the file's order; empty where an image has none."""
        return gathered(self.images, self.rows)


def gathered(images: Iterable[str], rows: pd.DataFrame) -> dict[str, list[Region]]:
    """Return the regions of checked rows by image id."""
    found: dict[str, list[Region]] = {name: [] for name in images}
    for name, region in zip(rows["id"], regions_of(rows), strict=True):
        found[name].append(region)
    return found


def regions_of(rows: pd.DataFrame) -> list[Region]:
    """Return the regions of checked rows, in their order."""
    numbers = rows[[*BOX, "score", *QUAD_COLUMNS]].to_numpy(float).tolist()
    regions = []
    for entity, row in zip(rows["entity"], numbers, strict=True):
        quad = None if np.isnan(row[5]) else tuple(row[5:])
        regions.append(Region(Entity(entity), *row[:5], quad=quad))  # type: ignore[misc]
    return regions


def read_boxes_file(path: Path, images: Images, record: bool = False) -> Annotations:
    """Read the boxes of a file: CSV, Parquet, COCO JSON or VIA JSON.

    A row belongs to the image that its id, its path or both name exactly. What passes an image's
    edge by less than a pixel is cut off.

    Args:
        path: the file; its suffix and content tell the format. Never written to.
        images: of the data set, with sizes to check against where they are known.
        record: whether rows that reach no image are recorded; otherwise they are refused.

    Raises:
        InputError: names the file, the row (or annotation) and the column, and the way out.

    """
    rows = _read(path)
    check_values(rows)
    return matched(rows, images, record, np.ones(len(rows.table), dtype=bool))


def _read(path: Path) -> Rows:
    if path.suffix.lower() != ".json":
        return read_table(path)
    if not path.is_file():
        raise InputError(f"{path} does not exist")
    try:
        text = path.read_text(encoding="utf-8-sig")
        data: Any = json.loads(text, object_pairs_hook=_object)
        if _HALF_A_CHARACTER.search(text):
            json.dumps(data, ensure_ascii=False).encode()
    except (ValueError, OSError, RecursionError) as error:
        reason = printable(str(error))
        raise InputError(f"{path} cannot be read as JSON: {reason}") from None
    if coco.is_coco(data):
        return coco.read_coco(path, data)
    if via.is_via(data):
        return via.read_via(path, data)
    raise InputError(
        f"{path} is neither COCO JSON (images, annotations, categories) nor VIA JSON (a project or "
        "its annotations); export it anew in one of these formats"
    )


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Return a JSON object; of a name that is there twice, JSON would keep the last value alone."""
    values = dict(pairs)
    if len(values) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"an object has the name {twice!r} twice")
    return values


def matched(rows: Rows, images: Images, record: bool, boxed: np.ndarray) -> Annotations:
    """Return the rows of a file at their images.

    Args:
        rows: with checked values.
        images: see `read_boxes_file`.
        record: see `read_boxes_file`.
        boxed: bool [N], which rows have a box.

    Raises:
        InputError: a row, or an image that the file lists, reaches no image, or several, and is not
            to be recorded; none reaches any; two listed images are one; a box outside its image, or
            made for an image of another size.

    """
    _refuse_shares(rows, boxed)
    places, by_id = images.match(rows.table["id"], rows.table["path"])
    unmatched = [_unmatched(rows, images, places, by_id, record)]
    known = np.flatnonzero(places >= 0)
    named = places[known]
    if rows.images is not None:
        # messages of these entries are about images, not about boxes
        entries = Rows(rows.file, rows.images, "image", keys=rows.keys)
        listed, id_given = images.match(rows.images["id"], rows.images["path"])
        missing = _unmatched(entries, images, listed, id_given, record)
        has_rows = set(rows.table[KEYS].itertuples(index=False, name=None))
        keys = rows.images[KEYS].itertuples(index=False, name=None)
        bare = [key not in has_rows for key, place in zip(keys, listed, strict=True) if place < -1]
        unmatched.append(missing[bare].assign(row="image " + missing["row"][bare]))
        _refuse_twice(entries, listed)
        _check_stated_sizes(entries, images, listed)
        named = listed[listed >= 0]
    table = rows.table.iloc[known]
    checked = Rows(rows.file, table, rows.unit, rows.column)
    table = inside(checked, images.sizes, places[known], boxed[known])
    if images.sizes is not None:
        _refuse_faults(checked, table, images.sizes[places[known]], boxed[known])
    return Annotations(
        rows=table.drop(columns="path").assign(
            id=images.ids[places[known]], where=[printable(str(place)) for place in table["where"]]
        ),
        images=images.ids[np.unique(named)].tolist(),
        unmatched=pd.concat(unmatched, ignore_index=True),
        unused=int((places == UNUSED).sum()),
    )


def _refuse_faults(rows: Rows, cut: pd.DataFrame, sizes: np.ndarray, boxed: np.ndarray) -> None:
    """Raise InputError for the first region that could not be hidden (`region_fault`)."""
    for place, region in zip(np.flatnonzero(boxed), regions_of(cut[boxed]), strict=True):
        width, height = sizes[place].tolist()
        if (fault := region_fault(region, width, height)) is not None:
            bad = np.arange(len(boxed)) == place
            rows.refuse(bad, BOX[0], f"the region {fault}; mend it or leave the row out")


def _refuse_shares(rows: Rows, boxed: np.ndarray) -> None:
    """Raise InputError where all boxes are parts of the first pixel: their unit is another."""
    boxes = rows.table[BOX].to_numpy(float)[boxed]
    if len(boxes) and (boxes <= 1).all() and (boxes % 1 > 0).any():
        text = "no box of the file goes beyond 1: are they shares of width and height? Give pixels"
        rows.refuse(boxed, "x1", text)


def _unmatched(
    rows: Rows, images: Images, places: np.ndarray, by_id: np.ndarray, record: bool
) -> pd.DataFrame:
    """Return row and reason of the rows that reach no image; refuse them, or where none does."""
    bad = places < UNUSED
    if bad.any() and (not record or bad.all()):
        _refuse(rows, images, bad, places, by_id, record)
    names = dict(zip(KEYS, rows.keys, strict=True))
    reasons = [
        REASONS[place].format(key=rows.keys[0 if of_id else 1], **names)
        for place, of_id in zip(places[bad], by_id[bad], strict=True)
    ]
    where = [printable(str(place)) for place in rows.table["where"][bad]]
    return pd.DataFrame({"row": where, "reason": reasons}, dtype=str)


def _refuse(
    rows: Rows,
    images: Images,
    bad: np.ndarray,
    places: np.ndarray,
    by_id: np.ndarray,
    record: bool,
) -> None:
    first = int(bad.argmax())
    kind = KEYS[0] if by_id[first] else KEYS[1]
    names = dict(zip(KEYS, rows.keys, strict=True))
    text = REASONS[places[first]].format(key=names[kind], **names)
    if places[first] == UNKNOWN:
        hint = images.hint(rows.table[kind].iloc[first], kind == "path")
        text += f" ({hint})" if hint else ""
    way = "mend the file, or have such rows recorded and left out with `unmatched: record`"
    if record:
        way = "no row reaches an image: name images by their id, or by their path in the data set"
    text = f"{text}; {way}".replace("{", "{{").replace("}", "}}")
    # APART is about both columns
    rows.refuse(bad, names[kind] if places[first] != APART else " and ".join(rows.keys), text)


def _refuse_twice(entries: Rows, listed: np.ndarray) -> None:
    """Raise InputError where a file lists an image twice: one may be another of the same name."""
    twice = pd.Series(listed).duplicated().to_numpy() & (listed >= 0)
    entries.refuse(
        twice,
        entries.keys[1],
        "an entry before it is of the same image; are they two files of one name? Write their "
        "paths in the data set, or make one entry of them",
    )


def _check_stated_sizes(entries: Rows, images: Images, listed: np.ndarray) -> None:
    """Raise InputError where a file was made for an image of another size."""
    if images.sizes is None:
        return
    stated = entries.table[["width", "height"]].to_numpy(float)
    found = np.full_like(stated, np.nan)
    found[listed >= 0] = images.sizes[listed[listed >= 0]]
    table = entries.table.assign(found_width=found[:, 0], found_height=found[:, 1])
    Rows(entries.file, table, entries.unit).refuse(
        ((stated != found) & ~np.isnan(stated)).any(axis=1) & (listed >= 0),
        "width and height",
        "made for {width} × {height} pixels, but the image has {found_width} × {found_height} "
        "(upright by its EXIF); scale the boxes or annotate the image itself",
    )


def inside(
    rows: Rows, sizes: np.ndarray | None, places: np.ndarray, boxed: np.ndarray
) -> pd.DataFrame:
    """Return rows with their boxes cut at the images' edges.

    Args:
        rows: the rows of images that are used.
        sizes: width and height of all images, float [M, 2]; None: nothing is cut or refused.
        places: of the rows' images among them, [N].
        boxed: bool [N], which rows have a box.

    Raises:
        InputError: a box passes an edge by more than `SLACK`, or has no part in the image.

    """
    if sizes is None:
        return rows.table
    table = rows.table.copy()
    limits = sizes[places]
    table["width"], table["height"] = limits[:, 0], limits[:, 1]
    checked = Rows(rows.file, table, rows.unit, rows.column)
    text = (
        "{%s} is outside the image, which has {width} × {height} pixels (upright by its EXIF); is "
        "the box in pixels, and of this image at this size?"
    )
    for name in BOX:
        limit = limits[:, 0 if name[0] == "x" else 1]
        value = table[name].to_numpy(float)
        checked.refuse((value < -SLACK) | (value > limit + SLACK), name, text % name)
        table[name] = np.clip(value, 0, limit)
    for low, high in (("x0", "x1"), ("y0", "y1")):
        checked.refuse(
            boxed & (table[high] <= table[low]).to_numpy(),
            high,
            "the box has no part in the image",
        )
    return table.drop(columns=["width", "height"])
