"""Pictures in rows and columns, and examples: every method and degree on the same images."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from PIL import Image

from anonbench.core.errors import InputError
from anonbench.core.registries.method_names import in_order, is_audited, place_of
from anonbench.core.vocabulary import Variant
from anonbench.reporting.figures import style
from anonbench.reporting.labels import METHODS
from anonbench.reporting.shown_images import Images

BLOCK_GAP = 0.16  # additional space in inches between two blocks
SIDE = 0.28  # space in inches for the row labels
WIDEST = 1.55  # width in inches beyond which an image is not enlarged

GAP = 0.06  # space in inches between two pictures
HEADER = 0.24  # space in inches for the column labels
Place = tuple[int, int]  # row and column
PRINT = 2  # oversampling: image pixels per figure pixel before the final smooth downscaling


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
        """Choose the size of the pictures, at most `widest`, height `aspect` times the width.

        Lengths are in inches, with space above each row and before each column. The figure fills at
        most so many pages, unless pictures would be narrower than `least`.
        """
        wide = min(widest, (style.TWO_COLUMNS - sum(before) - GAP) / len(before))
        down = (style.TALLEST * pages - HEADER - sum(above) - GAP) / len(above)
        fitting = min(wide, down / aspect)
        self.side = fitting if fitting >= least else wide
        self._tall = self.side * aspect
        self._left = np.cumsum(before) + self.side * np.arange(len(before))
        self._top = HEADER + np.cumsum(above) + self._tall * np.arange(len(above))
        self._width = sum(before) + len(before) * self.side + GAP
        self._height = HEADER + sum(above) + len(above) * self._tall + GAP
        self.figure = style.new_figure(self._width, self._height, constrained=False)

    def axes(self, row: int, column: int) -> Axes:
        """Place of a picture."""
        wide, tall = self.side / self._width, self._tall / self._height
        left, top = self._left[column] / self._width, self._top[row] / self._height
        return self.figure.add_axes((left, 1 - top - tall, wide, tall))

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
        spine.set(visible=True, color=style.GRID, linewidth=0.6)


def scaled(image: np.ndarray, width: int) -> np.ndarray:
    """Downscale an image that is wider than `width` pixels."""
    if image.shape[1] <= width:
        return image
    size = (width, max(1, round(image.shape[0] * width / image.shape[1])))
    return np.asarray(Image.fromarray(image).resize(size, Image.Resampling.BOX))


def examples(
    variants: Mapping[Variant, Images],
    ids: Sequence[str],
    show_originals: bool,
    outputs: Sequence[Path],
    dpi: int = 150,
) -> None:
    """Draw images in all their variants: one block per image, rows methods, columns degrees.

    With a single degree each image is one row, with its methods as columns. Blocks are placed side
    by side while they fit into six columns. The original is drawn only with `show_originals`.

    Raises:
        InputError: no anonymized variant was given.
    """
    shown = [v for v in variants if v.method or show_originals]
    shown.sort(key=lambda variant: (place_of(variant.method), variant.degree))
    if not any(variant.method for variant in shown):
        raise InputError("an examples figure needs an anonymized variant")
    with style.styled():
        if not ids:
            nothing = style.blank("Not shown: no image has all of its regions hidden")
            return style.save(nothing, outputs, dpi)
        heads, rows, cells = _arrange(shown)
        beside = min(max(1, 6 // len(heads)), len(ids)) if any(rows) else 1
        down = -(-len(ids) // beside)
        read = {(v, name): variants[v].read(name) for v in cells for name in ids}
        apart = GAP + (BLOCK_GAP if any(rows) else 0.0)
        above = [0.0, *([apart, *[GAP] * (len(rows) - 1)] * down)[1:]]
        first = SIDE if any(rows) else GAP
        before = [first, *([GAP + BLOCK_GAP, *[GAP] * (len(heads) - 1)] * beside)[1:]]
        aspect = max(image.shape[0] / image.shape[1] for image in read.values())
        grid = PictureGrid(above, before, aspect, WIDEST)
        for number, name in enumerate(ids):
            block_row, block_column = divmod(number, beside)
            for variant, (row, column) in cells.items():
                place = (block_row * len(rows) + row, block_column * len(heads) + column)
                show(grid.axes(*place), read[variant, name], round(grid.side * dpi * PRINT))
        for column, text in enumerate(heads * beside):
            grid.column_label(column, column, text, fontsize=6.5 if "\n" in text else None)
        for row, text in enumerate(rows * down):
            grid.row_label(row, SIDE / 2, text, ha="center", rotation=90)
        return style.save(grid.figure, outputs, dpi)


def _arrange(variants: Sequence[Variant]) -> tuple[list[str], list[str], Mapping[Variant, Place]]:
    """Labels of a block's columns and rows, and the row and column of each variant in it."""
    degrees = sorted({variant.degree for variant in variants if variant.method})
    if len(degrees) == 1:
        heads = [_head(str(v.method)) if v.method else "Original" for v in variants]
        return heads, [""], {variant: (0, column) for column, variant in enumerate(variants)}
    methods = in_order(v.method for v in variants if v.method)
    first = ["Original"] if not all(variant.method for variant in variants) else []
    cells = {
        v: (methods.index(v.method), len(first) + degrees.index(v.degree)) if v.method else (0, 0)
        for v in variants
    }
    heads = [*first, *(f"{degree} %" for degree in degrees)]
    return heads, [METHODS[method] for method in methods], cells


def _head(method: str) -> str:
    label = METHODS[method]  # on two lines for a strength of one
    return label if method in METHODS or not is_audited(method) else label.replace(" ", "\n", 1)
