"""Loops over the pixels of one region in the maps of its image, compiled.

A text has dozens of regions of a few thousand pixels: NumPy's calls would take longer than those.
"""

from __future__ import annotations

import numpy as np

from anonbench.core.numeric.compiled import compiled


@compiled
def hull_pixels(corners, place, slack):  # type: ignore[no-untyped-def]
    """Return what the convex hull of four corners covers of a window.

    The hull's left and right ends within a row of pixels are those of the six lines between
    corners, cut at the row's borders.

    Args:
        corners: float64 [4, 2]: x, y.
        place: the window's first row and column, and those behind its last ones.
        slack: pixels by which each pixel is made smaller for the first result, larger for the
            second.

    Returns:
        bool [h, w]: what the hull covers for certain; bool [h, w]: what it may; whether these are
        the same.

    """
    top, left, bottom, right = place
    sure = np.zeros((bottom - top, right - left), np.bool_)
    may = np.zeros((bottom - top, right - left), np.bool_)
    same, flat = True, is_flat(corners, slack)
    for row in range(top, bottom):
        ends = [(0, 0), (0, 0)]
        for number, inset in enumerate((slack, -slack)):
            low, high = row_ends(corners, row + inset, row + 1.0 - inset)
            if flat and number:
                low, high = -np.inf, np.inf
            first = min(max(np.ceil(low - 1.0 + inset), left), right)
            beyond = min(max(np.floor(high - inset) + 1.0, first), right)
            ends[number] = int(first) - left, int(beyond) - left
        sure[row - top, ends[0][0] : ends[0][1]] = True
        may[row - top, ends[1][0] : ends[1][1]] = True
        same &= ends[0] == ends[1]
    return sure, may, same


@compiled
def row_ends(corners, start, stop):  # type: ignore[no-untyped-def]
    """Return how far a hull reaches between two heights, to the left and to the right.

    An edge is level where its height is below 1e-12 pixels: its slope may be no number.
    """
    low, high = np.inf, -np.inf
    for a in range(3):
        for b in range(a + 1, 4):
            (xa, ya), (xb, yb) = corners[a], corners[b]
            if ya > yb:
                xa, ya, xb, yb = xb, yb, xa, ya
            upper, lower = max(start, ya), min(stop, yb)
            if upper > lower:
                continue
            one, other = xa, xb
            if yb - ya >= 1e-12:
                slope = (xb - xa) / (yb - ya)
                one, other = xa + slope * (upper - ya), xa + slope * (lower - ya)
            low, high = min(low, one, other), max(high, one, other)
    return low, high


@compiled
def is_flat(corners, slack):  # type: ignore[no-untyped-def]
    """Tell whether four corners all but lie on one line, where a hull has no inside.

    It has one if their smaller singular value is large enough. The square of that is the smaller
    root of the characteristic polynomial of the corners' two by two scatter.
    """
    cx, cy = corners[:, 0].mean(), corners[:, 1].mean()
    xx = yy = xy = 0.0
    for x, y in corners:
        xx, yy, xy = xx + (x - cx) ** 2, yy + (y - cy) ** 2, xy + (x - cx) * (y - cy)
    return (xx + yy) / 2 - np.hypot((xx - yy) / 2, xy) < (4 * slack) ** 2


@compiled
def draw(seen, edge, needed, numbers, number, required, may, place):  # type: ignore[no-untyped-def]
    """Add a region to the maps of its image.

    Args:
        seen: bool [H, W], pixels that may show a region.
        edge: bool [H, W], pixels that the last region drawn there may show or not.
        needed: bool [H, W], pixels that some region covers for certain.
        numbers: int [H, W], the number of the last region drawn.
        number: the region's.
        required: bool [h, w], what the region covers for certain; empty: the whole window.
        may: bool [h, w], what it may cover; empty: the same.
        place: see `hull_pixels`.

    """
    top, left, bottom, right = place
    for y in range(bottom - top):
        visible, doubted = seen[top + y, left:right], edge[top + y, left:right]
        covered, last = needed[top + y, left:right], numbers[top + y, left:right]
        if not required.size:
            visible[:], doubted[:], covered[:], last[:] = True, False, True, number
            continue
        sure = required[y]
        maybe = may[y] if may.size else sure
        for x in range(sure.size):
            visible[x] |= maybe[x]
            doubted[x] = (doubted[x] | maybe[x]) & (not sure[x])
            covered[x] |= sure[x]
            last[x] = number if maybe[x] else last[x]


@compiled
def own_pixels(numbers, number, seen, unsure, required, place):  # type: ignore[no-untyped-def]
    """Return bool [h, w] of a region's window: the pixels that have to show it and no other one.

    Args:
        numbers: int [H, W], the last region drawn at each pixel.
        number: the region's.
        seen: bool [H, W], pixels that may show a region.
        unsure: bool [H, W], pixels on edges that no region has explained so far; or empty.
        required: bool [h, w], what the region covers for certain; empty: the whole window.
        place: see `hull_pixels`.

    """
    top, left, bottom, right = place
    own = np.empty((bottom - top, right - left), np.bool_)
    for y in range(bottom - top):
        line, last, visible = own[y], numbers[top + y, left:right], seen[top + y, left:right]
        for x in range(line.size):
            line[x] = (last[x] == number) & visible[x]
        if required.size:
            for x in range(line.size):
                line[x] &= required[y, x]
        if unsure.size:
            doubted = unsure[top + y, left:right]
            for x in range(line.size):
                line[x] &= not doubted[x]
    return own


@compiled
def count_wrong(own, kept, edge, unsure, place):  # type: ignore[no-untyped-def]
    """Count a region's pixels that are not as promised; no more doubt those on edges that are.

    Args:
        own: bool [h, w], of `own_pixels`.
        kept: bool [h, w], the pixels that are as promised.
        edge: bool [h, w], pixels on edges that the region may show; or empty.
        unsure: bool [H, W], which is changed; or empty.
        place: see `hull_pixels`.

    """
    top, left, bottom, right = place
    wrong = 0
    for y in range(bottom - top):
        for x in range(right - left):
            wrong += own[y, x] & (not kept[y, x])
        if edge.size:
            doubted = unsure[top + y, left:right]
            for x in range(right - left):
                doubted[x] &= not (kept[y, x] & edge[y, x])
    return wrong


@compiled
def detail(before, after, own, near):  # type: ignore[no-untyped-def]
    """Measure a region's detail: how far its pixels are from the mean of their four neighbours.

    Args:
        before: uint8 or float32 [c, h, w].
        after: of the same shape and type.
        own: bool [h, w], the region; pixels count whose neighbours lie in it too.
        near: grey levels from which a pixel has detail; and by which one that is nearly as it was
            may differ.

    Returns:
        float64 [c, 3]: pixels with detail, its energy, the energy of what it was changed by; the
        share of the region's pixels that are nearly as they were, in all channels.

    """
    channels, height, width = before.shape
    sums, nearly, count = np.zeros((channels, 3)), 0, 0
    for y in range(height):
        for x in range(width):
            if not own[y, x]:
                continue
            most = 0.0
            for c in range(channels):
                most = max(most, abs(np.float64(before[c, y, x]) - np.float64(after[c, y, x])))
            count += 1
            nearly += most <= near
            if not (0 < y < height - 1 and 0 < x < width - 1):
                continue
            if not (own[y - 1, x] and own[y + 1, x] and own[y, x - 1] and own[y, x + 1]):
                continue
            for c in range(channels):
                was, new = laplacian(before[c], y, x), laplacian(after[c], y, x)
                sums[c, 0] += abs(was) >= near
                sums[c, 1] += was * was
                sums[c, 2] += (new - was) * (new - was)
    return sums, nearly / max(count, 1)


@compiled
def laplacian(plane, y, x):  # type: ignore[no-untyped-def]
    """Difference between a pixel and the mean of its four neighbours."""
    beside = np.float64(plane[y, x - 1]) + np.float64(plane[y, x + 1])
    above = np.float64(plane[y - 1, x]) + np.float64(plane[y + 1, x])
    return np.float64(plane[y, x]) - (beside + above) / 4.0


@compiled
def fill_blocks(pixels, touched, rows, columns):  # type: ignore[no-untyped-def]
    """Add all of each block of which some pixel is there, and what it reaches.

    Args:
        pixels: bool [h, w].
        touched: bool [h, w], which is changed.
        rows: int [n, 4]: first and last row of each block, and of what it reaches, half-open; in
            ascending order.
        columns: int [m, 4]: the same.

    """
    height, width = pixels.shape
    filled = np.zeros(width, np.int64)
    for top, bottom, first, last in rows:
        reached, done = np.zeros(width, np.bool_), 0
        for left, right, start, stop in columns:
            if pixels[max(top, 0) : min(bottom, height), max(left, 0) : min(right, width)].any():
                reached[max(start, done) : stop] = True
                done = stop
        for x in range(width):
            if reached[x]:  # down to where the blocks above have filled it already
                touched[max(first, filled[x]) : last, x] = True
                filled[x] = last
