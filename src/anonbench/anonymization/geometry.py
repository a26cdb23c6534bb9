"""Conversion of a region in floating-point pixels to the pixels that are hidden."""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil, floor
from typing import NamedTuple

import numpy as np

from anonbench.anonymization.blocks import Window, in_whole_blocks
from anonbench.config import Anonymization
from anonbench.core.boxes import Region
from anonbench.core.libraries.opencv import cv2
from anonbench.core.numeric.compiled import compiled

_NEXT = np.array([1, 2, 3, 0])
_SLACK = 1e-8
"""How far, in pixels, a region reaches beyond its slanted edges: rounding hides rather more."""


class Cover(NamedTuple):
    """The pixels of one region: a window of the image and, inside it, which pixels belong.

    The window is the region's own, or a larger one where that is narrower than was asked for.
    """

    window: Window
    """Rows and columns of the image."""
    inside: np.ndarray | None
    """bool [h, w] of the window; None where the whole window belongs to the region."""


def cover(
    region: Region,
    shape: tuple[int, ...],
    margin: float = 1.0,
    least: int = 1,
    form: str = "box",
    around: int = 0,
    blocks: bool = False,
) -> Cover | None:
    """Return every pixel that the region touches, or None where it lies outside the image.

    Args:
        region: box or quadrilateral in pixels.
        shape: the image's, [H, W] or [H, W, 3].
        margin: factor about the region's centre.
        least: sides that the window has at least, where the image is that large.
        form: `box`: the region itself; `ellipse`: the one inside its box (a quadrilateral stays
            one); `image`: the whole image.
        around: pixels of its surroundings in the window, on each side, as far as the image reaches.
        blocks: whether the region covers all coding blocks of its file that it touches.

    """
    return covers([region], shape, margin, least, [form], around, blocks)[0]


def covers(
    regions: Sequence[Region],
    shape: tuple[int, ...],
    margin: float,
    least: int,
    forms: Sequence[str],
    around: int = 0,
    blocks: bool = False,
) -> list[Cover | None]:
    """Return `cover` of each region of an image; slanted ones take less time together."""
    found: list[Cover | None] = []
    quads: dict[int, Sequence[float]] = {}
    for region, form in zip(regions, forms, strict=True):
        if form == "image":
            found.append(Cover((slice(0, shape[0]), slice(0, shape[1])), None))
        elif region.quad is not None:
            quads[len(found)] = _grow(region.quad, margin)
            found.append(None)
        else:
            box = _grow((region.x0, region.y0, region.x1, region.y1), margin)
            window = _window(box, shape)
            inside = _round(box, window) if window and form == "ellipse" else None
            found.append(window and Cover(window, inside))
    if quads:
        for number, area in zip(quads, _slanted([*quads.values()], shape), strict=True):
            found[number] = area
    if blocks:
        found = [
            area and Cover(*in_whole_blocks(*area, region.blocks, shape))
            for area, region in zip(found, regions, strict=True)
        ]
    if least == 1 and not around:
        return found
    return [area and _surrounded(_widened(area, shape, least), shape, around) for area in found]


def framed(
    regions: Sequence[Region], shape: tuple[int, ...], settings: Anonymization
) -> np.ndarray:
    """Return bool [H, W]: the upright boxes of regions, every pixel or block that they touch."""
    frames = np.zeros(shape[:2], bool)
    for region in regions:
        if settings.shape.of(region.entity) == "image":
            frames[:] = True
        elif (window := _window(_upright(region, settings.margin), shape)) is not None:
            blocks = region.blocks if settings.coding_blocks else ()
            window, inside = in_whole_blocks(window, None, blocks, shape)
            frames[window] |= True if inside is None else inside
    return frames


def together(areas: Sequence[Cover]) -> list[tuple[Window, list[Cover]]]:
    """Return groups of regions whose windows share pixels, each with the window about all of them.

    No two of the windows about groups share a pixel.
    """
    groups: list[tuple[Window, list[Cover]]] = []
    for area in areas:
        window, members = area.window, [area]
        while met := [group for group in groups if _share(group[0], window)]:
            groups = [group for group in groups if not _share(group[0], window)]
            for other, others in met:
                window = _about(window, other)
                members = [*others, *members]
        groups.append((window, members))
    return groups


def within(window: Window, other: Window) -> Window:
    """Return the place of a window in another one that holds it."""
    rows, columns = (
        slice(part.start - whole.start, part.stop - whole.start)
        for part, whole in zip(window, other, strict=True)
    )
    return rows, columns


def _share(one: Window, other: Window) -> bool:
    """Tell whether two windows have a pixel in common."""
    return all(a.start < b.stop and b.start < a.stop for a, b in zip(one, other, strict=True))


def _about(one: Window, other: Window) -> Window:
    """Return the smallest window that holds both."""
    rows, columns = (
        slice(min(a.start, b.start), max(a.stop, b.stop)) for a, b in zip(one, other, strict=True)
    )
    return rows, columns


def extent(region: Region, margin: float = 1.0) -> tuple[int, int, int, int]:
    """Return the pixels that a region's upright box touches, also beyond the image.

    Returns:
        x0, y0, x1, y1, half-open.

    """
    x0, y0, x1, y1 = _upright(region, margin)
    return floor(x0), floor(y0), ceil(x1), ceil(y1)


def _upright(region: Region, margin: float) -> Sequence[float]:
    if region.quad is None:
        return _grow((region.x0, region.y0, region.x1, region.y1), margin)
    quad = _grow(region.quad, margin)
    across, down = quad[::2], quad[1::2]
    return min(across), min(down), max(across), max(down)


def _round(box: Sequence[float], window: Window) -> np.ndarray:
    """Return bool [h, w]: the pixels of a window that the ellipse inside a box touches.

    In units of its half axes it is a circle, and the point of a pixel nearest to its centre is
    found for each axis by itself.
    """
    rows, columns = window
    x0, x1 = (each - columns.start for each in box[::2])
    y0, y1 = (each - rows.start for each in box[1::2])
    height, width = rows.stop - rows.start, columns.stop - columns.start
    nearest = []
    for low, high, length in ((y0, y1, height), (x0, x1, width)):
        centre, half = (low + high) / 2, max((high - low) / 2, 1e-9)
        start = np.arange(length)
        nearest.append((np.clip(centre, start, start + 1.0) - centre) / half)
    return np.asarray(nearest[0][:, None] ** 2 + nearest[1][None, :] ** 2 < 1.0)


def _widened(area: Cover, shape: tuple[int, ...], least: int) -> Cover:
    """Return the same pixels in a window of at least `least` pixels a side, about the old one."""
    old_rows, old_columns = area.window
    if min(old_rows.stop - old_rows.start, old_columns.stop - old_columns.start) >= least:
        return area
    rows, columns = (
        _at_least(extent, least, length) for extent, length in zip(area.window, shape, strict=False)
    )
    if (rows, columns) == area.window:
        return area
    inside = np.zeros((rows.stop - rows.start, columns.stop - columns.start), bool)
    inside[
        old_rows.start - rows.start : old_rows.stop - rows.start,
        old_columns.start - columns.start : old_columns.stop - columns.start,
    ] = True if area.inside is None else area.inside
    return Cover((rows, columns), inside)


def _surrounded(area: Cover, shape: tuple[int, ...], around: int) -> Cover:
    """Return the same pixels in a window with so many more on each side."""
    if not around:
        return area
    rows, columns = area.window
    height = min(rows.stop + around, shape[0]) - max(rows.start - around, 0)
    width = min(columns.stop + around, shape[1]) - max(columns.start - around, 0)
    if (height, width) == (rows.stop - rows.start, columns.stop - columns.start):
        return area
    down, right = min(around, rows.start), min(around, columns.start)
    inside = np.zeros((height, width), bool)
    inside[down : down + rows.stop - rows.start, right : right + columns.stop - columns.start] = (
        True if area.inside is None else area.inside
    )
    top, left = rows.start - down, columns.start - right
    return Cover((slice(top, top + height), slice(left, left + width)), inside)


def _at_least(extent: slice, least: int, length: int) -> slice:
    """Widen an extent to both sides alike (an odd pixel after it), within 0 … `length`."""
    size = max(extent.stop - extent.start, min(least, length))
    start = extent.start - (size - (extent.stop - extent.start)) // 2
    start = min(max(start, 0), length - size)
    return slice(start, start + size)


def _grow(points: Sequence[float], factor: float) -> Sequence[float]:
    """Move points x, y, x, y, … away from their centre by `factor`.

    They are rounded to a millionth of a pixel, so that no error of arithmetic adds a pixel.
    """
    if factor == 1.0:
        return points
    count = len(points) // 2
    centre = (sum(points[::2]) / count, sum(points[1::2]) / count)
    moved = (centre[i % 2] + factor * (value - centre[i % 2]) for i, value in enumerate(points))
    return [round(value, 6) for value in moved]


def _window(box: Sequence[float], shape: tuple[int, ...]) -> Window | None:
    """Return the rows and columns that a box touches, or None where it lies outside."""
    x0, y0 = max(floor(box[0]), 0), max(floor(box[1]), 0)
    x1, y1 = min(ceil(box[2]), shape[1]), min(ceil(box[3]), shape[0])
    return (slice(y0, y1), slice(x0, x1)) if x0 < x1 and y0 < y1 else None


def _slanted(quads: Sequence[Sequence[float]], shape: tuple[int, ...]) -> list[Cover | None]:
    """Return the pixels that the convex hulls of corners x, y, x, y, … touch."""
    corners = np.array(quads).reshape(-1, 4, 2)
    boxes = np.concatenate([corners.min(axis=1), corners.max(axis=1)], axis=1).tolist()
    windows = [_window(box, shape) for box in boxes]
    there = [window for window in windows if window is not None]
    if len(there) < len(windows):
        corners = corners[[window is not None for window in windows]]
    insides = iter(_touched(corners, there) if there else ())
    return [window and Cover(window, next(insides)) for window in windows]


def _touched(corners: np.ndarray, windows: Sequence[Window]) -> list[np.ndarray]:
    """Return the pixels that the convex hulls of corners touch, bool, each as large as its window.

    A pixel is a square: it is left out only where it lies beyond one of the edges as a whole, so
    that rounding never leaves a sliver of a region in sight. In a row of pixels, an edge reaches as
    far as it does at the row's upper or lower end.

    Args:
        corners: float64 [n, 4, 2], n > 0: x, y.
        windows: the rows and columns that each hull reaches over.

    """
    places = np.array([(y.start, y.stop, x.start, x.stop) for y, x in windows])
    heights, widths = places[:, 1] - places[:, 0], places[:, 3] - places[:, 2]
    ends = (heights * widths).cumsum()
    pixels = _filled(_edges((corners - places[:, None, 2::-2]).T), heights, widths, ends)
    sizes = zip(ends.tolist(), heights.tolist(), widths.tolist(), strict=True)
    return [pixels[end - h * w : end].reshape(h, w) for end, h, w in sizes]


@compiled
def _filled(lines, heights, widths, ends):  # type: ignore[no-untyped-def]
    """Return bool [ends[-1]]: the pixels of each hull in its window, one after the other.

    Args:
        lines: of `_edges`, in windows.
        heights: int [n], of the windows.
        widths: the same.
        ends: the number of pixels in a window and those before it.

    """
    pixels = np.zeros(ends[-1], np.bool_)
    for number in range(ends.size):
        height, width = heights[number], widths[number]
        start = ends[number] - height * width
        for row in range(height):
            right = left = np.inf
            for edge in range(4):
                reach = lines[2, edge, number] * (row - lines[3, edge, number])
                right = min(right, lines[0, edge, number] + reach)
                left = min(left, lines[1, edge, number] + reach)
            first = min(max(-np.floor(left + (1 + _SLACK)), 0), width)
            stop = max(min(np.floor(right + (1 + _SLACK)), width), first)
            pixels[start + int(first) : start + int(stop)] = True
            start += width
    return pixels


def _edges(corners: np.ndarray) -> np.ndarray:
    """Return how far the edges of convex hulls let their pixels reach, as lines across the rows.

    Args:
        corners: float64 [2, 4, n]: x and y.

    Returns:
        float64 [4, 4, n]. In a row, an edge reaches `slope * (row - y)` beyond the first of these
        to the right, beyond the second to the left, then come slope and y. Where an edge does not
        bound a side, it is at infinity.

    """
    x, y = starts = corners.astype(np.float32).astype(np.float64)
    dx, dy = starts.take(_NEXT, axis=1) - starts
    hand = np.sign(dx * dy.take(_NEXT, axis=0) - dy * dx.take(_NEXT, axis=0))
    dx *= hand
    dy *= hand
    (not_in_order,) = (hand.min(axis=0) * hand.max(axis=0) <= 0).nonzero()
    for number in not_in_order:
        edges = _edges_of_hull(corners[..., number].T)
        x[:, number], y[:, number], dx[:, number], dy[:, number] = zip(*edges, strict=True)
    slope = np.divide(dx, np.abs(dy), out=np.zeros(dx.shape), where=dy != 0)
    right, left = np.where(dy > 0, x, np.inf), np.where(dy < 0, -x, np.inf)
    return np.array([right, left, slope, y - (slope > 0)])


def _edges_of_hull(corners: np.ndarray) -> list[tuple[float, float, float, float]]:
    """Return the edges where the corners' order is not that of their hull, or one lies inside."""
    hull = cv2.convexHull(corners.astype(np.float32))[:, 0].tolist()
    pairs = [*zip(hull, [*hull[1:], hull[0]], strict=True)]
    area = sum(x * v - u * y for (x, y), (u, v) in pairs)
    hand = (area > 0) - (area < 0)
    edges = [(x, y, (u - x) * hand, (v - y) * hand) for (x, y), (u, v) in pairs]
    return edges + edges[:1] * (4 - len(edges))
