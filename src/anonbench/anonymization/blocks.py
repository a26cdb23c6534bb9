"""Extension of hidden pixels to whole coding blocks of the file that an image was decoded from.

A lossy file codes blocks of pixels together. Where a region's edge cuts one, the block's visible
part carries quantization noise of its hidden part, enough to read masked digits.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from anonbench.core.boxes import Blocks
from anonbench.core.numeric.compiled import compiled

Window = tuple[slice, slice]
_TOLERANCE = 1e-6
"""Pixels: rounding of a scaled grid adds no block."""


def in_whole_blocks(
    window: Window, inside: np.ndarray | None, blocks: Sequence[Blocks], shape: tuple[int, ...]
) -> tuple[Window, np.ndarray | None]:
    """Return pixels, and all those of the coding blocks that they touch.

    Args:
        window: rows and columns.
        inside: bool [h, w] of the window; None: all of it.
        blocks: the grids of the image's file.
        shape: the image's.

    Returns:
        The window extended to whole blocks, whatever is inside of it, and the pixels in it.

    """
    grids = [spans for grid in blocks if (spans := _touched(window, grid, shape)) is not None]
    if not grids:
        return window, inside
    windows = [window, *((_reach(rows), _reach(columns)) for rows, columns in grids)]
    down, right = (
        slice(min(each[axis].start for each in windows), max(each[axis].stop for each in windows))
        for axis in (0, 1)
    )
    if inside is None and (down, right) in windows:
        return (down, right), None
    top, left = window[0].start - down.start, window[1].start - right.start
    height, width = (part.stop - part.start for part in window)
    own = np.zeros((down.stop - down.start, right.stop - right.start), np.bool_)
    own[top : top + height, left : left + width] = True if inside is None else inside
    result = own.copy()
    for rows, columns in grids:
        _fill(own, result, rows - down.start, columns - right.start)
    return (down, right), result


def _touched(
    window: Window, grid: Blocks, shape: tuple[int, ...]
) -> tuple[np.ndarray, np.ndarray] | None:
    """Return rows and columns of the blocks that a window touches (`_spans`), None of none."""
    rows = _spans(window[0], grid.top, grid.bottom, grid.y, grid.height, grid.beyond_y, shape[0])
    columns = _spans(window[1], grid.left, grid.right, grid.x, grid.width, grid.beyond_x, shape[1])
    return None if rows is None or columns is None else (rows, columns)


def _reach(spans: np.ndarray) -> slice:
    return slice(int(spans[2, 0]), int(spans[3, -1]))


@compiled
def _fill(own, result, rows, columns):  # type: ignore[no-untyped-def]
    """Add to `result`, bool [h, w], what each block reaches that has a pixel of `own`, the same.

    Blocks may reach as far as the image: so their ends are counted, and no pixel is written twice.
    """
    height, width = own.shape
    tops, bottoms = np.maximum(rows[0], 0), np.minimum(rows[1], height)
    ends = np.zeros((height + 1, width), np.int32)  # of what is reached, along columns
    for i in range(tops.size):
        seen = np.zeros(width + 1, np.int64)  # in this row of blocks, up to a column
        for x in range(width):
            seen[x + 1] = seen[x]
            for y in range(tops[i], bottoms[i]):
                if own[y, x]:
                    seen[x + 1] += 1
                    break
        reached = np.zeros(width + 1, np.int64)
        for j in range(columns.shape[1]):
            start, stop = max(columns[0, j], 0), min(columns[1, j], width)
            if stop > start and seen[stop] > seen[start]:
                reached[columns[2, j]] += 1
                reached[columns[3, j]] -= 1
        count = 0
        for x in range(width):
            count += reached[x]
            if count > 0:
                ends[rows[2, i], x] += 1
                ends[rows[3, i], x] -= 1
    for y in range(height):
        for x in range(width):
            if y > 0:
                ends[y, x] += ends[y - 1, x]
            result[y, x] |= ends[y, x] > 0


def _spans(
    pixels: slice, low: float, high: float, corner: float, step: float, beyond: float, length: int
) -> np.ndarray | None:
    """Return int [4, n]: starts and stops of blocks along an axis, and of what they reach."""
    start, stop = max(pixels.start, low), min(pixels.stop, high)
    if start >= stop:
        return None
    first = np.floor((start - corner) / step + _TOLERANCE)
    last = np.ceil((stop - corner) / step - _TOLERANCE)
    edges = np.clip(corner + step * np.arange(first, last + 1), low, high)
    starts, stops = edges[:-1] + _TOLERANCE, edges[1:] - _TOLERANCE
    spans = np.array(
        [np.floor(starts), np.ceil(stops), np.floor(starts - beyond), np.ceil(stops + beyond)]
    )
    return np.clip(spans, 0, length).astype(int)
