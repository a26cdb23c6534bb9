"""Gaussian blur."""

from __future__ import annotations

import math
from functools import lru_cache
from typing import Annotated, ClassVar

import numpy as np
from pydantic import Field

from anonbench.core.libraries.later import opencv
from anonbench.core.registries.methods import Method
from anonbench.core.settings import Positive, Settings

_LONG = 150
"""Values of a kernel above which transforms are faster than sums."""
_REMEMBERED = 512
"""Kernels, and responses to them: a page has dozens of lines of the same height."""


class Sigma(Settings):
    """Standard deviation as a share of a region's shorter side, by entity."""

    face: Positive = 0.12
    text: Positive = 2.0
    barcode: Positive = 0.25
    mrz: Positive = 2.0


class Blur(Method):
    """Gaussian blur."""

    name: ClassVar = "blur"
    label: ClassVar = "Blur"
    line_colour: ClassVar = "#D55E00"
    residue: ClassVar = "coarse"

    sigma: Sigma = Sigma()
    """The paper states none. Faces: SEBA uses 0.09 and calls 0.51 strong. At 0.5 of a line's
    height no line is read, but of a hundred candidates the true one is told for one line in six
    (docs/explanation/privacy.md)."""
    min_sigma: Annotated[float, Field(ge=1.0)] = 1.5
    """Smallest standard deviation in pixels, so that small regions are hidden too."""

    def least_side(self) -> int:
        """See `Method.least_side`."""
        return 2 * math.ceil(self.min_sigma) + 1

    def hide(self, pixels: np.ndarray, entity: str) -> np.ndarray:
        """Blur; nothing outside the window has a part in it: its border is mirrored."""
        cv2 = opencv()
        share = float(getattr(self.sigma, entity))
        sigma = max(self.min_sigma, share * min(pixels.shape[:2]))
        kernel = _kernel(sigma)
        if len(kernel) > _LONG:
            blurred = _by_cosines(pixels, sigma)
        else:  # in floating point: OpenCV's 8-bit Gaussian is coarser, and slower
            mirrored = cv2.BORDER_REFLECT
            blurred = cv2.sepFilter2D(pixels, cv2.CV_32F, kernel, kernel, borderType=mirrored)
        return np.asarray(cv2.convertScaleAbs(blurred))  # which rounds; nothing is negative


@lru_cache(maxsize=_REMEMBERED)
def _kernel(sigma: float) -> np.ndarray:
    """Return the Gaussian as far as three times sigma, float64 [2r + 1, 1]."""
    return np.asarray(opencv().getGaussianKernel(2 * math.ceil(3 * sigma) + 1, sigma))


def _by_cosines(pixels: np.ndarray, sigma: float) -> np.ndarray:
    """Filter along both axes by products of discrete cosine transforms (DCT-II).

    What is mirrored at its borders is a sum of cosines, and an even kernel makes each of them
    larger or smaller. So the time does not depend on how wide the kernel is.
    """
    from scipy.fft import dctn, idctn  # for wide kernels alone

    cosines = dctn(pixels.astype(np.float32), axes=(0, 1), overwrite_x=True)
    for axis in (0, 1):
        shape = [1] * pixels.ndim
        shape[axis] = pixels.shape[axis]
        cosines *= _response(pixels.shape[axis], sigma).reshape(shape)
    return np.asarray(idctn(cosines, axes=(0, 1), overwrite_x=True))


@lru_cache(maxsize=_REMEMBERED)
def _response(length: int, sigma: float) -> np.ndarray:
    """Return what the kernel makes of each cosine of a mirrored row, float32 [length]."""
    kernel = _kernel(sigma)[:, 0]
    reach = len(kernel) // 2
    places = np.arange(-reach, reach + 1) % (2 * length)
    wrapped = np.bincount(places, kernel, 2 * length)
    return np.fft.rfft(wrapped).real[:length].astype(np.float32)
