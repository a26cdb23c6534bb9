"""Printed page that records the place of each line of text."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageDraw

from anonbench.core.boxes import Region, rectangle
from anonbench.core.vocabulary import Entity
from anonbench_demo.fonts import Font, advance, wrap
from anonbench_demo.listing import quad_region

Ink = int | tuple[int, int, int]


@dataclass(frozen=True)
class Mark:
    """Something sensitive on the page, with its corners [4, 2]."""

    entity: Entity
    corners: np.ndarray


class Page:
    """A page in pixels; grey where `ground` is a number, else RGB."""

    def __init__(self, width: int, height: int, ground: Ink = 255) -> None:
        mode = "L" if isinstance(ground, int) else "RGB"
        self.image = Image.new(mode, (width, height), ground)
        self.draw = ImageDraw.Draw(self.image)
        self.marks: list[Mark] = []

    @property
    def width(self) -> int:
        """Return the width in pixels."""
        return self.image.width

    @property
    def height(self) -> int:
        """Return the height in pixels."""
        return self.image.height

    def pixels(self) -> np.ndarray:
        """Return a copy of the page, uint8 [H, W] or [H, W, 3]."""
        return np.array(self.image)

    def text(
        self,
        x: float,
        y: float,
        text: str,
        font: Font,
        ink: Ink = 20,
        anchor: str = "ls",
        entity: Entity = Entity.TEXT,
    ) -> float:
        """Print a line on the baseline y, from x or as Pillow's anchor says; return its width."""
        if not text.strip():
            return 0.0
        self.draw.text((x, y), text, fill=ink, font=font, anchor=anchor)
        left, top, right, bottom = font.getbbox(text, anchor=anchor)
        self.mark(entity, (x + left - 1, y + top - 1, x + right + 1, y + bottom + 1))
        return advance(font, text)

    def middle(self, x: float, y: float, text: str, font: Font, ink: Ink = 20) -> None:
        """Print a line about x."""
        self.text(x, y, text, font, ink, "ms")

    def centre(self, y: float, text: str, font: Font, ink: Ink = 20) -> None:
        """Print a line about the page's vertical axis."""
        self.middle(self.width / 2, y, text, font, ink)

    def right(self, x: float, y: float, text: str, font: Font, ink: Ink = 20) -> None:
        """Print a line that ends at x."""
        self.text(x, y, text, font, ink, "rs")

    def mark(self, entity: Entity, box: tuple[float, float, float, float]) -> None:
        """Remember an upright region."""
        self.marks.append(Mark(entity, rectangle(*box)))

    def paragraph(
        self,
        x: float,
        y: float,
        width: float,
        text: str,
        font: Font,
        leading: float = 1.25,
        indent: float = 0.0,
        floor: float | None = None,
    ) -> float:
        """Print wrapped text from the baseline y to at most `floor`; return the next baseline."""
        step = font.size * leading
        for number, line in enumerate(wrap(text, font, width - indent)):
            if floor is not None and y > floor:
                return y
            self.text(x + (indent if number == 0 else 0.0), y, line, font)
            y += step
        return y

    def rule(
        self, x0: float, y0: float, x1: float, y1: float, ink: Ink = 40, width: int = 1
    ) -> None:
        """Draw a straight line."""
        self.draw.line([(x0, y0), (x1, y1)], fill=ink, width=width)

    def box(
        self,
        x0: float,
        y0: float,
        x1: float,
        y1: float,
        ink: Ink | None = 40,
        fill: Ink | None = None,
        width: int = 1,
    ) -> None:
        """Draw a rectangle."""
        self.draw.rectangle([x0, y0, x1, y1], outline=ink, fill=fill, width=width)


def moved(marks: list[Mark], transform: np.ndarray, width: int, height: int) -> list[Region]:
    """Return marks after the affine transform [2, 3] as regions of an image of that size."""
    regions = []
    for mark in marks:
        corners = mark.corners @ transform[:, :2].T + transform[:, 2]
        region = quad_region(mark.entity, corners, width, height)
        if region.x1 - region.x0 >= 2 and region.y1 - region.y0 >= 2:
            regions.append(region)
    return regions
