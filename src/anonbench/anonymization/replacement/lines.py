"""Lines of fake text and fake machine-readable zones, as ink coverage."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from anonbench.core.fakes import ZONES, Size, TextKind, characters, zone
from anonbench.core.icao9303 import TD1, TD2, TD3, Format

_SHARES = {
    TextKind.WORDS: (0.8, 0.72),
    TextKind.CAPITALS: (0.95, 0.83),
    TextKind.DIGITS: (0.95, 0.83),
}
"""Font size and baseline as shares of a line's height."""
_SIDE = 0.1
"""Margin to the left and right, as a share of a line's height."""
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
