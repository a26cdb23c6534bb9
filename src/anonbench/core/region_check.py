"""Check of a region before it is hidden: a wrong one would hide nothing but count as hidden."""

from __future__ import annotations

import math
from itertools import combinations

import numpy as np

from anonbench.core.boxes import Region
from anonbench.core.numeric.geometry import rectangle
from anonbench.core.vocabulary import Entity

_FARTHEST = 2**24
"""Greatest distance of a corner in pixels: beyond it, float32 cannot represent whole numbers."""
_SHARES = 2.0
"""Pixels; a region that ends before them is taken for shares of width and height (0 to 1), unless
its numbers are whole.
"""
_SLACK = 1.0
"""Pixels by which a box may exceed its quadrilateral, which is the part that is hidden."""
_THINNEST = 1e-3
"""Pixels; corners within this distance of one line enclose no area."""


def region_fault(region: Region, width: float, height: float) -> str | None:
    """Reason why a region cannot be hidden in an image of this size; None if it can.

    Numbers are compared in float32, as in box tables. A region may reach beyond the image if a part
    of it is inside.
    """
    if region.entity not in list(Entity):
        return f"has an entity that is none of {', '.join(Entity)}"
    if region.quad is not None and len(region.quad) != 8:
        return "has no four corners"
    box = (region.x0, region.y0, region.x1, region.y1)
    numbers = np.array([*box, *(region.quad or ())], np.float64)
    if not math.isfinite(region.score) or not (np.abs(numbers) <= _FARTHEST).all():
        return "has a number that is not finite, or a corner that is no place in an image"
    x0, y0, x1, y1, *quad = (float(value) for value in numbers.astype(np.float32))
    if x0 >= x1 or y0 >= y1:
        return "has no size, or ends before it begins"
    is_whole = (numbers == np.floor(numbers)).all() and (x0, y0, x1, y1) != (0.0, 0.0, 1.0, 1.0)
    if max(x1, y1) < _SHARES < max(width, height) and not is_whole:
        return "lies in the first two pixels: are its numbers shares of width and height?"
    if x1 <= 0 or y1 <= 0 or x0 >= width or y0 >= height:
        return "lies outside the image"
    return _quad_fault((x0, y0, x1, y1), quad, width, height) if quad else None


def _quad_fault(
    box: tuple[float, float, float, float], quad: list[float], width: float, height: float
) -> str | None:
    points = np.array(quad).reshape(4, 2)
    low, high = points.min(axis=0) - _SLACK, points.max(axis=0) + _SLACK
    if (np.array(box[:2]) < low).any() or (np.array(box[2:]) > high).any():
        return "has a box that reaches beyond its four corners, which are what is hidden"
    # hull and image are disjoint if a line through two corners, or along an edge, divides them
    image = rectangle(0, 0, width, height)
    sides = [(p[1] - q[1], q[0] - p[0]) for p, q in combinations(points, 2)]
    for axis in ((1.0, 0.0), (0.0, 1.0), *sides):
        length = math.hypot(*axis)
        own, others = points @ axis, image @ axis
        if length and np.ptp(own) < _THINNEST * length:
            return "has its four corners on one line"
        if length and (own.max() <= others.min() or own.min() >= others.max()):
            return "lies outside the image"
    return None
