"""Pixelation: every block of pixels becomes its mean colour."""

from __future__ import annotations

import math
from functools import lru_cache
from typing import Annotated, ClassVar

import numpy as np
from pydantic import Field

from anonbench.anonymization.audit.general import constant_blocks
from anonbench.core.libraries.opencv import cv2
from anonbench.core.registries.methods import Method, RegionWindow
from anonbench.core.settings import Settings

LEAST_BLOCK = 2
"""Smallest side of a block, in pixels, so that small regions are hidden too."""
Across = Annotated[float, Field(ge=0.01, le=2**31 - 1)]


class Blocks(Settings):
    """Blocks across a region's shorter side, by entity; below 1 they are wider than it.

    The paper states none. For faces 8 is the coarser of DeepPrivacy2's values, 8 and 16. At 2
    blocks across a line no line is read, but a dictionary attack finds every second one, and at 1
    one in ten; 0.25 was not told apart from a mask (docs/explanation/privacy.md).
    """

    face: Across = 8
    text: Across = 0.25
    barcode: Across = 4
    mrz: Across = 0.25
    ink: Across = 0.25


class Pixelate(Method):
    """Every block of pixels becomes its mean colour."""

    name: ClassVar = "pixelate"
    label: ClassVar = "Pixelate"
    line_colour: ClassVar = "#0072B2"
    information_left: ClassVar = "coarse"

    blocks: Blocks = Blocks()
    """Blocks across a region's shorter side, by entity: fewer hide more, and below 1 a block is
    wider than that side."""

    def least_side(self) -> int:
        """See `Method.least_side`."""
        return LEAST_BLOCK

    def hide(self, pixels: np.ndarray, entity: str) -> np.ndarray:
        """Give every block its mean colour.

        Blocks share the region evenly (their sides may be fractions of a pixel, which then counts
        to both), so that none is smaller than asked for: a remainder of one pixel at the edge would
        be a pixel of the original.
        """
        height, width = pixels.shape[:2]
        blocks = float(getattr(self.blocks, entity))
        side = max(LEAST_BLOCK, math.ceil(min(height, width) / blocks))
        columns, rows = max(1, width // side), max(1, height // side)
        means: np.ndarray = cv2.resize(pixels, (columns, rows), interpolation=cv2.INTER_AREA)
        # not by cv2.resize: its 16 bits of fixed point move borders in windows of a thousand pixels
        means = means.reshape(rows, columns, *pixels.shape[2:])
        return means.take(blocks_of(width, columns), axis=1).take(blocks_of(height, rows), axis=0)

    def is_hidden_in(self, inside: RegionWindow) -> np.ndarray:
        """See `Method.is_hidden_in`: even blocks of one value, which is the original's mean."""
        return constant_blocks(inside, float(getattr(self.blocks, inside.entity)), 2)


@lru_cache(maxsize=1024)
def blocks_of(length: int, count: int) -> np.ndarray:
    """Return the block that the centre of each pixel lies in, where `count` share a length."""
    return (2 * np.arange(length) + 1) * count // (2 * length)
