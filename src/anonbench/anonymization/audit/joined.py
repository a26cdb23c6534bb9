"""Regions so near to each other that a method which looks around them hides them together.

Regions belong together where their windows share a pixel, and so do groups of regions where the
smallest windows about them do, until no two do.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from anonbench.anonymization.audit.regions import Area, Region


def joined(found: Sequence[tuple[Region, Area]]) -> list[tuple[Region, Area]]:
    """Return one area for each group, with the first of its regions in draw order."""
    groups = [[each] for each in found]
    boxes = np.array([_ends(area.window) for _, area in found]).reshape(-1, 2, 2)
    while len(meeting := _meeting(boxes)):
        one, other = meeting[0]
        groups[one] += groups.pop(other)
        boxes[one, 0] = np.minimum(boxes[one, 0], boxes[other, 0])
        boxes[one, 1] = np.maximum(boxes[one, 1], boxes[other, 1])
        boxes = np.delete(boxes, other, axis=0)
    return [
        (group[0][0], group[0][1] if len(group) == 1 else _one([area for _, area in group], box))
        for group, box in zip(groups, boxes.tolist(), strict=True)
    ]


def _ends(window: tuple[slice, slice]) -> list[list[int]]:
    """Return the first row and column of a window, and those behind the last ones."""
    return [[each.start for each in window], [each.stop for each in window]]


def _meeting(boxes: np.ndarray) -> np.ndarray:
    """Return int [n, 2]: the pairs of boxes, [g, 2, 2], that share a pixel, the lower one first."""
    starts, stops = boxes[:, 0], boxes[:, 1]
    begins_before = (starts[:, None] < stops[None]).all(axis=2)
    return np.argwhere(np.triu(begins_before & begins_before.T, 1))


def _one(areas: Sequence[Area], box: list[list[int]]) -> Area:
    """Return what several areas cover, in one window."""
    (top, left), (bottom, right) = box
    required, may = np.zeros((2, bottom - top, right - left), bool)
    for area in areas:
        rows, columns = area.window
        place = (
            slice(rows.start - top, rows.stop - top),
            slice(columns.start - left, columns.stop - left),
        )
        required[place] |= True if area.required is None else area.required
        may[place] |= True if area.may is None else area.may
    same = np.array_equal(required, may)
    return Area((slice(top, bottom), slice(left, right)), required, None if same else may)
