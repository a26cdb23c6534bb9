"""Black codes on dark ground without a quiet zone, as whoever cuts them out reads them.

Their readers look for a light zone around a code. A QR code's outer squares, and the edges of other
codes, cannot be told from the ground.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from itertools import product
from math import ceil
from typing import TYPE_CHECKING

import numpy as np

from anonbench.core.boxes import Region, rectangle
from anonbench.core.libraries.opencv import cv2
from anonbench.core.vocabulary import Entity
from anonbench.detection.base import PerImage, clipped

if TYPE_CHECKING:
    import zxingcpp

_GAPS, _LEAST_PATTERN = (5, 15, 45), 20  # gaps that are bridged, and a pattern's least side; pixels
_RECTANGULAR, _PATTERNED, _EMPTY = 0.85, 0.75, 0.05
"""Least share of a rectangle that a pattern spans, greatest share of it that is light or dark, and
light share below which a row at its edge is none of its own."""
_SMALL = 1000  # longer side up to which a pattern is enlarged: its squares may be few pixels wide
_WHOLE = 0.5  # least share of a cut that its code fills: one with a label around has a quiet zone
_START = 8  # modules of the first bar of a PDF417
_LEAST_MODULES, _MOST_MODULES = (
    6,
    700,
)  # along a side of a code of two dimensions, without its dark edge


class CutOutDetector(PerImage):
    """Black codes on dark ground without a quiet zone: cut out, and read on white."""

    def __init__(self) -> None:
        import zxingcpp

        formats = zxingcpp.BarcodeFormats(zxingcpp.BarcodeFormat.AllMatrix)  # PDF417, too
        self._read = partial(zxingcpp.read_barcodes, formats=formats)

    def _search(self, grey: np.ndarray) -> Iterator[Region]:
        for part, light, to_part in _light_patterns(grey):
            across, down = _module(light), _module(light.T)
            height, width = part.shape
            modules = width / across, height / down
            if min(modules) < _LEAST_MODULES or max(modules) > _MOST_MODULES:
                continue
            black, white = ([float(np.median(part[light == own]))] for own in (False, True))
            quiet = ceil(4 * max(across, down))
            frame = (quiet, quiet, quiet, quiet)
            for edges in _dark_edges(across, down):
                cut = cv2.copyMakeBorder(part, *edges, cv2.BORDER_CONSTANT, value=black)
                cut = cv2.copyMakeBorder(cut, *frame, cv2.BORDER_CONSTANT, value=white)
                read = [corners_reported(code) for code in self._read(cut) if code.valid]
                areas = (cv2.contourArea(each.astype(np.float32)) for each in read)
                if any(area >= _WHOLE * part.size for area in areas):
                    top, bottom, left, right = edges
                    whole = rectangle(-left, -top, width + right, height + bottom)
                    corners = (whole - to_part[:, 2]) @ np.linalg.inv(to_part[:, :2]).T
                    yield from clipped(Entity.BARCODE, [corners], [1.0], grey)
                    break


def corners_reported(code: zxingcpp.Barcode) -> np.ndarray:
    """Corners of a code, float64 [4, 2], from pixels' middles."""
    at = code.position
    points = (at.top_left, at.top_right, at.bottom_right, at.bottom_left)
    return np.array([(point.x, point.y) for point in points], np.float64)


def _module(light: np.ndarray) -> float:
    """Width of a module in pixels, from the shorter runs along the rows of a pattern; else inf."""
    rows, columns = np.nonzero(np.diff(light, axis=1))
    runs = np.diff(columns)[np.diff(rows) == 0]
    return float(np.percentile(runs, 25)) if runs.size else np.inf


def _dark_edges(across: float, down: float) -> Iterator[tuple[int, int, int, int]]:
    """Yield the top, bottom, left and right of codes that are as dark as the ground.

    A QR code has none that is straight; a DataMatrix has two of one module, a PDF417 its first bar.
    """
    row, column = round(down), round(across)
    yield 0, 0, 0, 0
    for is_top, is_left in product((0, 1), repeat=2):
        yield row * is_top, row * (1 - is_top), column * is_left, column * (1 - is_left)
    yield 0, 0, round(_START * across), round(_START * across)
    yield round(_START * down), round(_START * down), 0, 0


def _light_patterns(grey: np.ndarray) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """Yield rectangles with a light pattern on dark ground, cut out upright.

    Parts of a pattern are joined across gaps of several widths, so that one may come in parts, too.
    Each is given with its light pixels, bool, and the way from the image to it, float64 [2, 3].
    """
    _, light = cv2.threshold(grey, 0, 1, cv2.THRESH_BINARY + cv2.THRESH_OTSU)
    means = [cv2.mean(grey, mask)[0] for mask in (light, 1 - light)]
    seen: list[np.ndarray] = []
    for gap in _GAPS:
        joined = cv2.morphologyEx(light, cv2.MORPH_CLOSE, np.ones((gap, gap), np.uint8))
        for shape in cv2.findContours(joined, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)[0]:
            middle, sides, angle = cv2.minAreaRect(shape)
            if min(*cv2.boundingRect(shape)[2:], *sides) < _LEAST_PATTERN:
                continue
            if cv2.contourArea(cv2.convexHull(shape)) < _RECTANGULAR * sides[0] * sides[1]:
                continue
            corners = cv2.boxPoints((middle, (sides[0] + 1, sides[1] + 1), angle)) + 0.5
            corners = np.roll(corners, -int(corners.sum(axis=1).argmin()), axis=0)
            if not any(np.abs(corners - other).max() < 3 for other in seen):
                seen.append(corners)
                yield from _upright(grey, sum(means) / 2, corners)


def _upright(
    grey: np.ndarray, level: float, corners: np.ndarray
) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """Yield a rectangle of an image upright, cut to its light pixels, if it has many.

    The rectangle around slanted pixels is up to a pixel too large.
    """
    size = np.hypot(*(corners[[1, 3]] - corners[0]).T)
    size *= 2 if size.max() < _SMALL else 1
    width, height = size.round().astype(int).tolist()
    target = np.array([(0, 0), (width, 0), (0, height)], np.float32)
    way = cv2.getAffineTransform(corners[[0, 1, 3]].astype(np.float32) - 0.5, target - 0.5)
    part = cv2.warpAffine(grey, way, (width, height), borderMode=cv2.BORDER_REPLICATE)
    light = part > level
    rows, columns = (np.flatnonzero(light.mean(axis=axis) >= _EMPTY) for axis in (1, 0))
    if rows.size and columns.size and 1 - _PATTERNED < light.mean() < _PATTERNED:
        inner = np.s_[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
        shift = 0.5 - way[:, :2].sum(axis=1) / 2 - (columns[0], rows[0])
        yield part[inner], light[inner], np.column_stack([way[:, :2], way[:, 2] + shift])
