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

from anonbench.core.boxes import Region
from anonbench.core.errors import InputError
from anonbench.datasets.annotations import coco, via
from anonbench.datasets.annotations.keys import APART, REASONS, UNKNOWN, UNUSED, Images
from anonbench.datasets.annotations.rows import (
    KEYS,
    Rows,
    check_values,
    cut_at_edges,
    printable,
    regions_of,
)
from anonbench.datasets.annotations.table import read_table

_HALF_A_CHARACTER = re.compile(r"\\u[dD][89a-fA-F]")
"""JSON's escape for half of a character; no file name or table has one on its own."""


@dataclass(frozen=True)
class Annotations:
    """Content of an annotation file for a data set's images, each row at its image."""

    rows: pd.DataFrame
    """The rows of images that are used, in the file's order: id, where (text) and the columns of
    `ROW_COLUMNS` from entity on; of corrections action, too. Boxes are cut at the image's edge."""
    images: list[str]
    """Ids of the images that the file names, with or without a box."""
    unmatched: pd.DataFrame
    """Rows that match no image, if they are recorded and not refused: row (text), reason."""
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


def read_boxes_file(path: Path, images: Images, record: bool = False) -> Annotations:
    """Read the boxes of a file: CSV, Parquet, COCO JSON or VIA JSON.

    A row belongs to the image that its id, its path or both name exactly. What passes an image's
    edge by less than a pixel is cut off.

    Args:
        path: the file; its suffix and content tell the format. Never written to.
        images: of the data set, with sizes to check against where they are known.
        record: whether rows that reach no image are recorded; otherwise they are refused.

    Raises:
        InputError: names the file, the row (or annotation) and the column, and what to do.

    """
    rows = _read_json(path) if path.suffix.lower() == ".json" else read_table(path)
    return matched(rows, images, record, np.ones(len(rows.table), dtype=bool))


def _read_json(path: Path) -> Rows:
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
        f"{path} is neither COCO JSON (images, annotations, categories) nor VIA JSON "
        "(a project or its annotations); export it again in one of these formats"
    )


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Return a JSON object, refusing repeated names, of which JSON would keep the last value."""
    values: dict[str, Any] = {}
    for name, value in pairs:
        if name in values:
            raise ValueError(f"an object has the name {name!r} twice")
        values[name] = value
    return values


def matched(rows: Rows, images: Images, record: bool, boxed: np.ndarray) -> Annotations:
    """Return the rows of a file at their images, once their values are checked.

    Args:
        rows: of the file.
        images: see `read_boxes_file`.
        record: see `read_boxes_file`.
        boxed: bool [N], which rows have a box.

    Raises:
        InputError: a value is wrong; a row, or an image that the file lists, reaches no image, or
            several, and is not to be recorded; none reaches any; two listed images are one; a box
            outside its image, or made for an image of another size.

    """
    check_values(rows, boxed)
    places, unmatched = _find(rows, images, record)
    known = np.flatnonzero(places >= 0)
    named = places[known]
    if rows.images is not None:
        # messages of these entries are about images, not about boxes
        entries = Rows(rows.file, rows.images, "image", keys=rows.keys)
        named, missing = _find(entries, images, record)
        _check_entries(entries, images, named)
        named = named[named >= 0]
        names = rows.images.loc[missing.index, KEYS].itertuples(index=False, name=None)
        has_rows = set(rows.table[KEYS].itertuples(index=False, name=None))
        missing = missing[np.array([name not in has_rows for name in names], bool)]
        missing = missing.assign(row="image " + missing["row"])
        unmatched = pd.concat([unmatched, missing], ignore_index=True)
    sizes = None if images.sizes is None else images.sizes[places[known]]
    used = Rows(rows.file, rows.table.iloc[known], rows.unit, rows.column)
    table = cut_at_edges(used, sizes, boxed[known])
    return Annotations(
        rows=table.drop(columns="path").assign(
            id=images.ids[places[known]], where=[printable(str(place)) for place in table["where"]]
        ),
        images=images.ids[np.unique(named)].tolist(),
        unmatched=unmatched.reset_index(drop=True),
        unused=int((places == UNUSED).sum()),
    )


def _find(rows: Rows, images: Images, record: bool) -> tuple[np.ndarray, pd.DataFrame]:
    """Return the places of rows (`Images.match`), and row and reason of unmatched ones.

    Raises:
        InputError: there are such rows and they are not to be recorded, or no row matches an image.

    """
    places, by_id = images.match(rows.table["id"], rows.table["path"])
    bad = places < UNUSED
    names = dict(zip(KEYS, rows.keys, strict=True))
    reasons = [
        REASONS[place].format(key=rows.keys[0 if of_id else 1], **names)
        for place, of_id in zip(places[bad], by_id[bad], strict=True)
    ]
    if bad.any() and (not record or bad.all()):
        first = int(bad.argmax())
        kind = KEYS[0] if by_id[first] else KEYS[1]
        hint = ""
        if places[first] == UNKNOWN:
            hint = images.hint(rows.table[kind].iloc[first], kind == "path")
        way = "correct the file, or have such rows recorded and left out (`unmatched: record`)"
        if record:
            way = (
                "no row reaches an image: name images by their id, or by their path in the data set"
            )
        text = f"{reasons[0]}{f' ({hint})' if hint else ''}; {way}"
        column = " and ".join(rows.keys) if places[first] == APART else names[kind]
        rows.refuse(bad, column, text.replace("{", "{{").replace("}", "}}"))
    where = [printable(str(place)) for place in rows.table["where"][bad]]
    index = rows.table.index[bad]
    return places, pd.DataFrame({"row": where, "reason": reasons}, index=index, dtype=str)


def _check_entries(entries: Rows, images: Images, places: np.ndarray) -> None:
    """Raise InputError if a file lists an image twice, or was made for one of another size."""
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
    Rows(entries.file, table, entries.unit).refuse(
        ((stated != found) & ~np.isnan(stated)).any(axis=1) & (places >= 0),
        "width and height",
        "made for {width} × {height} pixels, but the image has {found_width} × {found_height} "
        "(upright by its EXIF); scale the boxes or annotate the image itself",
    )
