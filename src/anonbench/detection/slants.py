"""Slanted lines of text, found again in the image turned level.

Text detectors find large lines at any slant, but of small ones at 30 to 60 degrees only half. The
slant of those that are found tells how to turn the image.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from anonbench.core.boxes import Region, region_fault
from anonbench.core.libraries.opencv import cv2
from anonbench.detection.base import corners_of, united
from anonbench.detection.views import Views

LEVEL = 5.0
"""Degrees from the axes up to which lines are level. At 6, a sixth of small lines is missed."""
_NEAR = 10.0
"""Degrees up to which a line has a slant that was searched."""
_LONG = 2.0
"""Least ratio of a line's length to its height for its slant to be known."""
_SHARE, _LINES = 0.2, 4
"""Least share of the length of all lines, or number of lines, that makes a slant. On 35 slanted
documents it was 0.55 or more; on level ones, and 60 pages, up to 0.13 or 3 lines seem slanted.
"""
_INSIDE = 0.9
"""Share of a region in a line of a turned image from which it is dropped."""
_MOST = 3
"""Greatest number of slants that are searched."""


class Levelled:
    """A detector of lines that also searches slanted images turned level."""

    def __init__(self, views: Views) -> None:
        self._detector = views

    def detect(self, images: Sequence[np.ndarray]) -> list[list[Region]]:
        """See `Detector.detect`."""
        pairs = zip(images, self._detector.detect(images), strict=True)
        return [self._completed(image, regions) for image, regions in pairs]

    def _completed(self, image: np.ndarray, regions: list[Region]) -> list[Region]:
        height, width = image.shape[:2]
        known: list[float] = []
        while len(known) < _MOST and (slant := slant_of(regions, known)) is not None:
            found = self._detector.turned(image, -slant)
            # some may lie beside the image
            inside = [region for region in found if region_fault(region, width, height) is None]
            lines = united(inside, image)
            regions = lines + [each for each in regions if not _is_in_one(each, lines)]
            known.append(slant)
        return regions


def _is_in_one(region: Region, lines: Sequence[Region]) -> bool:
    """Whether a region is nearly inside a line; joining the two would hide much beside them."""
    hull, *hulls = (
        cv2.convexHull(corners_of(each).astype(np.float32)) for each in (region, *lines)
    )
    shared = (cv2.intersectConvexConvex(hull, each)[0] for each in hulls)
    return any(area >= _INSIDE * cv2.contourArea(hull) for area in shared)


def slant_of(regions: Sequence[Region], known: Sequence[float]) -> float | None:
    """Slant of many lines, in degrees counterclockwise, that is not near a known one or level."""
    slants, lengths = _long_lines(regions)
    total = lengths.sum()
    new = _apart(slants, 0.0, 90) > LEVEL
    for each in known:
        new &= _apart(slants, each, 90) > _NEAR
    slants, lengths = slants[new], lengths[new]
    alike = _apart(slants[:, None], slants, 180) <= _NEAR
    votes = alike @ lengths
    votes[(votes < _SHARE * total) & (alike.sum(axis=1) < _LINES)] = 0.0
    if not votes.any():
        return None
    most = int(votes.argmax())
    beside = (slants - slants[most] + 90) % 180 - 90
    return float(slants[most] + np.average(beside, weights=alike[most] * lengths))


def _long_lines(regions: Sequence[Region]) -> tuple[np.ndarray, np.ndarray]:
    """Slants in degrees, -180 to 180, and lengths of lines that are longer than high."""
    corners = np.array([corners_of(region) for region in regions]).reshape(-1, 4, 2)
    sides = corners[:, 1:3] - corners[:, :2]
    lengths = np.hypot(*sides.transpose(2, 0, 1))
    x, y = sides[np.arange(len(sides)), lengths.argmax(axis=1)].T
    is_long = lengths.max(axis=1) >= _LONG * lengths.min(axis=1)
    return np.degrees(np.arctan2(-y, x))[is_long], lengths.max(axis=1)[is_long]


def _apart(one: np.ndarray, other: np.ndarray | float, period: int) -> np.ndarray:
    """Distances of angles, in degrees, that are equal after a period."""
    return np.abs((one - other + period / 2) % period - period / 2)
