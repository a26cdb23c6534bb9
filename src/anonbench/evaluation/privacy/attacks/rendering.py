"""Lines of text drawn into a region, as an attacker imagines what it hid."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from importlib.util import find_spec
from itertools import product
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from anonbench.core.libraries.opencv import cv2

PROPORTIONAL = ("DejaVuSans", "STIXGeneral", "cmss10", "DejaVuSansMono")
FIXED = ("DejaVuSansMono", "cmtt10")
"""Type faces: those that matplotlib ships. Without it the one of Pillow is used."""
_LEAST = 12
"""Pixels: the smallest type that is drawn; smaller lines are scaled down."""
_PITCH = 0.62
"""Height of a zone's letters as a share of the distance of its lines (ICAO Doc 9303, part 3)."""


@dataclass(frozen=True)
class Setting:
    """How a line is set in its region: type face and margins, as shares of the region's height."""

    face: str
    side: float
    top: float
    bottom: float


def settings(faces: Sequence[str]) -> list[Setting]:
    """Return the settings that are tried: boxes fit their lines more or less tightly."""
    margins = product((0.04, 0.25), (0.06, 0.22), (0.06, 0.22))
    return [Setting(face, *margin) for margin in margins for face in faces]


def strips(texts: Sequence[str], face: str, height: int) -> list[np.ndarray]:
    """Return lines of text in one type face, as ink coverage, float32 [h, w] each.

    All have the rows between the highest and the lowest letter of all of them; each has the columns
    of its own letters. So no line is told by how wide or high it is.

    Args:
        texts: not empty, without blanks alone.
        face: its file's stem.
        height: pixels of a line, about.

    """
    font = _font(face, max(_LEAST, height))
    drawn = []
    for text in texts:
        left, top, right, bottom = (int(each) for each in font.getbbox(text, anchor="ls"))
        image = Image.new("L", (max(1, right - left) + 2, 3 * font.size))
        ImageDraw.Draw(image).text(
            (1 - left, 2 * font.size), text, fill=255, font=font, anchor="ls"
        )
        drawn.append((np.asarray(image), top, bottom))
    first, last = min(top for _, top, _ in drawn), max(bottom for _, _, bottom in drawn)
    rows = slice(max(0, 2 * int(font.size) + first), max(2 * int(font.size) + last, 1))
    found = []
    for image, _, _ in drawn:
        columns = np.flatnonzero(image.any(axis=0))
        ends = (columns[0], columns[-1] + 1) if len(columns) else (0, image.shape[1])
        found.append(image[rows, ends[0] : ends[1]].astype(np.float32) / 255.0)
    return found


def set_in(lines: Sequence[np.ndarray], size: tuple[int, int], setting: Setting) -> np.ndarray:
    """Return lines set below each other in a region, as ink coverage, float32 [h, w].

    Args:
        lines: of `strips`.
        size: height and width of the region in pixels.
        setting: margins; each line fills what they leave of the width.

    """
    height, width = size
    page = np.zeros(size, np.float32)
    left = min(round(setting.side * height), (width - 1) // 2)
    top, end = round(setting.top * height), height - round(setting.bottom * height)
    step = (end - top) / (len(lines) - 1 + _PITCH) if len(lines) > 1 else end - top
    for row, line in enumerate(lines):
        start = round(top + row * step)
        rows = max(1, round((_PITCH if len(lines) > 1 else 1.0) * step))
        rows = min(rows, height - start)
        if rows > 0:
            scaled = cv2.resize(line, (width - 2 * left, rows), interpolation=cv2.INTER_AREA)
            page[start : start + rows, left : width - left] = scaled
    return page


@lru_cache(maxsize=256)
def _font(face: str, size: int) -> ImageFont.FreeTypeFont:
    spec = find_spec("matplotlib")
    if spec is None or spec.origin is None:
        found = ImageFont.load_default(size)
        assert isinstance(found, ImageFont.FreeTypeFont)
        return found
    file = Path(spec.origin).parent / "mpl-data" / "fonts" / "ttf" / f"{face}.ttf"
    return ImageFont.truetype(str(file), size, layout_engine=ImageFont.Layout.BASIC)
