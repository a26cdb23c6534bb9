"""Rows of annotation files, with their place in the file for error messages."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from anonbench.core.boxes import QUAD_COLUMNS
from anonbench.core.errors import InputError
from anonbench.core.vocabulary import Entity

BOX = ["x0", "y0", "x1", "y1"]
KEYS = ["id", "path"]
ROW_COLUMNS = ["where", *KEYS, "entity", *BOX, *QUAD_COLUMNS, "score"]
IMAGE_COLUMNS = ["where", *KEYS, "width", "height"]
ROW_TYPES = dict.fromkeys([*BOX, *QUAD_COLUMNS, "score"], np.float64)
SLACK = 1.0
"""Pixels by which a box may pass the image's edge: some tools count pixels from 1, or to the last
one included. What passes is cut off."""


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
    """The one field that holds a box; empty where each number has a column of its own."""
    keys: tuple[str, str] = ("id", "path")
    """What the file calls the two."""
    images: pd.DataFrame | None = None
    """Images that the file lists, whether or not they have boxes: columns `IMAGE_COLUMNS`, with the
    width and height that it states (NaN where it states none). None: it has no such list."""

    def refuse(self, bad: np.ndarray, column: str, text: str) -> None:
        """Raise InputError for the first row of `bad` (bool [N]).

        Args:
            bad: which rows are wrong.
            column: what of them is.
            text: why, and the way out; `{name}` stands for the row's value of that column.

        """
        if not bad.any():
            return
        first = self.table.iloc[int(bad.argmax())]
        others = int(bad.sum()) - 1
        more = f" ({others} more like it)" if others else ""
        shown = self.column if self.column and column in (*BOX, *QUAD_COLUMNS) else column
        values = {str(name): _shown(value) for name, value in first.items()}
        image = values["id"] or values["path"]
        raise InputError(
            f"{self.file}: {self.unit} {values['where']} (image {image}), {shown}: "
            f"{text.format(**values)}{more}"
        )


def _shown(value: object) -> str:
    return f"{value:g}" if isinstance(value, float) else printable(str(value))


def printable(text: str) -> str:
    """Return a text of others' without what a terminal would obey, or cannot show."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text)


def check_values(rows: Rows) -> None:
    """Raise InputError for an entity that is none, or numbers that are no box; see `Rows.refuse`.

    Sizes of images are not looked at.
    """
    table = rows.table
    known = ", ".join(Entity)
    rows.refuse(
        ~table["entity"].isin([str(entity) for entity in Entity]).to_numpy(),
        "entity",
        f"'{{entity}}' is none of {known}; rename it or leave such rows out",
    )
    for name in BOX:
        rows.refuse(
            ~np.isfinite(table[name].to_numpy(float)),
            name,
            "missing or not a finite number; fill it in or leave the row out",
        )
    for low, high in (("x0", "x1"), ("y0", "y1")):
        rows.refuse(
            (table[high] <= table[low]).to_numpy(),
            high,
            f"empty or inverted box: {high} ({{{high}}}) is not greater than {low} ({{{low}}}); "
            f"a box goes from x0, y0 (left, top) to x1, y1 (right, bottom)",
        )
    rows.refuse(
        ~np.isfinite(table["score"].to_numpy(float)), "score", "not a finite number; leave it out"
    )
    _check_quads(rows)


def _check_quads(rows: Rows) -> None:
    corners = rows.table[QUAD_COLUMNS].to_numpy(float)
    given = ~np.isnan(corners).all(axis=1)
    bad = given & ~np.isfinite(corners).all(axis=1)
    column = QUAD_COLUMNS[0]
    if bad.any():
        column = QUAD_COLUMNS[int((~np.isfinite(corners[bad.argmax()])).argmax())]
    rows.refuse(bad, column, "a quadrilateral needs all of q0 … q7 (x, y of four corners), or none")
    if not given.any():
        return
    points = np.where(given[:, None], corners, 0.0).reshape(-1, 4, 2)
    rows.refuse(
        given & (_greatest_triangle(points) <= 0),
        QUAD_COLUMNS[0],
        "the quadrilateral is empty: its corners lie on one line",
    )
    low, high = points.min(axis=1) - SLACK, points.max(axis=1) + SLACK
    box = rows.table[BOX].to_numpy(float).reshape(-1, 2, 2)
    rows.refuse(
        given & ((box[:, 0] < low) | (box[:, 1] > high)).any(axis=1),
        QUAD_COLUMNS[0],
        "the box ({x0}, {y0}, {x1}, {y1}) reaches beyond its quadrilateral; give x, y of the "
        "corners in pixels, and the box that encloses them",
    )


def _greatest_triangle(points: np.ndarray) -> np.ndarray:
    """Return the doubled area of the greatest triangle among four points, float [N] of [N, 4, 2].

    It is 0 where they are on a line, and not for corners in a crossed order.
    """
    areas = []
    for a, b, c in ((0, 1, 2), (0, 1, 3), (0, 2, 3), (1, 2, 3)):
        u, v = points[:, b] - points[:, a], points[:, c] - points[:, a]
        areas.append(np.abs(u[:, 0] * v[:, 1] - u[:, 1] * v[:, 0]))
    greatest: np.ndarray = np.max(areas, axis=0)
    return greatest
