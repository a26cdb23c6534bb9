"""Type faces: the free fonts that matplotlib ships, so that none need be installed."""

from enum import Enum
from functools import lru_cache
from pathlib import Path

import matplotlib
from PIL import ImageFont

Font = ImageFont.FreeTypeFont


class Family(Enum):
    """A type family: files of its regular, bold and italic face."""

    SANS = ("DejaVuSans", "DejaVuSans-Bold", "DejaVuSans-Oblique")
    SLAB = ("DejaVuSerif", "DejaVuSerif-Bold", "DejaVuSerif-Italic")
    TIMES = ("STIXGeneral", "STIXGeneralBol", "STIXGeneralItalic")
    MONO = ("DejaVuSansMono", "DejaVuSansMono-Bold", "DejaVuSansMono-Oblique")
    ROMAN = ("cmr10", "cmb10", "cmti10")
    """Letters of ASCII only, as the next two."""
    SWISS = ("cmss10", "cmb10", "cmss10")
    TYPEWRITER = ("cmtt10", "cmtt10", "cmtt10")

    def font(self, size: float, face: str = "regular") -> Font:
        """Return the face (regular, bold or italic) at `size` pixels."""
        return load(self.value[("regular", "bold", "italic").index(face)], size)


@lru_cache(maxsize=512)
def load(name: str, size: float) -> Font:
    """Return a face by its file's stem. The basic layout engine draws alike on every machine."""
    path = Path(matplotlib.get_data_path(), "fonts", "ttf", f"{name}.ttf")
    return ImageFont.truetype(str(path), size, layout_engine=ImageFont.Layout.BASIC)


def wrap(text: str, font: Font, width: float) -> list[str]:
    """Break text into lines of at most `width` pixels; longer words stand alone."""
    lines: list[str] = []
    space, used = font.getlength(" "), 0.0
    line: list[str] = []
    for word in text.split():
        length = font.getlength(word)
        if line and used + space + length > width:
            lines.append(" ".join(line))
            used, line = 0.0, []
        used += length + (space if line else 0.0)
        line.append(word)
    return [*lines, " ".join(line)] if line else lines
