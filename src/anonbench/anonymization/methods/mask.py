"""Masking: one colour over the whole region."""

from __future__ import annotations

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
            mean = np.rint(pixels.mean(axis=(0, 1))).astype(np.uint8)
            return np.broadcast_to(mean, pixels.shape)
        if pixels.ndim == 3 and len({*self.colour}) > 1:
            return np.broadcast_to(np.array(self.colour, np.uint8), pixels.shape)
        return np.full_like(pixels, self.grey)  # of three equal levels it is each of them

    @property
    def grey(self) -> int:
        """The colour as grey level (ITU-R BT.601 luma)."""
        red, green, blue = (int(level) for level in self.colour)
        return round(0.299 * red + 0.587 * green + 0.114 * blue)
