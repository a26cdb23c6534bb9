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
        """Choose the size of the pictures; lengths are in inches.

        Args:
            above: space above each row.
            before: space before each column, with row labels before the first.
            aspect: height of a picture relative to its width.
            widest: most width of a picture.
            pages: number of pages that the figure may fill.
            least: width below which the figure is made taller instead.
        """
        wide = min(widest, (TWO_COLUMNS - sum(before) - GAP) / len(before))
        down = (TALLEST * pages - HEADER - sum(above) - GAP) / len(above)
        fitting = min(wide, down / aspect)
        self.side = fitting if fitting >= least else wide
        self._tall = self.side * aspect
        self._left = np.cumsum(before) + self.side * np.arange(len(before))
        self._top = HEADER + np.cumsum(above) + self._tall * np.arange(len(above))
        self._width = sum(before) + len(before) * self.side + GAP
        self._height = HEADER + sum(above) + len(above) * self._tall + GAP
        self.figure = new_figure(self._width, self._height, constrained=False)

    def axes(self, row: int, column: int) -> Axes:
        """Place of a picture."""
        size = (self.side / self._width, self._tall / self._height)
        left, top = self._left[column] / self._width, self._top[row] / self._height
        return self.figure.add_axes((left, 1 - top - size[1], *size))

    def column_label(self, first: int, last: int, text: str, **how: Any) -> None:
        """Write above columns."""
        x = (self._left[first] + (self._left[last] + self.side)) / 2 / self._width
        self.figure.text(x, 1 - HEADER / 2 / self._height, text, ha="center", va="center", **how)

    def row_label(self, row: int, at: float, text: str, **how: Any) -> None:
        """Write beside a row, at a distance in inches from the left edge."""
        y = 1 - (self._top[row] + self._tall / 2) / self._height
        self.figure.text(at / self._width, y, text, va="center", **how)


def show(axes: Axes, image: np.ndarray, width: int, **how: Any) -> None:
    """Draw an image into framed axes, first downscaled to `width` pixels if it is wider."""
    axes.imshow(scaled(image, width), cmap="gray", vmin=0, vmax=255, **how)
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
