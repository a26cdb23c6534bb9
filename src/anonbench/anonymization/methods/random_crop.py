"""Random crop: a part of the region, enlarged to fill it."""

from typing import ClassVar

import numpy as np

from anonbench.anonymization.audit.visibility import near
from anonbench.anonymization.methods.keyed import Keyed
from anonbench.anonymization.methods.pixelate import block_of
from anonbench.core.settings import Share


class RandomCrop(Keyed):
    """A part of the region, at a random place, enlarged to fill it.

    Weak by design: the part is shown unchanged. What is outside of the part is gone and cannot be
    restored.
    """

    name: ClassVar = "random_crop"
    label: ClassVar = "Random crop"
    line_colour: ClassVar = "#F0A0A0"
    information_left: ClassVar = "most"
    least_side: ClassVar = 4

    share: Share = 0.4  # Sides of the enlarged part as a share of the region's.

    def hide(self, pixels: np.ndarray, entity: str) -> np.ndarray:
        """Enlarge the part; each pixel is the nearest one's."""
        drawn = self.random(pixels, entity, 2, 64).tolist()
        places = []
        for length, number in zip(pixels.shape[:2], drawn, strict=True):
            size = max(1, int(self.share * length))
            start = number % (length - size + 1)
            places.append(start + (2 * np.arange(length) + 1) * size // (2 * length))
        return np.asarray(pixels.take(places[1], axis=1).take(places[0], axis=0))

    def is_hidden(self, original: np.ndarray, written: np.ndarray, entity: str) -> np.ndarray:
        """See `Method.is_hidden`: each of the part's pixels fills its share of the whole."""
        shown = original
        for axis, number in enumerate(self.drawn_again(original, entity, 2, 8).tolist(), start=1):
            length = shown.shape[axis]
            size = max(1, int(self.share * length))
            start = number % (length - size + 1)
            shown = shown.take(start + block_of(length, size), axis=axis)
        return near(written, shown)
