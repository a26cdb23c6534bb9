"""Gaussian blur."""

from __future__ import annotations

import math
from functools import lru_cache
from typing import Annotated, ClassVar

import numpy as np
from pydantic import Field

from anonbench.core.libraries.later import opencv
from anonbench.core.numeric.compiled import compiled
from anonbench.core.registries.methods import Method
from anonbench.core.settings import Positive, Settings

_FADED = 5.0
"""Product of sigma and an angular frequency above which a Gaussian leaves no wave: it makes each
less than 4e-6 of what it was."""
_REMEMBERED = 512
"""Kernels: lines of text have few heights."""
_LENGTHS = 1024
"""Waves and responses: they have hundreds of lengths."""
_SHORT = 2**13
"""Values of the longest waves that are remembered: 67 MB in all."""
_UP = 1e-6
"""Grey levels that are added before rounding."""
_TOGETHER = 8
"""Waves that are made at once: the next line as long may need another one."""


class Sigma(Settings):
    """Standard deviation as a share of a region's shorter side, by entity."""

    face: Positive = 0.12
    text: Positive = 2.0
    barcode: Positive = 0.25
    mrz: Positive = 2.0
    ink: Positive = 2.0


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
        height, width = pixels.shape[:2]
        share = float(getattr(self.sigma, entity))
        sigma = max(self.min_sigma, share * min(height, width))
        down, across = _response(height, sigma), _response(width, sigma)
        if len(down) == 1:
            alike: np.ndarray = _alike(
                pixels.reshape(height, -1).copy(), _waves(width, len(across)), across
            )
            return alike.reshape(pixels.shape)
        if len(down) + len(across) <= 18 * sigma:  # twice the kernel: about where they take as long
            blurred = _by_cosines(pixels, down, across)
        else:  # in floating point: OpenCV's 8-bit Gaussian is coarser, and slower
            blurred = _by_sums(pixels, _kernel(sigma))
        # nothing is below 0 in truth; and a half is rounded up, whatever its last digits are
        rounded: np.ndarray = opencv().convertScaleAbs(blurred, beta=_UP)
        return rounded.reshape(pixels.shape)


def _by_sums(pixels: np.ndarray, kernel: np.ndarray) -> np.ndarray:
    """Return float32 [h, w] or [h, w, 3]: the sums along both axes that define the blur."""
    cv2 = opencv()
    mirrored = cv2.BORDER_REFLECT
    return np.asarray(cv2.sepFilter2D(pixels, cv2.CV_32F, kernel, kernel, borderType=mirrored))


@lru_cache(maxsize=_REMEMBERED)
def _kernel(sigma: float) -> np.ndarray:
    """Return the Gaussian as far as 4.5 times sigma, float64 [2r + 1, 1].

    What is beyond changes a value by less than a hundredth of a grey level.
    """
    return np.asarray(opencv().getGaussianKernel(2 * math.ceil(4.5 * sigma) + 1, sigma))


def _by_cosines(pixels: np.ndarray, down: np.ndarray, across: np.ndarray) -> np.ndarray:
    """Return the same from the few cosines that a wide Gaussian leaves, float64 [h, w or 3 w].

    What is mirrored at its borders is a sum of cosines (DCT-II), and an even kernel makes each of
    them larger or smaller. So the time falls with sigma, by sums it grows. In double precision
    the number of threads that multiply matrices is seen in no grey level.

    Args:
        pixels: uint8 [h, w] or [h, w, 3].
        down: `_response` of each axis.
        across: see `down`.

    """
    height, width, *channels = pixels.shape
    rows, columns = _waves(height, len(down)), _waves(width, len(across))
    few = rows @ pixels.reshape(height, -1).astype(np.float64)
    kept = down[:, None] * across
    if not channels:
        return np.asarray(rows.T @ (((few @ columns.T) * kept) @ columns))
    fewest = (columns @ few.reshape(len(down), width, *channels)) * kept[..., None]
    return np.asarray(rows.T @ (columns.T @ fewest).reshape(len(down), -1))


@compiled
def _alike(pixels, waves, response):  # type: ignore[no-untyped-def]
    """Return the same, uint8 [h, w or 3 w], of one cosine down, which is constant: rows are alike.

    So it is for lines of text, which are small and many: calls would take longer than their pixels.

    Args:
        pixels: uint8 [h, w or 3 w].
        waves: float64 [n, w], `_waves` of the row.
        response: float64 [n].

    """
    (count, width), (height, size) = waves.shape, pixels.shape
    channels = size // width
    sums, values, result = np.zeros(size), np.empty(width), np.empty((height, size), np.uint8)
    for y in range(height):
        for x in range(size):
            sums[x] += pixels[y, x]
    for c in range(channels):
        for x in range(width):
            values[x] = sums[x * channels + c]
            sums[x * channels + c] = _UP
        for k in range(count):
            share = _dot(values, waves[k]) * response[k] / height
            for x in range(width):
                sums[x * channels + c] += share * waves[k, x]
    for y in range(height):
        for x in range(size):
            result[y, x] = np.uint8(min(np.rint(abs(sums[x])), 255.0))
    return result


@compiled
def _dot(one, other):  # type: ignore[no-untyped-def]
    """Return a sum of products, of four sums side by side."""
    a = b = c = d = 0.0
    whole = one.size // 4 * 4
    for x in range(0, whole, 4):
        a += one[x] * other[x]
        b += one[x + 1] * other[x + 1]
        c += one[x + 2] * other[x + 2]
        d += one[x + 3] * other[x + 3]
    for x in range(whole, one.size):
        a += one[x] * other[x]
    return (a + b) + (c + d)


@lru_cache(maxsize=4 * _LENGTHS)
def _response(length: int, sigma: float) -> np.ndarray:
    """Return what a Gaussian makes of each cosine of a mirrored row that it leaves, float64."""
    count = min(length, int(_FADED * length / (math.pi * sigma)) + 1)
    frequencies = math.pi / length * np.arange(count)
    return np.asarray(np.exp(-0.5 * np.square(sigma * frequencies)))


def _waves(length: int, count: int) -> np.ndarray:
    """Return the first cosines of a row, float64 [count, length], each of length 1."""
    most = -(-count // _TOGETHER) * _TOGETHER
    make = _remembered if length * most <= _SHORT else _cosines
    return make(length, most)[:count]


def _cosines(length: int, count: int) -> np.ndarray:
    """See `_waves`.

    Most follow from others: cos(a + b) = 2 cos(a) cos(b) - cos(a - b).
    """
    waves = np.ones((count, length))
    np.cos(math.pi / length * (np.arange(length) + 0.5), out=waves[1])
    last = 1
    while last < count - 1:
        new = waves[last + 1 : 2 * last + 1]
        np.multiply(waves[1 : len(new) + 1], 2 * waves[last], out=new)
        new -= waves[last - len(new) : last][::-1]
        last += len(new)
    waves *= math.sqrt(2 / length)
    waves[0] = math.sqrt(1 / length)
    return waves


_remembered = lru_cache(maxsize=_LENGTHS)(_cosines)
