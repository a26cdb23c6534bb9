"""Differentially private pixelation."""

import math
from typing import Annotated, ClassVar

import numpy as np
from pydantic import Field

from anonbench.anonymization.methods.keyed import Keyed
from anonbench.anonymization.methods.pixelate import Blocks, constant_blocks, filled
from anonbench.core.libraries.opencv import cv2
from anonbench.core.registries.methods import RegionWindow
from anonbench.core.settings import Count, Positive


class DpPixelate(Keyed):
    """Pixelation with Laplace noise on the blocks' means (Fan 2018, "Image pixelization with
    differential privacy").

    For two versions of a region that differ in at most m pixels (`pixels`), no result is more than
    exp(`epsilon`) times as likely for one as for the other. This holds for one region of one image,
    with all its channels, against anyone without the key; the random numbers are pseudorandom. It
    does not protect a face as a whole: two faces differ in more than m pixels, and where the noise
    is small, the blocks' means are visible. The epsilons of several regions or several versions of
    one image add up.
    """

    name: ClassVar = "dp_pixelate"
    label: ClassVar = "Private pixelation"
    line_colour: ClassVar = "#CC79A7"
    information_left: ClassVar = "coarse"

    epsilon: Positive = 1.0
    """Largest privacy loss of a region: smaller hides more (Fan 2018 mostly uses 0.5)."""
    pixels: Count = 16
    """Number of pixels in which indistinguishable versions of a region may differ (Fan's m)."""
    blocks: Blocks = Blocks(face=4, text=1, barcode=0.25, mrz=1, ink=1)
    """Blocks across a region's shorter side, by entity; fewer blocks need less noise."""
    min_block: Annotated[int, Field(ge=2)] = 2  # Smallest side of a block, in pixels.

    @property
    def least_side(self) -> int:
        """See `Method.least_side`."""
        return self.min_block

    def hide(self, pixels: np.ndarray, entity: str) -> np.ndarray:
        """Give every block its mean with noise of scale 255 · m · channels / (area · epsilon).

        m pixels change all means together by at most 255 · m / area in each channel, which is the
        L1 sensitivity also where a pixel lies in several blocks: they share its weight. Means are
        rounded and cut to 0 … 255 after the noise only, which costs nothing.
        """
        height, width = pixels.shape[:2]
        rows, columns = self.blocks.counts(pixels, entity, self.min_block)
        size, area = (columns, rows), cv2.INTER_AREA
        means = cv2.resize(pixels.astype(np.float32), size, interpolation=area)
        means = means.reshape(rows, columns, *pixels.shape[2:])
        changed = min(self.pixels, height * width) * (pixels.size // (height * width))
        scale = 255.0 * changed * rows * columns / (height * width * self.epsilon)
        drawn = self.random(pixels, entity, means.size, 64).reshape(means.shape)
        centred = ((drawn >> np.uint64(12)) + 0.5) / 2.0**52 - 0.5
        noisy = means + np.copysign(scale * np.log1p(-2.0 * np.abs(centred)), centred)
        return filled(np.rint(noisy.clip(0, 255)).astype(np.uint8), pixels.shape)

    def is_hidden_in(self, inside: RegionWindow) -> np.ndarray:
        """See `Method.is_hidden_in`: blocks of their mean, with Laplace noise as drawn."""
        channels, pixels = len(inside.original), inside.mask.size

        def noise(counts: tuple[int, int]) -> np.ndarray:
            blocks = math.prod(counts)
            drawn = self.drawn_again(inside.original, inside.entity, channels * blocks, 8)
            shares = ((drawn >> np.uint64(12)) + 0.5) / 2.0**52
            low, high = np.log(2 * shares), -np.log(2 * (1 - shares))
            sensitivity = 255.0 * min(self.pixels, pixels) * blocks / pixels * channels
            levels = np.where(shares < 0.5, low, high) * (sensitivity / self.epsilon)
            return levels.reshape(*counts, channels).transpose(2, 0, 1)

        across = float(getattr(self.blocks, inside.entity))
        return constant_blocks(inside, across, self.min_block, noise)
