"""Gaussian blur."""

import math
from functools import partial
from typing import ClassVar

import numpy as np

from anonbench.anonymization.audit.visibility import near
from anonbench.core.registries.methods import Method
from anonbench.core.settings import Positive, Settings

LEAST_SIGMA = 1.5  # smallest standard deviation, in pixels, so that small regions are hidden too
_FADED = 5.0  # sigma × angular frequency above which a Gaussian leaves less than 4e-6 of a wave
_UP = 1e-6  # grey levels that are added before rounding, so that a half is always rounded up


class Sigma(Settings):
    """Standard deviation as a share of a region's shorter side, by entity.

    The paper states none. For faces SEBA uses 0.09 and calls 0.51 strong. At 0.5 of a line's height
    no line is read, but a dictionary attack finds one in six (docs/explanation/privacy.md).
    """

    face: Positive = 0.12
    text: Positive = 2.0
    barcode: Positive = 2.0
    mrz: Positive = 2.0
    ink: Positive = 2.0


class Blur(Method):
    """Gaussian blur."""

    name: ClassVar = "blur"
    label: ClassVar = "Blur"
    line_colour: ClassVar = "#D55E00"
    information_left: ClassVar = "coarse"
    least_side: ClassVar = 2 * math.ceil(LEAST_SIGMA) + 1

    sigma: Sigma = Sigma()  # Standard deviation as a share of a region's shorter side, by entity.

    def hide(self, pixels: np.ndarray, entity: str) -> np.ndarray:
        """Blur the window with mirrored borders, as a sum of the cosines that a Gaussian leaves.

        OpenCV's 8-bit Gaussian is cut off at three sigma, which leaves waves that a deconvolution
        can use. Double precision hides how many threads multiply the matrices.
        """
        height, width, *channels = pixels.shape
        sigma = max(LEAST_SIGMA, float(getattr(self.sigma, entity)) * min(height, width))
        (rows, down), (columns, across) = _cosines(height, sigma), _cosines(width, sigma)
        few = (rows @ pixels.reshape(height, -1).astype(np.float64)).reshape(-1, width, *channels)
        waves = np.tensordot(few, columns, axes=(1, 1))  # [rows, (3,) columns]
        waves *= down.reshape(-1, *[1] * len(channels), 1) * across
        lines = np.moveaxis(waves @ columns, -1, 1).reshape(len(down), -1)
        blurred = rows.T @ lines
        blurred += _UP
        np.clip(np.rint(blurred, out=blurred), 0, 255, out=blurred)
        return np.asarray(blurred.astype(np.uint8).reshape(pixels.shape))

    def is_hidden(self, original: np.ndarray, written: np.ndarray, entity: str) -> np.ndarray:
        """See `Method.is_hidden`; a level in 500 is allowed for the waves that `hide` drops."""
        sigma = max(1.5, float(getattr(self.sigma, entity)) * min(original.shape[1:]))
        return near(written, map(partial(gaussian, sigma=sigma), original), 0.502)


def gaussian(plane: np.ndarray, sigma: float) -> np.ndarray:
    """Blur a plane whose borders are mirrors, by its cosines; float64 [h, w]."""
    from scipy import fft  # for the Gaussian alone

    waves = fft.dctn(plane.astype(np.float64), norm="ortho", overwrite_x=True)
    down, across = (
        np.exp(-0.5 * np.square(np.arange(length) * (math.pi * sigma / length)))
        for length in plane.shape
    )
    waves *= down[:, None]
    waves *= across
    return np.asarray(fft.idctn(waves, norm="ortho", overwrite_x=True))


def _cosines(length: int, sigma: float) -> tuple[np.ndarray, np.ndarray]:
    """Cosines of a mirrored row that a Gaussian leaves, [n, length], and their factors, [n]."""
    frequencies = math.pi / length * np.arange(length)
    frequencies = frequencies[: int(_FADED / (sigma * math.pi / length)) + 1]
    waves = np.cos(frequencies[:, None] * (np.arange(length) + 0.5)) * math.sqrt(2 / length)
    waves[0] = math.sqrt(1 / length)
    return waves, np.exp(-0.5 * np.square(sigma * frequencies))
