"""Gaussian noise."""

from functools import lru_cache
from typing import ClassVar

import numpy as np

from anonbench.anonymization.audit.visibility import near
from anonbench.anonymization.methods.keyed import Keyed
from anonbench.core.settings import Positive

BITS = 16


class Noise(Keyed):
    """Gaussian noise on every value: weak by design, because averaging over pixels removes it.

    At the default strength, faces are recognized and lines are read by eye; a denoiser recovers
    more. Use it as a layer over another method.
    """

    name: ClassVar = "noise"
    label: ClassVar = "Noise"
    line_colour: ClassVar = "#7F7F7F"
    information_left: ClassVar = "most"

    deviation: Positive = 80.0
    """Standard deviation in grey levels, before values are clipped to 0–255."""

    def hide(self, pixels: np.ndarray, entity: str) -> np.ndarray:
        """Add noise, independent for each pixel and channel."""
        drawn = self.random(pixels, entity, pixels.size, BITS).reshape(pixels.shape)
        noisy = _levels(self.deviation).take(drawn)
        noisy += pixels
        return np.asarray(np.clip(noisy, 0, 255, out=noisy).astype(np.uint8))

    def is_hidden(self, original: np.ndarray, written: np.ndarray, entity: str) -> np.ndarray:
        """See `Method.is_hidden`: what was added has the drawn quantile."""
        from scipy.special import ndtri

        shape = (*original.shape[1:], len(original))
        shares = (self.drawn_again(original, entity, original.size, 2) + 0.5) / 2.0**16
        added = self.deviation * ndtri(shares).reshape(shape).transpose(2, 0, 1)
        return near(written, np.clip(original + added, 0, 255), 0.5 + 1e-9)


@lru_cache(maxsize=8)
def _levels(deviation: float) -> np.ndarray:
    """Whole grey levels at even quantiles of the normal distribution, int16 [65536]."""
    from scipy.special import ndtri  # for noise alone

    quantiles = deviation * ndtri((np.arange(2**BITS) + 0.5) / 2**BITS)
    return np.asarray(np.rint(np.clip(quantiles, -255, 255)).astype(np.int16))
