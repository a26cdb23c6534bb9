"""Outlines of annotation tools, reduced to a box and, with four corners, a quadrilateral.

Numbers here may be anything in a file; values that are no number become NaN, which the checks
refuse with the place in the file.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

NOTHING = (np.nan,) * 8
MISSING = ("", "nan")
"""Texts of cells without a number, in lower case: tables write NaN for an empty one."""
_TURNS = {"rotation", "rotate", "rotated", "angle", "theta"}


def number(value: Any) -> float:
    """Return a JSON number as float; NaN for anything else."""
    if not isinstance(value, int | float) or isinstance(value, bool):
        return np.nan
    try:
        return float(value)
    except OverflowError:  # JSON's integers are unbounded
        return np.nan


def numbers(values: Any) -> list[float]:
    """Return the numbers of a JSON list; empty for anything else."""
    return [number(value) for value in values] if isinstance(values, list) else []


def outline(xs: Sequence[float], ys: Sequence[float]) -> tuple[list[float], tuple[float, ...]]:
    """Return the enclosing box (x0, y0, x1, y1) and the corners, 8 × NaN unless there are four.

    A closed outline, whose last point is its first, has one corner less than points.
    """
    points = list(zip(xs, ys, strict=False))
    if not points or len(xs) != len(ys):
        return [np.nan] * 4, NOTHING
    if len(points) > 4 and points[0] == points[-1]:
        points.pop()
    low, high = np.min(points, axis=0).tolist(), np.max(points, axis=0).tolist()
    quad = tuple(value for point in points for value in point) if len(points) == 4 else NOTHING
    return [*low, *high], quad


def turn_names(names: Iterable[Any]) -> list[str]:
    """Return the names of fields with a shape's rotation, such as `box_angle` and `Theta`."""
    return [str(name) for name in names if _TURNS & {*re.split(r"[\W_]+", str(name).lower())}]


def turns(fields: Mapping[str, Any]) -> Iterator[tuple[str, float]]:
    """Yield the names of fields that turn a shape, and the angle.

    0 and missing values, including NaN, are left out; the angle is NaN if it is no number.
    """
    for name in turn_names(fields):
        value = fields[name]
        if value is None or str(value).strip().lower() in MISSING:
            continue
        try:
            turn = float(value)
        except (ValueError, TypeError, OverflowError):
            turn = np.nan
        if turn != 0:
            yield name, turn


def turned(box: Sequence[float], degrees: float) -> tuple[float, ...]:
    """Corners of a box (x, y, width, height) turned about its centre, clockwise."""
    x, y, width, height = box
    turn = np.deg2rad(degrees)
    along = np.array([np.cos(turn), np.sin(turn)]) * width / 2
    down = np.array([-np.sin(turn), np.cos(turn)]) * height / 2
    centre = np.array([x + width / 2, y + height / 2])
    corners = [centre - along - down, centre + along - down, centre + along + down]
    return tuple(np.round([*corners, centre - along + down], 6).ravel().tolist())
