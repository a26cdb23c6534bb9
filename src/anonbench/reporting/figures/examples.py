"""Examples of anonymized images: every method and degree on the same images."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from PIL import Image

from anonbench.core.errors import InputError
from anonbench.core.numeric.seeding import hash_int
from anonbench.core.registries.method_names import in_order, is_audited, place_of
from anonbench.core.vocabulary import Variant
from anonbench.reporting.figures.style import (
    GRID,
    TALLEST,
    TWO_COLUMNS,
    empty,
    new_figure,
    save,
    styled,
)
from anonbench.reporting.labels import METHODS

GAP = 0.06
BLOCK_GAP = 0.16
"""Additional space in inches between two blocks (`GAP`: between two pictures)."""
HEADER = 0.24
SIDE = 0.28
"""Space in inches for the column and row labels."""
WIDEST = 1.55
"""Width in inches beyond which an image is not enlarged."""
PRINT = 2
"""Oversampling: image pixels per figure pixel before the final smooth downscaling."""


class Images(Protocol):
    """Access to images by id; `anonbench.reporting.images.shown.ShownSet` is one."""

    def __contains__(self, image_id: str) -> bool:
        """Whether an image may be shown."""
        ...

    def read(self, image_id: str) -> np.ndarray:
        """Read an image, uint8 [H, W] or [H, W, 3] RGB."""
        ...


def choose(ids: Iterable[str], number: int) -> list[str]:
    """Choose images by a hash of their ids: the same on every machine, spread over classes."""
    return sorted(ids, key=lambda image_id: hash_int("examples", image_id))[:number]


@dataclass(frozen=True)
class _Grid:
    """Layout of the pictures: cells by row and column, their labels, and the size of a block."""

    columns: list[str]
    rows: list[str]
    cells: dict[tuple[int, int], tuple[Variant, str]]
    block: tuple[int, int]

    @property
    def margin(self) -> float:
        """Space in inches left of the pictures for row labels, if there are any."""
        return SIDE if any(self.rows) else GAP

    def offset(self, axis: int, place: int, side: float) -> float:
        """Distance in inches of a column (axis 1) or row (axis 0) from the first one."""
        return place * (side + GAP) + place // self.block[axis] * BLOCK_GAP


def examples(
    variants: Mapping[Variant, Images],
    ids: Sequence[str],
    show_originals: bool,
    outputs: Sequence[Path],
    dpi: int = 150,
) -> None:
    """Draw images in all their variants: one block per image, rows methods, columns degrees.

    With a single degree each image is one row, with its methods as columns. Blocks are placed side
    by side while they fit into six columns.

    Args:
        variants: the image sets; the original is drawn only with `show_originals`.
        ids: the images, see `choose`; without any the figure says so.
        show_originals: whether original pixels may be shown.
        outputs: .png and .svg paths.
        dpi: resolution of the PNG.

    Raises:
        InputError: no anonymized variant was given.
    """
    shown = sorted((v for v in variants if v.method or show_originals), key=_order)
    if not any(variant.method for variant in shown):
        raise InputError("an examples figure needs an anonymized variant")
    if not ids:
        with styled():
            figure = new_figure(TWO_COLUMNS, 1.0)
            empty(figure, "Not shown: no image has all of its regions hidden")
            return save(figure, outputs, dpi)
    grid = _arrange(shown, ids)
    aspect = max(_aspect(variants[variant].read(name)) for variant, name in grid.cells.values())
    side = _side(grid, aspect)
    tall = side * aspect
    total_width = grid.margin + grid.offset(1, len(grid.columns) - 1, side) + side + GAP
    total_height = HEADER + grid.offset(0, len(grid.rows) - 1, tall) + tall + GAP
    with styled():
        figure = new_figure(total_width, total_height, constrained=False)
        for (row, column), (variant, name) in grid.cells.items():
            left = (grid.margin + grid.offset(1, column, side)) / total_width
            top = (HEADER + grid.offset(0, row, tall) + tall) / total_height
            axes = figure.add_axes((left, 1 - top, side / total_width, tall / total_height))
            show(axes, variants[variant].read(name), round(side * dpi * PRINT))
        _name(figure, grid, side, tall)
        save(figure, outputs, dpi)


def _side(grid: _Grid, aspect: float) -> float:
    """Width of a picture, in inches, at which the figure fits a page."""
    width, height = len(grid.columns), len(grid.rows)
    across = TWO_COLUMNS - grid.margin - GAP - grid.offset(1, width - 1, 0.0)
    down = TALLEST - HEADER - GAP - grid.offset(0, height - 1, 0.0)
    return min(WIDEST, across / width, down / height / aspect)


def _head(method: str) -> str:
    """Label of a method, on two lines for a strength of one."""
    label = METHODS[method]
    return label if method in METHODS or not is_audited(method) else label.replace(" ", "\n", 1)


def _order(variant: Variant) -> tuple[tuple[int, bool, str], int]:
    return place_of(variant.method), variant.degree


def _arrange(variants: Sequence[Variant], ids: Sequence[str]) -> _Grid:
    degrees = sorted({variant.degree for variant in variants if variant.method})
    original = [variant for variant in variants if not variant.method]
    if len(degrees) == 1:
        columns = [_head(str(v.method)) if v.method else "Original" for v in variants]
        cells = {
            (row, column): (variant, name)
            for row, name in enumerate(ids)
            for column, variant in enumerate(variants)
        }
        return _Grid(columns, [""] * len(ids), cells, (len(ids), len(columns)))
    methods = in_order(v.method for v in variants if v.method)
    heads = [*("Original" for _ in original), *(f"{degree} %" for degree in degrees)]
    beside = min(max(1, 6 // len(heads)), len(ids))
    cells = {}
    for number, name in enumerate(ids):
        block_row, block_column = divmod(number, beside)
        for variant in variants:
            if variant.method:
                row = methods.index(str(variant.method))
                column = len(original) + degrees.index(variant.degree)
            else:
                row, column = 0, 0
            place = (block_row * len(methods) + row, block_column * len(heads) + column)
            cells[place] = (variant, name)
    blocks = -(-len(ids) // beside)
    names = [METHODS[method] for method in methods] * blocks
    return _Grid(heads * beside, names, cells, (len(methods), len(heads)))


def _name(figure: Figure, grid: _Grid, side: float, tall: float) -> None:
    width, height = figure.get_size_inches()
    for column, text in enumerate(grid.columns):
        x = (grid.margin + grid.offset(1, column, side) + side / 2) / width
        size = 6.5 if "\n" in text else None
        figure.text(x, 1 - HEADER / 2 / height, text, ha="center", va="center", fontsize=size)
    for row, text in enumerate(grid.rows):
        y = (HEADER + grid.offset(0, row, tall) + tall / 2) / height
        figure.text(SIDE / 2 / width, 1 - y, text, ha="center", va="center", rotation=90)


def _aspect(image: np.ndarray) -> float:
    return float(image.shape[0] / image.shape[1])


def show(axes: Axes, image: np.ndarray, width: int) -> None:
    """Draw an image into axes, first downscaled to `width` pixels if it is wider."""
    if image.shape[1] > width:
        size = (width, max(1, round(image.shape[0] * width / image.shape[1])))
        image = np.asarray(Image.fromarray(image).resize(size, Image.Resampling.BOX))
    axes.imshow(image, cmap="gray", vmin=0, vmax=255, interpolation="auto", aspect="equal")
    axes.set_xticks([])
    axes.set_yticks([])
    for spine in axes.spines.values():
        spine.set(visible=True, color=GRID, linewidth=0.6)
