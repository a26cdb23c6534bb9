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
_LEAST, _MOST = 12, 48
"""Pixels: the smallest and the largest type that is drawn; other lines are scaled."""
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


@lru_cache(maxsize=32)
def strips(texts: tuple[str, ...], face: str, height: int) -> list[np.ndarray]:
    """Return lines of text in one type face, as ink coverage, uint8 [h, w] each.

    All have the rows between the highest and the lowest letter of all of them; each has the columns
    of its own letters. So no line is told by how wide or high it is.

    Args:
        texts: not empty, without blanks alone.
        face: its file's stem.
        height: pixels of a line, about; what is much larger is scaled.

    """
    font = font_of(face, min(max(_LEAST, height), _MOST))
    size = int(font.size)
    drawn = []
    for text in texts:
        image = Image.new("L", (int(font.getlength(text)) + 2 * size, 3 * size))
        ImageDraw.Draw(image).text((size, 2 * size), text, fill=255, font=font, anchor="ls")
        drawn.append(image)
    boxes = [image.getbbox() or (0, 0, *image.size) for image in drawn]
    top, bottom = min(box[1] for box in boxes), max(box[3] for box in boxes)
    return [
        np.asarray(image.crop((box[0], top, box[2], bottom)))
        for image, box in zip(drawn, boxes, strict=True)
    ]


def set_in(lines: Sequence[np.ndarray], size: tuple[int, int], setting: Setting) -> np.ndarray:
    """Return lines set below each other in a region, as ink coverage, uint8 [h, w].

    Args:
        lines: of `strips`.
        size: height and width of the region in pixels.
        setting: margins; each line fills what they leave of the width.

    """
    height, width = size
    page = np.zeros(size, np.uint8)
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
def font_of(face: str, size: float) -> ImageFont.FreeTypeFont:
    """Return a type face that matplotlib ships; without it, or a name, Pillow's own."""
    spec = find_spec("matplotlib") if face else None
    if spec is None or spec.origin is None:
        found = ImageFont.load_default(size)
        assert isinstance(found, ImageFont.FreeTypeFont)
        return found
    file = Path(spec.origin).parent / "mpl-data" / "fonts" / "ttf" / f"{face}.ttf"
    return ImageFont.truetype(str(file), size, layout_engine=ImageFont.Layout.BASIC)
