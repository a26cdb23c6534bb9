"""What a replaced region keeps of the original: two colours, and what kind of text it is.

Nothing else of the pixels reaches what is drawn.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from anonbench.core.fakes import TextKind
from anonbench.core.libraries.opencv import cv2

STANDING = 2.5
"""A text region that is so many times as high as wide is read from bottom to top."""
_ROW_INK = 0.15
_ROW_HEIGHT = 0.25
_TALL, _MOST_TALL, _EVEN = 0.85, 0.8, 0.2
_SLANT_DEGREES, _SLANT_LENGTH = 8.0, 4.0
_LEAST_ROW = 6
_FEWEST_LETTERS = 12


@dataclass(frozen=True)
class Colours:
    """Of a region's paper and of its ink, int64 [1] or [3] each."""

    paper: np.ndarray
    ink: np.ndarray

    def blended(self, coverage: np.ndarray) -> np.ndarray:
        """Return uint8 [h, w, c]: paper where coverage (uint8 [h, w]) is 0, ink where it is 255."""
        ink = coverage.astype(np.int64)[:, :, None]
        mixed = (255 * self.paper + ink * (self.ink - self.paper) + 127) // 255
        return np.asarray(mixed, dtype=np.uint8)


def colours(pixels: np.ndarray) -> tuple[Colours, np.ndarray]:
    """Split a region into paper and ink by Otsu's threshold.

    Paper is the larger part, and its colour the median. Of the ink the half that is farther from
    the paper counts, so that edges do not pale it.

    Args:
        pixels: uint8 [h, w] or [h, w, 3].

    Returns:
        The colours, and bool [h, w]: where the ink is.

    """
    planes = pixels.reshape(*pixels.shape[:2], -1)
    grey = pixels if pixels.ndim == 2 else cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY)
    level, _ = cv2.threshold(np.ascontiguousarray(grey), 0, 255, cv2.THRESH_OTSU)
    ink = grey > level
    if ink.mean() > 0.5:
        ink = ~ink
    paper = np.median(planes[~ink], axis=0).astype(np.int64)
    if not ink.any():
        return Colours(paper, paper), ink
    distance = np.abs(grey[ink].astype(np.int64) - int(np.median(grey[~ink])))
    core = planes[ink][distance >= np.median(distance)]
    return Colours(paper, np.median(core, axis=0).astype(np.int64)), ink


def rows_of(ink: np.ndarray) -> int:
    """Number of lines of text above each other."""
    profile = ink.sum(axis=1)
    filled = np.concatenate([[0], profile > _ROW_INK * max(profile.max(initial=0), 1), [0]])
    starts, ends = (np.flatnonzero(np.diff(filled) == step) for step in (1, -1))
    heights = ends - starts
    rows = int(np.count_nonzero(heights >= _ROW_HEIGHT * heights.max(initial=1)))
    return max(1, min(rows, len(ink) // _LEAST_ROW))


def kind_of(ink: np.ndarray) -> TextKind:
    """Guess the kind of a line by its letters' sizes.

    Capitals and digits are all of one height, and digits of nearly one width.
    """
    _, _, stats, _ = cv2.connectedComponentsWithStats(ink.astype(np.uint8), connectivity=8)
    widths, heights = stats[1:, cv2.CC_STAT_WIDTH], stats[1:, cv2.CC_STAT_HEIGHT]
    letters = heights >= 0.3 * heights.max(initial=1)
    widths, heights = widths[letters], heights[letters]
    if len(heights) < 3 or np.mean(heights >= _TALL * heights.max()) < _MOST_TALL:
        return TextKind.WORDS
    return TextKind.DIGITS if widths.std() < _EVEN * widths.mean() else TextKind.CAPITALS


def is_slanted(ink: np.ndarray) -> bool:
    """Check whether the ink is one slanted line; nothing is drawn in such a window."""
    rows, columns = np.nonzero(ink)
    if len(rows) < 3:
        return False
    values, vectors = np.linalg.eigh(np.cov(columns, rows))
    degrees = np.degrees(np.arctan2(vectors[1, 1], vectors[0, 1])) % 90
    long = values[1] > _SLANT_LENGTH**2 * max(values[0], 1e-9)
    return bool(long and _SLANT_DEGREES < degrees < 90 - _SLANT_DEGREES)


def letters_of(ink: np.ndarray) -> float | None:
    """Number of evenly spaced letters that fit a zone's line; None if too few are visible.

    The pitch is the median distance of neighbours in one row.
    """
    _, _, stats, centres = cv2.connectedComponentsWithStats(ink.astype(np.uint8), connectivity=8)
    heights = stats[1:, cv2.CC_STAT_HEIGHT]
    if len(heights) < _FEWEST_LETTERS:
        return None
    height = float(np.median(heights))
    places = centres[1:][np.abs(heights - height) <= height / 2]
    rows = np.round(places[:, 1] / (1.2 * height))
    order = np.lexsort((places[:, 0], rows))
    along, row = places[order, 0], rows[order]
    steps = np.diff(along)[np.diff(row) == 0]
    steps = steps[steps > height / 4]
    if len(steps) < _FEWEST_LETTERS:
        return None
    return float(np.ptp(along) / np.median(steps)) + 1.0
