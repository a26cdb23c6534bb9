"""What a replaced region keeps of the original: two colours, and what kind of text it is.

Nothing else of the pixels reaches what is drawn. Lines of fake text and fake machine-readable
zones are drawn as ink coverage.
"""

from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
from PIL import Image, ImageDraw, ImageFont

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


_SHARES = {TextKind.WORDS: (0.8, 0.72)} | dict.fromkeys(
    (TextKind.CAPITALS, TextKind.DIGITS), (0.95, 0.83)
)
"""Font size and baseline as shares of a line's height."""
_SIDE = 0.1  # margin to the left and right, as a share of a line's height
_ZONE_SIZE, _ZONE_WIDTH, _ZONE_BASE, _ZONE_SIDE = 0.85, 1.6, 0.82, 0.2
"""Font size as a share of a line's height, and at most of the pitch; baseline; margin."""
_TD1_RATIO, _TD2_RATIO = 6.2, 9.6
"""Width by height: below the first a zone has three lines, below the second two of 36."""


class Colours(NamedTuple):
    """Of a region's paper and of its ink, int64 [1] or [3] each."""

    paper: np.ndarray
    ink: np.ndarray

    def blended(self, coverage: np.ndarray) -> np.ndarray:
        """Return uint8 [h, w, c]: paper where coverage (uint8 [h, w]) is 0, ink where it is 255."""
        ink = coverage.astype(np.int64)[:, :, None]
        mixed = (255 * self.paper + ink * (self.ink - self.paper) + 127) // 255
        return np.asarray(mixed, dtype=np.uint8)


def colours(pixels: np.ndarray) -> tuple[Colours, np.ndarray]:
    """Colours of a region, uint8 [h, w] or [h, w, 3], and where its ink is, bool [h, w].

    Otsu's threshold splits it into paper, the larger part, whose colour is the median, and ink. Of
    the ink the half that is farther from the paper counts, so that edges do not pale it.
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
        from anonbench.anonymization.replacement.barcodes import code_image, code_of

        dark, light = sorted(found, key=lambda colour: float(colour.mean()))
        if light.mean() - dark.mean() < _LEAST_CONTRAST:
            dark, light = np.zeros_like(dark), np.full_like(light, 255)
        found, coverage = Colours(light, dark), code_image(code_of(pixels), pixels.shape[:2])
    elif entity == "ink" or (entity == "text" and is_slanted(ink)):
        coverage = np.zeros(ink.shape, np.uint8)  # a signature says nothing by being another one
    else:
        is_text = entity == "text"
        stands = ink.shape[0] > (STANDING if is_text else 1) * ink.shape[1]
        lying = np.rot90(ink, -1) if stands else ink
        if is_text:
            coverage = text_lines(kind_of(lying), rows_of(lying), lying.shape)
        else:
            coverage = zone_lines(zone_format(lying.shape, letters_of(lying)), lying.shape)
        coverage = np.rot90(coverage) if stands else coverage
    return found.blended(coverage).reshape(pixels.shape)


def rows_of(ink: np.ndarray) -> int:
    """Number of lines of text above each other."""
    profile = ink.sum(axis=1)
    filled = np.concatenate([[0], profile > _ROW_INK * max(profile.max(initial=0), 1), [0]])
    starts, ends = (np.flatnonzero(np.diff(filled) == step) for step in (1, -1))
    heights = ends - starts
    rows = int(np.count_nonzero(heights >= _ROW_HEIGHT * heights.max(initial=1)))
    return max(1, min(rows, len(ink) // _LEAST_ROW))


def kind_of(ink: np.ndarray) -> TextKind:
    """Kind of a line: capitals and digits are of one height, and digits of nearly one width."""
    _, _, stats, _ = cv2.connectedComponentsWithStats(ink.astype(np.uint8), connectivity=8)
    widths, heights = stats[1:, cv2.CC_STAT_WIDTH], stats[1:, cv2.CC_STAT_HEIGHT]
    letters = heights >= 0.3 * heights.max(initial=1)
    widths, heights = widths[letters], heights[letters]
    if len(heights) < 3 or np.mean(heights >= _TALL * heights.max()) < _MOST_TALL:
        return TextKind.WORDS
    return TextKind.DIGITS if widths.std() < _EVEN * widths.mean() else TextKind.CAPITALS


def is_slanted(ink: np.ndarray) -> bool:
    """Whether the ink is one slanted line; nothing is drawn in such a window."""
    rows, columns = np.nonzero(ink)
    if len(rows) < 3:
        return False
    values, vectors = np.linalg.eigh(np.cov(columns, rows))
    degrees = np.degrees(np.arctan2(vectors[1, 1], vectors[0, 1])) % 90
    long = values[1] > _SLANT_LENGTH**2 * max(values[0], 1e-9)
    return bool(long and _SLANT_DEGREES < degrees < 90 - _SLANT_DEGREES)


def letters_of(ink: np.ndarray) -> float | None:
    """Number of evenly spaced letters that fit a zone's line; None if too few are visible."""
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
    return float(np.ptp(along) / np.median(steps)) + 1.0  # the median step is their pitch


def text_lines(kind: TextKind, rows: int, size: Size) -> np.ndarray:
    """Return uint8 [h, w]: lines of text, each as wide as the region."""
    height, width = size
    canvas = Image.new("L", (width, height))
    draw, (share, base) = ImageDraw.Draw(canvas), _SHARES[kind]
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
    """Format of a zone by the letters in a line, else by the region's proportions."""
    if letters is not None:
        return min(ZONES, key=lambda layout: abs(layout.width - letters))
    ratio = size[1] / size[0]
    return TD1 if ratio < _TD1_RATIO else TD2 if ratio < _TD2_RATIO else TD3


def zone_lines(layout: Format, size: Size) -> np.ndarray:
    """Return uint8 [h, w]: the lines of a zone in letters of one pitch."""
    height, width = size
    canvas = Image.new("L", (width, height))
    draw, lines = ImageDraw.Draw(canvas), zone(layout, size)
    step = height / len(lines)
    side = _ZONE_SIDE * step
    pitch = (width - 2 * side) / layout.width
    font = _font(max(1, round(min(_ZONE_SIZE * step, _ZONE_WIDTH * pitch))))
    for row, line in enumerate(lines):
        for place, character in enumerate(line):
            left = round(side + (place + 0.5) * pitch - font.getlength(character) / 2)
            base = round((row + _ZONE_BASE) * step)
            draw.text((left, base), character, fill=255, font=font, anchor="ls")
    return np.asarray(canvas)


@lru_cache(maxsize=256)
def _font(size: int) -> Any:
    return ImageFont.load_default(size)
