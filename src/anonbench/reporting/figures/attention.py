"""Attention maps of all heads of the last layer, several models side by side on one image."""

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

from anonbench.core.vocabulary import Model, Variant
from anonbench.reporting.figures.examples import PRINT, show
from anonbench.reporting.figures.style import (
    GRID,
    INK,
    MILLIMETRE,
    SOFT,
    TALLEST,
    TWO_COLUMNS,
    empty,
    new_figure,
    save,
    styled,
)
from anonbench.reporting.labels import ADAPTIONS, METHODS

LABEL = 0.95
"""Width in inches of the row labels."""
HEADER = 0.2
"""Height in inches of the column labels."""
CAPTION = 0.13
"""Height in inches of the line above a map: its head and its highest value."""
GAP = 0.05
BLOCK = 0.16
"""Space in inches before the maps overlaid on the image, and between two images."""
PANEL = 0.09
"""Space in inches between two panels whose heads take several rows."""
SMALLEST = 12 * MILLIMETRE
"""Width in inches below which a map of 14 × 14 patches is unreadable."""
WIDEST = 0.8
PALE = 0.55
"""Share of the image's contrast that remains under a map."""

_HEAT = LinearSegmentedColormap.from_list("heat", [(0.84, 0.37, 0.0, a) for a in (0.0, 0.9)])
"""Vermilion, more opaque for more attention: visible on white pages and on photos."""

_Way = Literal["beside", "below", "alone"]
"""Position of the maps overlaid on the image: right of the plain ones, below, or instead."""


@dataclass(frozen=True)
class Panel:
    """One model's maps of one image."""

    image_id: str
    model: str
    """Name as in paths, for example `A-blur-50`."""
    variant: str
    """Variant of the image: `original`, or method and degree."""
    picture: np.ndarray | None
    """uint8 [S, S, 3], the network's view of the image; None if it must not be shown."""
    heads: np.ndarray
    """float [heads, h, w], the class token's attention to the patches."""


@dataclass(frozen=True)
class _Cell:
    row: int
    column: int
    kind: Literal["image", "map", "overlay"]
    panel: Panel
    head: int = 0
    named: bool = True
    """Whether head and highest value are written above it."""


@dataclass(frozen=True)
class _Grid:
    """Layout of the pictures of all images."""

    cells: list[_Cell]
    way: _Way
    columns: int
    gaps: tuple[float, ...]
    """Inches above each row."""
    images: int

    def left(self, column: int, side: float) -> float:
        """Distance of a column from the first, in inches."""
        laid_over = self.way == "beside" and column > self.columns // 2
        return column * (side + GAP) + (BLOCK if laid_over else 0.0)

    def top(self, row: int, tall: float) -> float:
        """Distance of a row's pictures from the header, in inches."""
        return row * tall + sum(self.gaps[: row + 1])

    @property
    def across(self) -> float:
        """Width of a picture at which the figure spans both columns."""
        free = TWO_COLUMNS - LABEL - GAP - self.left(self.columns - 1, 0.0)
        return min(WIDEST, free / self.columns)

    def side(self, aspect: float) -> float:
        """Width of a picture at which the figure also fits one page per image."""
        pages = TALLEST * self.images - HEADER - GAP
        return min(self.across, (pages - sum(self.gaps)) / len(self.gaps) / aspect)


def attention(panels: Sequence[Panel], outputs: Sequence[Path], dpi: int = 150) -> None:
    """Draw attention maps of all heads, by model and by variant of the image.

    Each map is drawn plain and, if the image may be shown, overlaid on it, in separate columns or
    in a row below. If there are too many heads to draw both at a readable size, each is drawn once,
    over the image if that may be shown, in as many rows as needed; the figure may then be taller
    than a page. Every map has its own scale, from no attention to its own highest value, which is
    written above it: on a common scale, a head with diffuse attention would be black beside a
    focused one.

    Args:
        panels: image by image, in the order of the rows; without any the figure says so.
        outputs: .png and .svg paths.
        dpi: resolution of the PNG.
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
    grid = max((_arrange(panels, way) for way in ("beside", "below")), key=lambda g: g.side(aspect))
    if grid.side(aspect) < SMALLEST:
        grid = _arrange(panels, "alone")
    side = grid.side(aspect)
    if side < SMALLEST:
        side = grid.across
    tall = side * aspect
    width = LABEL + grid.left(grid.columns - 1, side) + side + GAP
    height = HEADER + grid.top(len(grid.gaps) - 1, tall) + tall + GAP
    figure = new_figure(TWO_COLUMNS, height, constrained=False)
    margin = (TWO_COLUMNS - width) / 2
    for cell in grid.cells:
        left = margin + LABEL + grid.left(cell.column, side)
        bottom = height - HEADER - grid.top(cell.row, tall) - tall
        place = (left / TWO_COLUMNS, bottom / height, side / TWO_COLUMNS, tall / height)
        _draw(figure.add_axes(place), cell, round(side * dpi * PRINT))
    _name(figure, grid, margin, side, tall)
    return figure


def _arrange(panels: Sequence[Panel], way: _Way) -> _Grid:
    heads = max(len(panel.heads) for panel in panels)
    in_a_row = heads if way == "beside" else _heads_in_a_row(heads)
    cells: list[_Cell] = []
    gaps: list[float] = []
    images = list(dict.fromkeys(panel.image_id for panel in panels))
    last = panels[0].image_id
    for panel in panels:
        between = BLOCK if panel.image_id != last else PANEL if heads > in_a_row and gaps else 0.0
        last = panel.image_id
        cells.append(_Cell(len(gaps), 0, "image", panel))
        seen = panel.picture is not None
        for first in range(0, len(panel.heads), in_a_row):
            numbers = list(enumerate(range(first, min(first + in_a_row, len(panel.heads))), 1))
            row = len(gaps)
            gaps.append(CAPTION + (between if first == 0 else 0.0))
            kind: Literal["map", "overlay"] = "overlay" if seen and way == "alone" else "map"
            cells += [_Cell(row, column, kind, panel, head) for column, head in numbers]
            if seen and way == "beside":
                cells += [_Cell(row, heads + c, "overlay", panel, head) for c, head in numbers]
            if seen and way == "below":
                gaps.append(GAP)
                cells += [_Cell(row + 1, c, "overlay", panel, head, False) for c, head in numbers]
    columns = 1 + in_a_row * (2 if way == "beside" else 1)
    return _Grid(cells, way, columns, tuple(gaps), len(images))


def _heads_in_a_row(heads: int) -> int:
    """Number of maps beside the image such that none is too small and rows are equally long."""
    most = int((TWO_COLUMNS - LABEL) / (SMALLEST + GAP)) - 1
    return -(-heads // -(-heads // most))


def _draw(axes: Axes, cell: _Cell, pixels: int) -> None:
    picture = cell.panel.picture
    if cell.kind == "image":
        if picture is not None:
            return show(axes, picture, pixels)
        axes.set_axis_off()
        axes.text(0.5, 0.5, "not\nshown", ha="center", va="center", fontsize=6, color=SOFT)
        return None
    head = cell.panel.heads[cell.head]
    if cell.named:
        _name_map(axes, cell.head, float(head.max()))
    if cell.kind == "map":
        axes.imshow(head, cmap="magma", vmin=0, interpolation="nearest", aspect="equal")
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


def _name_map(axes: Axes, head: int, highest: float) -> None:
    percent = 100 * highest
    value = f"{percent:.0f} %" if percent >= 10 else f"{percent:.1f} %"
    axes.set_title(f"h{head + 1}", loc="left", fontsize=6, pad=1.5, color=INK)
    axes.set_title(value, loc="right", fontsize=6, pad=1.5, color=SOFT, fontweight="normal")


def _pale(picture: np.ndarray, pixels: int) -> np.ndarray:
    """A picture in light greys, [h, w], at most `pixels` wide."""
    grey = Image.fromarray(picture).convert("L")
    if grey.width > pixels:
        size = (pixels, max(1, round(grey.height * pixels / grey.width)))
        grey = grey.resize(size, Image.Resampling.BOX)
    return 255 - PALE * (255 - np.asarray(grey, np.float32))


def _name(figure: Figure, grid: _Grid, margin: float, side: float, tall: float) -> None:
    width, height = figure.get_size_inches()

    def across(column: int) -> float:
        return float((margin + LABEL + grid.left(column, side) + side / 2) / width)

    heads = grid.columns // 2 if grid.way == "beside" else grid.columns - 1
    titles = {
        "beside": ("Plain", "Over the image"),
        "below": ("Plain; below, over the image",),
        "alone": ("Over the image, or plain where it is not shown",),
    }[grid.way]
    line = 1 - 0.1 / height
    names = {across(0): "Image"}
    for group, title in enumerate(titles):
        first = 1 + group * heads
        names[(across(first) + across(first + heads - 1)) / 2] = title
    for place, title in names.items():
        figure.text(place, line, title, ha="center", va="center", fontsize=7.5, fontweight="bold")
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
    """Name of the model and the variant of the image, on two lines."""
    adaption = str(Model.parse(panel.model).adaption)
    return f"{ADAPTIONS[adaption]}\n{variant_label(panel.variant)}"


def variant_label(name: str) -> str:
    """Label of a variant: `Original`, `Blur 50 %`."""
    variant = Variant.parse(name)
    if variant.method is None:
        return "Original"
    return f"{METHODS[str(variant.method)]} {variant.degree} %"
