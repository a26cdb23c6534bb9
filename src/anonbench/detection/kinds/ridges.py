"""Prints of fingers and palms: large places with lines side by side.

Their structure tensor tells them. To `ink`, those larger than a fingerprint on a form are printed
pictures, or fill an image that is no document.
"""

from collections.abc import Iterator, Sequence

import numpy as np

from anonbench.core.boxes import Region
from anonbench.core.libraries.opencv import cv2
from anonbench.detection.base import darkest

_SEEN = 1000  # side of the square with as many pixels as the copy that is examined, at most
_RIDGED = 150
"""Least side of a place with such lines, in thousandths of the image's side. They lie in one
direction nearby, in several in total (bars of a code in one), and most pixels are much darker or
brighter than their surroundings: 54 to 92 % of 36 drawn prints of fingers and palms, in six places
of 148 pages, 35 specimens of identity documents, 20 receipts and 1,771 photographs more than 64 %.
"""
_LEAST_SIDE = 80  # in pixels: with fewer, a print shows no ridges
_STEEP, _ONE_WAY, _APART = 60, 0.5, 30
_FEW, _MANY, _LINES = (0.7, 0.64), (0.8, 0.54), 24
"""Bounds of the share of the main direction and of such pixels, with fewer lines across a place and
with so many. These prints have 24 or more, the six places, such as striped shirts, at most 20; none
in those images has as many within the bounds, nor in 574 pictures of codes.
"""
_HIDDEN = 0.9  # share of such a place in regions from which the rest shows nothing
_AROUND = 30  # margin of a print, in thousandths of the image's side


class _Ridges:
    """Slopes of a copy of an image, in its darkest colour, and where they lie in one direction."""

    def __init__(self, image: np.ndarray) -> None:
        self.scale = min(1.0, _SEEN / float(np.sqrt(image.shape[0] * image.shape[1])))
        how = cv2.INTER_AREA
        dark = cv2.resize(darkest(image), None, fx=self.scale, fy=self.scale, interpolation=how)
        dark = dark.astype(np.float32)
        self.shape, self.unit = dark.shape, float(np.sqrt(dark.size)) / 1000
        x, y = (cv2.Sobel(dark, cv2.CV_32F, *way) for way in ((1, 0), (0, 1)))
        self._slope, self._level, self._slanted, around = (
            cv2.GaussianBlur(each, (0, 0), max(4.0, 8 * self.unit))
            for each in (x * x + y * y, x * x - y * y, 2 * x * y, dark)
        )
        self._one_way = np.hypot(self._level, self._slanted)
        self._apart = dark - around

    def lines(self, least: float, shown: np.ndarray | bool = True) -> np.ndarray:
        """Wide places with slopes of at least so much that lie in one direction, uint8 [h, w]."""
        is_line = (self._slope > least**2) & (self._one_way > _ONE_WAY * self._slope) & shown
        lines: np.ndarray = is_line.astype(np.uint8)
        for how, side in ((cv2.MORPH_CLOSE, 10 * self.unit), (cv2.MORPH_OPEN, 40 * self.unit)):
            lines = cv2.morphologyEx(lines, how, np.ones((2 * int(side) + 1,) * 2, np.uint8))
        return lines

    def places(self) -> Iterator[tuple[np.ndarray, float, bool]]:
        """Yield large places, bool [h, w], their share of ridges, and whether these are many."""
        _, labels, stats, _ = cv2.connectedComponentsWithStats(self.lines(_STEEP))
        sides = stats[:, cv2.CC_STAT_WIDTH : cv2.CC_STAT_HEIGHT + 1].min(axis=1)
        for number in np.flatnonzero(sides[1:] >= max(_RIDGED * self.unit, _LEAST_SIDE)) + 1:
            place = labels == number
            ways = (self._level[place] + 1j * self._slanted[place]) / self._one_way[place].clip(1)
            share = float((np.abs(self._apart[place]) > _APART).mean())
            edges = [np.diff(self._apart > 0, axis=axis, append=False)[place] for axis in (0, 1)]
            count = np.sqrt(place.sum()) * np.hypot(*(each.mean() for each in edges)) / 2
            most, least = _MANY if count >= _LINES else _FEW
            if abs(ways.mean()) < most and share > least:
                yield place, share, bool(count >= _LINES)


def prints(image: np.ndarray) -> Iterator[tuple[np.ndarray, float]]:
    """Yield boxes around places with many ridges, float64 [4], and the share of ridges in them."""
    found = _Ridges(image)
    for place, share, is_many in found.places():
        if is_many:
            x, y, width, height = cv2.boundingRect(place.astype(np.uint8))
            box = np.array([x, y, x + width, y + height], np.float64)
            yield (box + _AROUND * found.unit * np.array([-1, -1, 1, 1])) / found.scale, share


def shows_print(image: np.ndarray, regions: Sequence[Region]) -> bool:
    """Whether a place that regions do not cover may be a print of a finger or palm.

    In an image with a print, whatever else is ridged may be a part of it, or another.
    """
    found = _Ridges(image)
    is_hidden = np.zeros(found.shape, bool)
    for r in regions:
        x0, y0, x1, y1 = (max(0, round(found.scale * end)) for end in (r.x0, r.y0, r.x1, r.y1))
        is_hidden[y0:y1, x0:x1] = True
    places = [*found.places()]
    if any(is_hidden[place].mean() <= _HIDDEN for place, _, _ in places):
        return True
    is_print = any(is_many for _, _, is_many in places)
    return is_print and bool(found.lines(_STEEP / 2, ~is_hidden).any())
