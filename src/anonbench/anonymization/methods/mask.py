"""Masking: one colour over the whole region."""

from typing import Annotated, ClassVar, Literal

import numpy as np
from pydantic import Field

from anonbench.anonymization.audit.visibility import near
from anonbench.core.registries.methods import Method

Level = Annotated[int, Field(ge=0, le=255)]
Colour = tuple[Level, Level, Level]


class Mask(Method):
    """One colour over the whole region."""

    name: ClassVar = "mask"
    label: ClassVar = "Mask"
    line_colour: ClassVar = "#009E73"
    information_left: ClassVar = "none"

    colour: Colour | Literal["mean"] = (0, 0, 0)
    """Red, green and blue, or `mean`: the region's mean colour, which this reveals."""

    def leaves(self) -> str:
        """See `Method.leaves`: a mean is a coarse one."""
        return "coarse" if isinstance(self.colour, str) else self.information_left

    @property
    def least_side(self) -> int:
        """See `Method.least_side`."""
        return 4 if isinstance(self.colour, str) else 1

    def hide(self, pixels: np.ndarray, entity: str) -> np.ndarray:
        """Cover with the colour (its luma in a grey image)."""
        if isinstance(self.colour, str):  # the mean
            levels = np.rint(pixels.mean(axis=(0, 1)))
        elif pixels.ndim == 3:
            levels = np.array(self.colour)
        else:  # ITU-R BT.601, a half up
            red, green, blue = self.colour
            levels = np.array((299 * red + 587 * green + 114 * blue + 500) // 1000)
        return np.full(pixels.shape, levels, np.uint8)

    def is_hidden(self, original: np.ndarray, written: np.ndarray, entity: str) -> np.ndarray:
        """See `Method.is_hidden`: the one colour, in a grey image its luma."""
        if isinstance(self.colour, str):
            means = (np.rint(plane.mean(dtype=np.float64)) for plane in original)
            return near(written, means)
        luma = (np.dot(self.colour, (299, 587, 114)) + 500) // 1000
        return near(written, map(np.float32, self.colour if len(written) == 3 else [luma]))
