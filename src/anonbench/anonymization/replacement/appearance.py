"""What a replaced region keeps of the original: two colours, and what kind of text it is.

Nothing else of the pixels reaches what is drawn. Lines of fake text and fake machine-readable
zones are drawn as ink coverage.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from anonbench.anonymization.replacement.barcodes import code_image, code_of
from anonbench.core.fakes import ZONES, Size, TextKind, characters, zone
from anonbench.core.icao9303 import TD1, TD2, TD3, Format
from anonbench.core.libraries.opencv import cv2

STANDING = 2.5  # a text region that is so many times as high as wide is read from bottom to top
_LEAST_CONTRAST = 80
"""Grey levels between ink and paper of a barcode, below which it is drawn in black on white."""
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


def redrawn(pixels: np.ndarray, entity: str) -> np.ndarray:
    """Return fake content in the colours of a region: text, a zone, a barcode, or paper.

    Args:
        pixels: uint8 [h, w] or [h, w, 3].
        entity: `text`, `mrz`, `barcode`; of `ink` nothing is drawn.

    Returns:
        uint8 of the same shape.
    """
    found, ink = colours(pixels)
    if entity == "barcode":
        dark, light = sorted((found.ink, found.paper), key=lambda colour: float(colour.mean()))
        if light.mean() - dark.mean() < _LEAST_CONTRAST:
            dark, light = np.zeros_like(dark), np.full_like(light, 255)
        found, coverage = Colours(light, dark), code_image(code_of(pixels), pixels.shape[:2])
    elif entity == "ink":  # a signature says nothing by being another one
        coverage = np.zeros(ink.shape, np.uint8)
    else:
        coverage = _zone(ink) if entity == "mrz" else _text(ink)
    return found.blended(coverage).reshape(pixels.shape)


def _text(ink: np.ndarray) -> np.ndarray:
    if is_slanted(ink):
        return np.zeros(ink.shape, np.uint8)
    if ink.shape[0] > STANDING * ink.shape[1]:
        return np.rot90(_text(np.rot90(ink, -1)))
    return text_lines(kind_of(ink), rows_of(ink), ink.shape)


def _zone(ink: np.ndarray) -> np.ndarray:
    if ink.shape[0] > ink.shape[1]:
        return np.rot90(_zone(np.rot90(ink, -1)))
    return zone_lines(zone_format(ink.shape, letters_of(ink)), ink.shape)


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


_SHARES = {
    TextKind.WORDS: (0.8, 0.72),
    TextKind.CAPITALS: (0.95, 0.83),
    TextKind.DIGITS: (0.95, 0.83),
}
"""Font size and baseline as shares of a line's height."""
_SIDE = 0.1  # margin to the left and right, as a share of a line's height
_ZONE_SIZE, _ZONE_WIDTH, _ZONE_BASE, _ZONE_SIDE = 0.85, 1.6, 0.82, 0.2
"""Font size as a share of a line's height, and at most of the pitch; baseline; margin."""
_TD1_RATIO, _TD2_RATIO = 6.2, 9.6
"""Width by height: below the first a zone has three lines, below the second two of 36."""


def text_lines(kind: TextKind, rows: int, size: Size) -> np.ndarray:
    """Return uint8 [h, w]: lines of text, each as wide as the region."""
    height, width = size
    canvas = Image.new("L", (width, height))
    draw = ImageDraw.Draw(canvas)
    share, base = _SHARES[kind]
    for row in range(rows):
        top, bottom = row * height // rows, (row + 1) * height // rows
        font = _font(max(1, round(share * (bottom - top))))
        pen = side = round(_SIDE * (bottom - top))
        line = top + round(base * (bottom - top))
        for character in characters(kind, size, row):
            advance = max(1, round(font.getlength(character)))
            if pen + advance > width - side:
                break
            draw.text((pen, line), character, fill=255, font=font, anchor="ls")
            pen += advance
    return np.asarray(canvas)


def zone_format(size: Size, letters: float | None) -> Format:
    """Return the format of zone by the letters in a line, else by the region's proportions."""
    if letters is not None:
        return min(ZONES, key=lambda layout: abs(layout.width - letters))
    ratio = size[1] / size[0]
    return TD1 if ratio < _TD1_RATIO else TD2 if ratio < _TD2_RATIO else TD3


def zone_lines(layout: Format, size: Size) -> np.ndarray:
    """Return uint8 [h, w]: the lines of a zone in letters of one pitch."""
    height, width = size
    canvas = Image.new("L", (width, height))
    draw = ImageDraw.Draw(canvas)
    lines = zone(layout, size)
    step = height / len(lines)
    side = _ZONE_SIDE * step
    pitch = (width - 2 * side) / layout.width
    font = _font(max(1, round(min(_ZONE_SIZE * step, _ZONE_WIDTH * pitch))))
    for row, line in enumerate(lines):
        base = round((row + _ZONE_BASE) * step)
        for place, character in enumerate(line):
            middle = side + (place + 0.5) * pitch
            left = round(middle - font.getlength(character) / 2)
            draw.text((left, base), character, fill=255, font=font, anchor="ls")
    return np.asarray(canvas)


@lru_cache(maxsize=256)
def _font(size: int) -> ImageFont.FreeTypeFont:
    """Return the font that comes with Pillow."""
    font = ImageFont.load_default(size)
    assert isinstance(font, ImageFont.FreeTypeFont)
    return font
