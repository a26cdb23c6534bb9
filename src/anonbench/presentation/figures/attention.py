"""Attention maps of all heads of the last layer: any models side by side, on the same image."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure
from PIL import Image

from anonbench.presentation.figures.examples import PRINT, show
from anonbench.presentation.figures.style import (
    GRID,
    SOFT,
    TALLEST,
    TWO_COLUMNS,
    empty,
    new_figure,
    save,
    styled,
)
from anonbench.presentation.labels import ADAPTIONS, METHODS
from anonbench.vocabulary import Model, Variant

LABEL = 0.95
"""Width in inches of the names of rows."""
HEADER = 0.36
"""Height in inches of the names of columns."""
CAPTION = 0.13
"""Height in inches of the line above each map."""
GAP = 0.05
BLOCK = 0.16
"""Space in inches before the maps that are laid over the image, and between two images."""
WIDEST = 0.8
PALE = 0.55
"""How much of the image's contrast is left under a map."""

_HEAT = LinearSegmentedColormap.from_list("heat", [(0.84, 0.37, 0.0, a) for a in (0.0, 0.9)])
"""Vermilion, the more opaque the more attention: seen on white pages and on photos alike."""


@dataclass(frozen=True)
class Panel:
    """One model's maps of one image."""

    image_id: str
    model: str
    """As in paths, for example `A-blur-50`."""
    variant: str
    """Of the image: `original`, or method and degree."""
    picture: np.ndarray | None
    """uint8 [S, S, 3], what the network saw of the image; none where it stays hidden."""
    heads: np.ndarray
    """float [heads, h, w], the class token's attention to the patches."""


@dataclass(frozen=True)
class _Cell:
    row: int
    column: int
    kind: Literal["image", "map", "overlay"]
    panel: Panel
    head: int = 0


@dataclass(frozen=True)
class _Grid:
    """Where the pictures of all images stand."""

    cells: list[_Cell]
    beside: bool
    heads: int
    starts: tuple[int, ...]
    """The first row of each image."""

    @property
    def columns(self) -> int:
        return 1 + self.heads * (2 if self.beside else 1)

    @property
    def rows(self) -> int:
        return 1 + max(cell.row for cell in self.cells)

    def left(self, column: int, side: float) -> float:
        """Return the distance of a column from the first, in inches."""
        laid_over = self.beside and column > self.heads
        return column * (side + GAP) + (BLOCK if laid_over else 0.0)

    def top(self, row: int, tall: float) -> float:
        """Return the distance of a row's pictures from the header, in inches."""
        blocks = sum(row >= start for start in self.starts[1:])
        return row * (tall + CAPTION) + CAPTION + blocks * BLOCK

    def side(self, aspect: float) -> float:
        """Return the width of a picture with which the figure fits, a page for each image."""
        across = (TWO_COLUMNS - LABEL - GAP - self.left(self.columns - 1, 0.0)) / self.columns
        pages = TALLEST * len(self.starts) - HEADER
        down = (pages - self.top(self.rows - 1, 0.0)) / self.rows / aspect
        return min(WIDEST, across, down)


def attention(panels: Sequence[Panel], outputs: Sequence[Path], dpi: int = 150) -> None:
    """Draw attention maps: a column a head, a row a model and version of the image.

    Each map stands plain, and laid over the image where that may be seen: in columns of its own,
    or in a row below where so many heads leave no room beside. Every map has its own scale, from
    no attention to its own highest value, which stands above it: a head that looks everywhere a
    little would be black beside one that looks at one spot.

    Args:
        panels: image by image, in the order of the rows; without any the figure says so.
        outputs: .png and .svg paths.
        dpi: of the PNG.

    """
    with styled():
        if panels:
            figure = _draw_all(panels, dpi)
        else:
            figure = new_figure(TWO_COLUMNS, 1.0)
            empty(figure, "No image has a region: there is no map to look at")
        save(figure, outputs, dpi)


def _draw_all(panels: Sequence[Panel], dpi: int) -> Figure:
    aspect = max(panel.heads.shape[1] / panel.heads.shape[2] for panel in panels)
    grid = max((_arrange(panels, beside) for beside in (True, False)), key=lambda g: g.side(aspect))
    side = grid.side(aspect)
    tall = side * aspect
    width = LABEL + grid.left(grid.columns - 1, side) + side + GAP
    height = HEADER + grid.top(grid.rows - 1, tall) + tall + GAP
    figure = new_figure(TWO_COLUMNS, height, constrained=False)
    margin = (TWO_COLUMNS - width) / 2
    for cell in grid.cells:
        left = margin + LABEL + grid.left(cell.column, side)
        bottom = height - HEADER - grid.top(cell.row, tall) - tall
        place = (left / TWO_COLUMNS, bottom / height, side / TWO_COLUMNS, tall / height)
        _draw(figure.add_axes(place), cell, round(side * dpi * PRINT))
    _name(figure, grid, margin, side, tall)
    return figure


def _arrange(panels: Sequence[Panel], beside: bool) -> _Grid:
    heads = max(len(panel.heads) for panel in panels)
    cells: list[_Cell] = []
    starts: list[int] = []
    row, last = 0, None
    for panel in panels:
        if panel.image_id != last:
            starts.append(row)
            last = panel.image_id
        cells.append(_Cell(row, 0, "image", panel))
        numbers = range(len(panel.heads))
        cells += [_Cell(row, 1 + head, "map", panel, head) for head in numbers]
        if panel.picture is not None:
            below, shift = (0, heads) if beside else (1, 0)
            cells += [
                _Cell(row + below, 1 + shift + head, "overlay", panel, head) for head in numbers
            ]
            row += below
        row += 1
    return _Grid(cells, beside, heads, tuple(starts))


def _draw(axes: Axes, cell: _Cell, pixels: int) -> None:
    picture = cell.panel.picture
    if cell.kind == "image":
        if picture is not None:
            return show(axes, picture, pixels)
        axes.set_axis_off()
        axes.text(0.5, 0.5, "not\nshown", ha="center", va="center", fontsize=6, color=SOFT)
        return None
    head = cell.panel.heads[cell.head]
    if cell.kind == "map":
        axes.imshow(head, cmap="magma", vmin=0, interpolation="nearest", aspect="equal")
        axes.set_title(f"{100 * float(head.max()):.1f} %", fontsize=5.5, pad=1.5, color=SOFT)
        axes.title.set_fontweight("normal")
        axes.set_axis_off()
        return None
    assert picture is not None
    height, width = head.shape
    extent = (-0.5, width - 0.5, height - 0.5, -0.5)
    axes.imshow(_pale(picture, pixels), vmin=0, vmax=255, cmap="gray", extent=extent)
    axes.imshow(head, cmap=_HEAT, vmin=0, interpolation="nearest", aspect="equal")
    axes.set_xticks([])
    axes.set_yticks([])
    for spine in axes.spines.values():
        spine.set(visible=True, color=GRID, linewidth=0.6)
    return None


def _pale(picture: np.ndarray, pixels: int) -> np.ndarray:
    """Return a picture in light greys, [h, w], at most so many pixels wide."""
    grey = Image.fromarray(picture).convert("L")
    if grey.width > pixels:
        size = (pixels, max(1, round(grey.height * pixels / grey.width)))
        grey = grey.resize(size, Image.Resampling.BOX)
    return 255 - PALE * (255 - np.asarray(grey, np.float32))


def _name(figure: Figure, grid: _Grid, margin: float, side: float, tall: float) -> None:
    width, height = figure.get_size_inches()

    def across(column: int) -> float:
        return float((margin + LABEL + grid.left(column, side) + side / 2) / width)

    heads = [f"h{number}" for number in range(1, grid.heads + 1)]
    groups = {"Plain": heads, "Over the image": heads} if grid.beside else {"": heads}
    line = 1 - (HEADER - 0.06) / height
    figure.text(across(0), line, "Image", ha="center", va="center", fontsize=7)
    for group, (title, names) in enumerate(groups.items()):
        first = 1 + group * grid.heads
        for place, name in enumerate(names):
            figure.text(across(first + place), line, name, ha="center", va="center", fontsize=7)
        if grid.beside:
            centre = (across(first) + across(first + len(names) - 1)) / 2
            figure.text(
                centre,
                1 - 0.1 / height,
                title,
                ha="center",
                va="center",
                fontsize=7.5,
                fontweight="bold",
            )
    for cell in grid.cells:
        if cell.kind != "image":
            continue
        y = 1 - (HEADER + grid.top(cell.row, tall) + tall / 2) / height
        figure.text(
            (margin + LABEL - GAP * 2) / width,
            y,
            row_label(cell.panel),
            ha="right",
            va="center",
            fontsize=6.5,
            linespacing=1.3,
        )


def row_label(panel: Panel) -> str:
    """Return the model and the version of the image, on two lines."""
    adaption = str(Model.parse(panel.model).adaption)
    return f"{ADAPTIONS[adaption]}\n{variant_label(panel.variant)}"


def variant_label(name: str) -> str:
    """Return what a version of the images is called: `Original`, `Blur 50 %`."""
    variant = Variant.parse(name)
    if variant.method is None:
        return "Original"
    return f"{METHODS[str(variant.method)]} {variant.degree} %"
