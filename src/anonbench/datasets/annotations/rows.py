"""Rows of annotation files of every format: their place in the file, and common checks."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from anonbench.core.boxes import QUAD_COLUMNS, Region
from anonbench.core.errors import InputError
from anonbench.core.region_check import region_fault
from anonbench.core.vocabulary import Entity

BOX = ["x0", "y0", "x1", "y1"]
KEYS = ["id", "path"]
ROW_COLUMNS = ["where", *KEYS, "entity", *BOX, *QUAD_COLUMNS, "score"]
IMAGE_COLUMNS = ["where", *KEYS, "width", "height"]
ROW_TYPES = dict.fromkeys([*BOX, *QUAD_COLUMNS, "score"], np.float64)
SLACK = 1.0
"""Pixels by which a box may exceed the image's edge, since some tools count pixels from 1, or
include the last one. The excess is cut off.
"""
_ANY_SIZE = 2.0**24
"""Assumed width and height in pixels if the size is not known."""


@dataclass(frozen=True)
class Rows:
    """The boxes of one file before they are checked."""

    file: Path
    table: pd.DataFrame
    """Columns `ROW_COLUMNS`: the place in the file, the image's id and path (empty where the file
    gives none), the entity's name, float64 numbers (NaN where there is none)."""
    unit: str = "row"
    """What one row is called in the file."""
    column: str = ""
    """Name of the field that holds a box; empty if each number has its own column."""
    keys: tuple[str, str] = ("id", "path")
    """The file's names of id and path."""
    images: pd.DataFrame | None = None
    """Images that the file lists, whether or not they have boxes: columns `IMAGE_COLUMNS`, with the
    width and height that it states (NaN where it states none). None: it has no such list."""

    def refuse(self, bad: np.ndarray, column: str, text: str) -> None:
        """Raise InputError for the first row of `bad` (bool [N]).

        Args:
            bad: mask of wrong rows.
            column: the wrong column.
            text: reason and hint; `{name}` stands for the row's value of that column.

        """
        if not bad.any():
            return
        first = self.table.iloc[int(bad.argmax())]
        others = int(bad.sum()) - 1
        more = f" ({others} more like it)" if others else ""
        shown = self.column if self.column and column in (*BOX, *QUAD_COLUMNS) else column
        values = {
            str(name): f"{value:g}" if isinstance(value, float) else printable(str(value))
            for name, value in first.items()
        }
        raise InputError(
            f"{self.file}: {self.unit} {values['where']} (image {values['id'] or values['path']}), "
            f"{shown}: {text.format(**values)}{more}"
        )


def printable(text: str) -> str:
    """Return a text with control and unprintable characters made visible."""
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text)


def regions_of(rows: pd.DataFrame) -> list[Region]:
    """Return the regions of checked rows, in their order."""
    numbers = rows[[*BOX, "score", *QUAD_COLUMNS]].to_numpy(float).tolist()
    regions = []
    for entity, row in zip(rows["entity"], numbers, strict=True):
        quad = None if np.isnan(row[5]) else tuple(row[5:])
        regions.append(Region(Entity(entity), *row[:5], quad=quad))  # type: ignore[misc]
    return regions


def check_values(rows: Rows, boxed: np.ndarray) -> None:
    """Raise InputError for an unknown entity, or numbers that are no box; see `Rows.refuse`.

    Args:
        rows: of the file; sizes of images are not checked.
        boxed: bool [N], mask of rows with a box.

    """
    table = rows.table
    rows.refuse(
        ~table["entity"].isin([*Entity]).to_numpy(),
        "entity",
        f"'{{entity}}' is none of {', '.join(Entity)}; rename it or leave such rows out",
    )
    for name in BOX:
        rows.refuse(
            boxed & ~np.isfinite(table[name].to_numpy(float)),
            name,
            "missing or not a finite number; fill it in or leave the row out",
        )
    for low, high in (("x0", "x1"), ("y0", "y1")):
        rows.refuse(
            boxed & (table[high] <= table[low]).to_numpy(),
            high,
            f"empty or inverted box: {high} ({{{high}}}) is not greater than {low} ({{{low}}}); "
            f"a box goes from x0, y0 (left, top) to x1, y1 (right, bottom)",
        )
    rows.refuse(
        ~np.isfinite(table["score"].to_numpy(float)), "score", "not a finite number; leave it out"
    )
    finite = np.isfinite(table[QUAD_COLUMNS].to_numpy(float))
    bad = ~table[QUAD_COLUMNS].isna().all(axis=1).to_numpy() & ~finite.all(axis=1)
    rows.refuse(
        bad,
        QUAD_COLUMNS[int(finite[bad.argmax()].argmin())] if bad.any() else "",
        "a quadrilateral needs all of q0 … q7 (x, y of four corners), or none",
    )


def cut_at_edges(rows: Rows, sizes: np.ndarray | None, boxed: np.ndarray) -> pd.DataFrame:
    """Return rows with their boxes cut at the images' edges.

    Args:
        rows: with checked values, of images that are used.
        sizes: width and height of each row's image, float [N, 2]; None: nothing is cut.
        boxed: bool [N], which rows have a box.

    Raises:
        InputError: a box passes an edge by more than `SLACK`, or a region could not be hidden
            (`region_fault`).

    """
    known = np.full((len(rows.table), 2), _ANY_SIZE) if sizes is None else sizes
    table = rows.table.assign(width=known[:, 0], height=known[:, 1])
    checked = Rows(rows.file, table, rows.unit, rows.column)
    text = (
        "{%s} is outside the image, which has {width} × {height} pixels (upright by its EXIF); is "
        "the box in pixels, and of this image at this size?"
    )
    for name in BOX if sizes is not None else ():
        limit = known[:, 0 if name[0] == "x" else 1]
        value = table[name].to_numpy(float)
        checked.refuse((value < -SLACK) | (value > limit + SLACK), name, text % name)
        table[name] = np.clip(value, 0, limit)
    if sizes is None:  # planning checks only faults that are independent of the image, to save time
        doubtful = table[QUAD_COLUMNS[0]].notna() | (table[["x1", "y1"]] < 2).all(axis=1)
        boxed = boxed & doubtful.to_numpy()
    places = np.flatnonzero(boxed)
    for place, region in zip(places, regions_of(rows.table.iloc[places]), strict=True):
        if (fault := region_fault(region, *known[place].tolist())) is not None:
            bad = np.arange(len(table)) == place
            checked.refuse(bad, BOX[0], f"the region {fault} (give pixels, or leave the row out)")
    return table.drop(columns=["width", "height"])
