"""Retrieval galleries: a query's results by the reference and after anonymization."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from anonbench.core.errors import InputError
from anonbench.reporting.figures.examples import PRINT, show
from anonbench.reporting.figures.style import (
    INK,
    SOFT,
    TALLEST,
    TWO_COLUMNS,
    new_figure,
    save,
    styled,
)

LABEL = 0.92
"""Width in inches of the names of rows."""
HEADER = 0.2
GAP = 0.07
APART = 0.14
"""Space in inches between a query and its results, and between two queries."""
CAPTION = 0.13
"""Height in inches of the line below each result."""
WIDEST = 0.9

_FRAMES: dict[str, dict[str, Any]] = {
    "match": {"color": INK, "linewidth": 1.8, "linestyle": "-"},
    "other": {"color": SOFT, "linewidth": 0.7, "linestyle": (0, (2.5, 2))},
    "plain": {"color": SOFT, "linewidth": 0.5, "linestyle": "-"},
}


@dataclass(frozen=True)
class Result:
    """One retrieved image."""

    picture: np.ndarray
    """uint8 [H, W] or [H, W, 3] RGB."""
    rank: int
    """Its place in the reference ranking of the same query, from 1."""


@dataclass(frozen=True)
class GalleryRow:
    """One row: a query and its first results."""

    name: str
    """On at most two lines."""
    query: np.ndarray
    results: Sequence[Result]
    reference: bool = False
    """Whether this is the reference ranking itself, which has nothing to be compared with."""

    @property
    def matches(self) -> list[bool]:
        """Whether each result is among as many first results of the reference."""
        return [result.rank <= len(self.results) for result in self.results]


def gallery(
    queries: Sequence[Sequence[GalleryRow]], outputs: Sequence[Path], dpi: int = 150
) -> None:
    """Draw the rows of each query below each other, matches in bold frames.

    Args:
        queries: the rows of each query; all rows have as many results, or fewer in a small set.
        outputs: .png and .svg paths.
        dpi: of the PNG.

    Raises:
        InputError: there is no query, or a query has no result.

    """
    all_rows = [row for rows in queries for row in rows]
    if not all_rows or not all(row.results for row in all_rows):
        raise InputError("a gallery needs a query with a result")
    columns = 1 + max(len(row.results) for row in all_rows)
    aspect = max(_aspect(image) for row in all_rows for image in _pictures(row))
    blocks = APART * (len(queries) - 1)
    across = (TWO_COLUMNS - LABEL - APART - GAP * columns) / columns
    down = (TALLEST - HEADER - blocks) / len(all_rows) - CAPTION - GAP
    side = min(WIDEST, across, down / aspect)
    tall = side * aspect
    height = HEADER + len(all_rows) * (tall + CAPTION + GAP) + blocks
    width = LABEL + APART + columns * (side + GAP)
    margin = (TWO_COLUMNS - width) / 2
    lefts = [
        margin + LABEL + place * (side + GAP) + APART * bool(place) for place in range(columns)
    ]
    with styled():
        figure = new_figure(TWO_COLUMNS, height, constrained=False)
        _heads(figure, [left + side / 2 for left in lefts])
        top = HEADER
        for rows in queries:
            for row in rows:
                centre = 1 - (top + tall / 2) / height
                figure.text(
                    (lefts[0] - GAP) / TWO_COLUMNS,
                    centre,
                    _label(row),
                    ha="right",
                    va="center",
                    fontsize=6.5,
                    linespacing=1.25,
                )
                marks = ["plain"] + [_mark(row, match) for match in row.matches]
                for place, image in enumerate(_pictures(row)):
                    box = (lefts[place] / TWO_COLUMNS, 1 - (top + tall) / height)
                    axes = figure.add_axes((*box, side / TWO_COLUMNS, tall / height))
                    show(axes, image, round(side * dpi * PRINT))
                    axes.set_anchor("S")
                    for spine in axes.spines.values():
                        spine.set(**_FRAMES[marks[place]])
                    if place and not row.reference:
                        _rank(axes, row.results[place - 1].rank, marks[place] == "match")
                top += tall + CAPTION + GAP
            top += APART
        save(figure, outputs, dpi)


def _aspect(image: np.ndarray) -> float:
    return float(image.shape[0] / image.shape[1])


def _pictures(row: GalleryRow) -> list[np.ndarray]:
    return [row.query, *(result.picture for result in row.results)]


def _mark(row: GalleryRow, match: bool) -> str:
    if row.reference:
        return "plain"
    return "match" if match else "other"


def _label(row: GalleryRow) -> str:
    if row.reference:
        return row.name
    return f"{row.name}\n{sum(row.matches)} of {len(row.results)} match"


def _rank(axes: Axes, rank: int, match: bool) -> None:
    axes.annotate(
        f"ref. {rank:,}",
        (0.5, 0),
        (0, -2.5),
        xycoords="axes fraction",
        textcoords="offset points",
        ha="center",
        va="top",
        fontsize=5.5,
        fontweight="bold" if match else "normal",
        color=INK if match else SOFT,
    )


def _heads(figure: Figure, centres: Sequence[float]) -> None:
    width, height = figure.get_size_inches()
    for place, centre in enumerate(centres):
        figure.text(
            centre / width,
            1 - HEADER / 2 / height,
            str(place) if place else "Query",
            ha="center",
            va="center",
            fontsize=7,
        )
