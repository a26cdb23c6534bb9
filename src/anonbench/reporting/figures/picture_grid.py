"""Pictures in rows and columns, at the largest size at which the figure fits a page."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from PIL import Image

from anonbench.reporting.figures.style import GRID, TALLEST, TWO_COLUMNS, new_figure

GAP = 0.06
"""Space in inches between two pictures."""
HEADER = 0.24
"""Space in inches for the column labels."""
PRINT = 2
"""Oversampling: image pixels per figure pixel before the final smooth downscaling."""


class PictureGrid:
    """Figure with places for pictures of one size."""

    def __init__(
        self,
        above: Sequence[float],
        before: Sequence[float],
        aspect: float,
        widest: float,
        pages: int = 1,
        least: float = 0.0,
    ) -> None:
        """Choose the size of the pictures.

        Args:
            above: inches above each row.
            before: inches before each column; those before the first are for row labels.
            aspect: height of a picture relative to its width.
            widest: most inches of a picture's width.
            pages: number of pages that the figure may fill.
            least: inches of width below which the figure is made taller instead.
        """
        across = (TWO_COLUMNS - sum(before) - GAP) / len(before)
        down = (TALLEST * pages - HEADER - sum(above) - GAP) / len(above)
        wide = min(widest, across)
        fitting = min(wide, down / aspect)
        self.side = fitting if fitting >= least else wide
        self._tall = self.side * aspect
        self._above, self._before = np.cumsum(above), np.cumsum(before)
        self._width = float(self._before[-1]) + len(before) * self.side + GAP
        self._height = HEADER + float(self._above[-1]) + len(above) * self._tall + GAP
        self.figure = new_figure(self._width, self._height, constrained=False)

    def axes(self, row: int, column: int) -> Axes:
        """Place of a picture."""
        left, top = self._corner(row, column)
        size = (self.side / self._width, self._tall / self._height)
        return self.figure.add_axes((left / self._width, 1 - top / self._height - size[1], *size))

    def column_label(self, first: int, last: int, text: str, **how: Any) -> None:
        """Write above columns."""
        ends = self._corner(0, first)[0], self._corner(0, last)[0] + self.side
        x, y = sum(ends) / 2 / self._width, 1 - HEADER / 2 / self._height
        self.figure.text(x, y, text, ha="center", va="center", **how)

    def row_label(self, row: int, at: float, text: str, **how: Any) -> None:
        """Write beside a row, at a distance in inches from the left edge."""
        y = 1 - (self._corner(row, 0)[1] + self._tall / 2) / self._height
        self.figure.text(at / self._width, y, text, va="center", **how)

    def _corner(self, row: int, column: int) -> tuple[float, float]:
        """Inches from the figure's upper left corner to a picture's."""
        left = float(self._before[column]) + column * self.side
        return left, HEADER + float(self._above[row]) + row * self._tall


def show(axes: Axes, image: np.ndarray, width: int, **how: Any) -> None:
    """Draw an image into framed axes, first downscaled to `width` pixels if it is wider."""
    axes.imshow(scaled(image, width), cmap="gray", vmin=0, vmax=255, **how)
    frame(axes)


def frame(axes: Axes) -> None:
    """Draw a frame without ticks."""
    axes.set_xticks([])
    axes.set_yticks([])
    for spine in axes.spines.values():
        spine.set(visible=True, color=GRID, linewidth=0.6)


def scaled(image: np.ndarray, width: int) -> np.ndarray:
    """Downscale an image that is wider than `width` pixels."""
    if image.shape[1] <= width:
        return image
    size = (width, max(1, round(image.shape[0] * width / image.shape[1])))
    return np.asarray(Image.fromarray(image).resize(size, Image.Resampling.BOX))
