"""Loops over the pixels of one region, compiled.

A text has dozens of regions of a few thousand pixels: NumPy's calls would take longer than those.
"""

from __future__ import annotations

import numpy as np

from anonbench.core.numeric.compiled import compiled


@compiled
def near(written, expected, allowed):  # type: ignore[no-untyped-def]
    """Return bool [h, w]: whether all channels are less than `allowed` away from what is expected.

    Args:
        written: uint8 [c, h, w].
        expected: float [c, h, w]; or of one row, where all are alike.
        allowed: grey levels.

    """
    channels, height, width = written.shape
    found = np.ones((height, width), np.bool_)
    last = expected.shape[1] - 1
    for c in range(channels):
        for y in range(height):
            line = expected[c, min(y, last)]
            for x in range(width):
                found[y, x] &= abs(written[c, y, x] - line[x]) < allowed
    return found


@compiled
def near_blocks(written, values, down, across, allowed):  # type: ignore[no-untyped-def]
    """Return `near` of blocks of one value each.

    Args:
        written: uint8 [c, h, w].
        values: float [c, rows, columns].
        down: int [h], the row of blocks that each row of pixels lies in.
        across: int [w], the column of blocks of each column.
        allowed: grey levels.

    """
    channels, height, width = written.shape
    found, line = np.ones((height, width), np.bool_), np.empty(width)
    for c in range(channels):
        for y in range(height):
            if y == 0 or down[y] != down[y - 1]:
                for x in range(width):
                    line[x] = values[c, down[y], across[x]]
            for x in range(width):
                found[y, x] &= abs(written[c, y, x] - line[x]) < allowed
    return found


@compiled
def block_sums(original, rows, columns):  # type: ignore[no-untyped-def]
    """Return int64 [c, rows, columns]: exact sums over even blocks.

    A pixel counts by what it shares with a block, in parts of a pixel: one of `rows` down, one of
    `columns` across. So a block has `h * w` of them.

    Args:
        original: uint8 [c, h, w].
        rows: blocks over the height, at most `h`.
        columns: over the width, at most `w`.

    """
    channels, height, width = original.shape
    sums, line = np.zeros((channels, rows, columns), np.int64), np.empty(width, np.int64)
    for c in range(channels):
        for row in range(rows):
            line[:] = 0
            start, stop = row * height, (row + 1) * height
            for y in range(start // rows, -(-stop // rows)):
                shared = min((y + 1) * rows, stop) - max(y * rows, start)
                for x in range(width):
                    line[x] += shared * original[c, y, x]
            for column in range(columns):
                start, stop = column * width, (column + 1) * width
                for x in range(start // columns, -(-stop // columns)):
                    shared = min((x + 1) * columns, stop) - max(x * columns, start)
                    sums[c, row, column] += shared * line[x]
    return sums


@compiled
def changes(written, mask):  # type: ignore[no-untyped-def]
    """Return where a region's pixels differ from those before them: bool [h] and bool [w].

    Args:
        written: uint8 [c, h, w].
        mask: bool [h, w], the region.

    """
    channels, height, width = written.shape
    down, across = np.zeros(height, np.bool_), np.zeros(width, np.bool_)
    for c in range(channels):
        for y in range(height):
            for x in range(1, width):
                differs = written[c, y, x] != written[c, y, x - 1]
                across[x] |= differs & mask[y, x] & mask[y, x - 1]
        for y in range(1, height):
            found = False
            for x in range(width):
                differs = written[c, y, x] != written[c, y - 1, x]
                found |= differs & mask[y, x] & mask[y - 1, x]
            down[y] |= found
    return down, across


@compiled
def steepest(written, mask):  # type: ignore[no-untyped-def]
    """Return the greatest difference between neighbours in a region, uint8.

    Args:
        written: uint8 [c, h, w].
        mask: bool [h, w], the region.

    """
    channels, height, width = written.shape
    greatest = np.zeros(width, np.uint8)  # of a column: many are compared at once
    for c in range(channels):
        for y in range(height):
            line, inside = written[c, y], mask[y]
            for x in range(1, width):
                step = np.uint8(max(line[x], line[x - 1]) - min(line[x], line[x - 1]))
                both = np.uint8(inside[x] & inside[x - 1])
                greatest[x] = max(greatest[x], np.uint8(step * both))
        for y in range(1, height):
            line, above = written[c, y], written[c, y - 1]
            inside, inside_above = mask[y], mask[y - 1]
            for x in range(width):
                step = np.uint8(max(line[x], above[x]) - min(line[x], above[x]))
                both = np.uint8(inside[x] & inside_above[x])
                greatest[x] = max(greatest[x], np.uint8(step * both))
    return greatest.max()
