"""Masking: one colour over the whole region."""

from __future__ import annotations

from typing import Annotated, ClassVar

import numpy as np
from pydantic import Field

from anonbench.core.registries.methods import Method

Colour = tuple[
    Annotated[int, Field(ge=0, le=255)],
    Annotated[int, Field(ge=0, le=255)],
    Annotated[int, Field(ge=0, le=255)],
]


class Mask(Method):
    """One colour over the whole region."""

    name: ClassVar = "mask"
    label: ClassVar = "Mask"
    line_colour: ClassVar = "#009E73"

    colour: Colour = (0, 0, 0)
    """Red, green, blue. White is nearer to paper."""

    def hide(self, pixels: np.ndarray, entity: str) -> np.ndarray:
        """Cover with the colour (its luma in a grey image)."""
        if pixels.ndim == 3:
            return np.broadcast_to(np.array(self.colour, np.uint8), pixels.shape)
        return np.full_like(pixels, self.grey)

    @property
    def grey(self) -> int:
        """The colour as grey level (ITU-R BT.601 luma)."""
        red, green, blue = self.colour
        return round(0.299 * red + 0.587 * green + 0.114 * blue)
