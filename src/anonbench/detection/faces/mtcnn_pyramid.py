"""MTCNN's image pyramid, cut into tiles and laid out on few sheets for its first network.

The first network looks at squares of 12 pixels, 2 apart, so tiles that overlap by 10 give the same
cells as the whole image. Small scales share a sheet: one call of the network serves many. Large
ones are cut: what is computed at once fits into the processor's cache, and needs little memory
however large the image is.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from functools import lru_cache

import numpy as np

FIELD = 12
STRIDE = 2
OVERLAP = FIELD - STRIDE
TILE_CELLS = 75
"""Cells of a tile in each direction at most."""
SHEET_PIXELS = 200 * 200
LAYOUTS = 16
"""Sizes of images whose layout is remembered."""


@dataclass(frozen=True)
class Tile:
    """A part of one scale: its size there, where it begins there, and its place on the sheet."""

    scale: int
    top: int
    left: int
    height: int
    width: int
    sheet_top: int
    sheet_left: int


@dataclass
class Sheet:
    """Tiles side by side; sides are even, as are the tiles' places."""

    height: int
    width: int
    tiles: list[Tile] = field(default_factory=list)
    owner: np.ndarray = field(default_factory=lambda: np.empty((0, 0), np.int16))
    """int16 [height / 2 − 5, width / 2 − 5]: the tile that a cell belongs to; −1: none."""


@dataclass(frozen=True)
class Layout:
    """Everything about the pyramid that follows from the image's size."""

    scales: list[float]
    sizes: list[tuple[int, int]]
    """Rows and columns of each scale."""
    sheets: list[Sheet]


@lru_cache(maxsize=LAYOUTS)
def layout(height: int, width: int, min_face_size: int, factor: float) -> Layout:
    """Lay out the pyramid of an image of so many pixels."""
    scales = pyramid_scales(min(height, width), min_face_size, factor)
    sizes = [(int(height * scale + 1), int(width * scale + 1)) for scale in scales]
    return Layout(scales, sizes, _sheets(sizes))


def pyramid_scales(side: int, min_face_size: int, factor: float) -> list[float]:
    """Return the scales, largest first, that leave 12 of the shorter side's pixels."""
    scale = FIELD / min_face_size
    left = side * scale
    scales = []
    while left >= FIELD:
        scales.append(scale)
        scale *= factor
        left *= factor
    return scales


def cells(pixels: int) -> int:
    """Return the first network's cells along so many pixels: its pooling keeps an odd last one."""
    return math.ceil((pixels - 2) / 2) - 4


def _cut(pixels: int) -> list[tuple[int, int]]:
    """Return where the tiles along one side begin, and how long they are."""
    starts = range(0, cells(pixels), TILE_CELLS)
    longest = STRIDE * TILE_CELLS + OVERLAP
    return [(STRIDE * cell, min(longest, pixels - STRIDE * cell)) for cell in starts]


def _even(pixels: int) -> int:
    return pixels + pixels % 2


def _sheets(sizes: list[tuple[int, int]]) -> list[Sheet]:
    """Put the tiles on shelves, the highest first, and the shelves on sheets."""
    parts = [
        (scale, top, left, height, width)
        for scale, (rows, columns) in enumerate(sizes)
        for top, height in _cut(rows)
        for left, width in _cut(columns)
    ]
    parts.sort(key=lambda part: -part[3])
    across = max((_even(part[4]) for part in parts), default=0)
    sheets: list[Sheet] = []
    shelves: list[list[int]] = []  # sheet, top, height, width taken
    for scale, top, left, height, width in parts:
        high, wide = _even(height), _even(width)
        shelf = next((s for s in shelves if s[2] >= high and s[3] + wide <= across), None)
        if shelf is None:
            if not sheets or (sheets[-1].height + high) * across > SHEET_PIXELS:
                sheets.append(Sheet(0, across))
            shelf = [len(sheets) - 1, sheets[-1].height, high, 0]
            shelves.append(shelf)
            sheets[-1].height += high
        tile = Tile(scale, top, left, height, width, shelf[1], shelf[3])
        sheets[shelf[0]].tiles.append(tile)
        shelf[3] += wide
    for sheet in sheets:
        sheet.owner = _owners(sheet)
    return sheets


def _owners(sheet: Sheet) -> np.ndarray:
    owner = np.full((cells(sheet.height), cells(sheet.width)), -1, np.int16)
    for index, tile in enumerate(sheet.tiles):
        top, left = tile.sheet_top // STRIDE, tile.sheet_left // STRIDE
        owner[top : top + cells(tile.height), left : left + cells(tile.width)] = index
    return owner
