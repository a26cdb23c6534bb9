"""Promises of the distortions: each pixel is the one that the formula names."""

from __future__ import annotations

from itertools import product

import numpy as np

from anonbench.anonymization.audit.promises.inside import Inside, Promise
from anonbench.config import Anonymization

_UNSURE = 1e-6
"""Pixels between a coordinate and the border of a pixel, by how much rounding may move it."""


class _Moved(Promise):
    """Every pixel is a copy of another one, whose place is computed in complex numbers."""

    def least(self, settings: Anonymization) -> int:
        """Return 1."""
        return 1

    def source(self, points: np.ndarray, settings: Anonymization) -> np.ndarray:
        """Return where points come from, complex, in -1 … 1 across and down the window."""
        raise NotImplementedError

    def kept(self, inside: Inside, settings: Anonymization) -> np.ndarray:
        """Compare with the pixel there; at a border of pixels with either one."""
        height, width = inside.mask.shape
        across = np.linspace(-1.0, 1.0, 2 * width + 1)[1::2]
        down = np.linspace(-1.0, 1.0, 2 * height + 1)[1::2]
        come = self.source(across[None, :] + 1j * down[:, None], settings)
        x, y = (come.real + 1.0) * width / 2.0, (come.imag + 1.0) * height / 2.0
        columns, rows = (
            [_pixels(places + off, length) for off in (-_UNSURE, _UNSURE)]
            for places, length in ((x, width), (y, height))
        )
        pixels = inside.original.reshape(len(inside.original), -1)
        right = np.zeros(inside.mask.shape, bool)
        for row, column in product(rows, columns):
            right |= (inside.written == pixels.take(row * width + column, axis=1)).all(axis=0)
            if right.all():
                break
        return right


def _pixels(places: np.ndarray, length: int) -> np.ndarray:
    """Return the pixels of a line that places lie in."""
    return np.clip(places, 0.0, length - 0.5).astype(int)


class Turn(_Moved):
    """Swirl: a rotation that fades with the distance from the centre."""

    def least(self, settings: Anonymization) -> int:
        """Return the least side that has pixels beside the centre."""
        return 2

    def source(self, points: np.ndarray, settings: Anonymization) -> np.ndarray:
        """Multiply by a number of length one."""
        share = 1.0 - np.abs(points) / np.sqrt(2.0)
        turned: np.ndarray = points * np.exp(2j * np.pi * float(settings.swirl.turns) * share)
        return turned


class Bulge(_Moved):
    """Barrel distortion: a factor that grows with the square of the distance, 1 at the corners."""

    def source(self, points: np.ndarray, settings: Anonymization) -> np.ndarray:
        """Multiply by the factor."""
        strength = float(settings.barrel.strength)
        far = np.abs(points) ** 2
        moved: np.ndarray = points * ((1.0 + strength * far) / (1.0 + 2.0 * strength))
        return moved
