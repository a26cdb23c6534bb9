"""Replacement: fake content of the same kind in a document's regions."""

from typing import ClassVar

import numpy as np

from anonbench.anonymization.audit.visibility import near
from anonbench.core.registries.methods import Method, RegionWindow

LEAST_SIDE = 8  # narrower regions are masked: too few pixels for the colours to be no copy of one


class Replace(Method):
    """Text, zones and barcodes redrawn with fake content; faces and ink are covered."""

    name: ClassVar = "replace"
    label: ClassVar = "Replace"
    line_colour: ClassVar = "#7B3294"
    seconds_an_image: ClassVar = (0.1, 0.4)
    information_left: ClassVar = "coarse"
    fakes: ClassVar = ("text", "mrz", "barcode")

    def hide(self, pixels: np.ndarray, entity: str) -> np.ndarray:
        """Draw fake content in the colours of the region's ink and paper."""
        from anonbench.anonymization.replacement.appearance import redrawn

        if entity == "face" or min(pixels.shape[:2]) < LEAST_SIDE:
            return np.zeros_like(pixels)
        return redrawn(pixels, entity)

    def is_hidden_in(self, inside: RegionWindow) -> np.ndarray:
        """See `Method.is_hidden_in`: one of a few pictures; faces and narrow regions are masked."""
        from anonbench.anonymization.replacement.pictures import is_redrawn

        if inside.entity == "face" or min(inside.mask.shape) < 8:
            return near(inside.written, [np.float32(0)] * len(inside.written))
        return is_redrawn(inside)
