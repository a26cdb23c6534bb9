"""Outlines of annotation tools, reduced to a box and, with four corners, a quadrilateral.

Numbers here may be anything that JSON holds; what is no number becomes NaN, which the checks refuse
with its place in the file.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

NOTHING = (np.nan,) * 8


def number(value: Any) -> float:
    """Return a JSON number as float; NaN for anything else."""
    if not isinstance(value, int | float) or isinstance(value, bool):
        return np.nan
    try:
        return float(value)
    except OverflowError:  # JSON's whole numbers have no end
        return np.nan


def numbers(values: Any) -> list[float]:
    """Return the numbers of a JSON list; empty for anything else."""
    return [number(value) for value in values] if isinstance(values, list) else []


def outline(xs: Sequence[float], ys: Sequence[float]) -> tuple[list[float], tuple[float, ...]]:
    """Return the enclosing box (x0, y0, x1, y1) and the corners, 8 × NaN unless there are four.

    A closed outline, which ends where it began, has one corner less than points.
    """
    points = list(zip(xs, ys, strict=False))
    if not points or len(xs) != len(ys):
        return [np.nan] * 4, NOTHING
    if len(points) > 4 and points[0] == points[-1]:
        points.pop()
    low, high = np.min(points, axis=0).tolist(), np.max(points, axis=0).tolist()
    quad = tuple(value for point in points for value in point) if len(points) == 4 else NOTHING
    return [*low, *high], quad
