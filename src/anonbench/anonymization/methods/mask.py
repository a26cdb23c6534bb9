"""Masking: one colour over the whole region."""

from __future__ import annotations

import math
from typing import Annotated, ClassVar, Literal

import numpy as np
from pydantic import Field

from anonbench.core.registries.methods import Method

Level = Annotated[int, Field(ge=0, le=255)]
Colour = tuple[Level, Level, Level]
MEAN = "mean"


class Mask(Method):
    """One colour over the whole region."""

    name: ClassVar = "mask"
    label: ClassVar = "Mask"
    line_colour: ClassVar = "#009E73"
    residue: ClassVar = "none"

    colour: Colour | Literal["mean"] = (0, 0, 0)
    """Red, green, blue, or `mean`: the region's mean colour, which tells that much of it: skin or
    paper, bright or dark. White, [255, 255, 255], is nearer to paper."""

    def least_side(self) -> int:
        """See `Method.least_side`."""
        return 4 if self.colour == MEAN else 1

    def hide(self, pixels: np.ndarray, entity: str) -> np.ndarray:
        """Cover with the colour (its luma in a grey image)."""
        if self.colour == MEAN:
            levels = np.rint(pixels.mean(axis=(0, 1))).astype(np.uint8).tobytes()
        else:
            levels = bytes([self.grey] if pixels.ndim == 2 else map(int, self.colour))
        return np.frombuffer(levels * math.prod(pixels.shape[:2]), np.uint8).reshape(pixels.shape)

    @property
    def grey(self) -> int:
        """The colour as grey level (ITU-R BT.601 luma)."""
        red, green, blue = map(int, self.colour)
        return round(0.299 * red + 0.587 * green + 0.114 * blue)
