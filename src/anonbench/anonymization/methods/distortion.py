"""Distortions: pixels of the region in other places of it, by a known formula."""

import math
from itertools import product
from typing import ClassVar

import numpy as np

from anonbench.anonymization.audit.visibility import near
from anonbench.core.registries.methods import Method
from anonbench.core.settings import Positive


class Swirl(Method):
    """The region rotated about its centre, most at the centre and less towards the corners.

    Weak by design: it has no secret. The opposite rotation shows the region again, except for some
    detail that is lost in sampling.
    """

    name: ClassVar = "swirl"
    label: ClassVar = "Swirl"
    line_colour: ClassVar = "#8C564B"
    information_left: ClassVar = "most"
    least_side: ClassVar = 2  # a single pixel would turn about itself

    turns: Positive = 1.0  # Full turns at the centre.

    def hide(self, pixels: np.ndarray, entity: str) -> np.ndarray:
        """Take each pixel from where the turn leads, from the nearest one."""
        x, y = _coordinates(pixels)
        angle = (2.0 * math.pi * self.turns) * (1.0 - np.sqrt((x * x + y * y) / 2.0))
        sine, cosine = np.sin(angle), np.cos(angle)
        return _sampled(pixels, cosine * x - sine * y, sine * x + cosine * y)

    def is_hidden(self, original: np.ndarray, written: np.ndarray, entity: str) -> np.ndarray:
        """See `Method.is_hidden`: a rotation that fades with the distance from the centre."""
        points = _points(original)
        share = 1.0 - np.abs(points) / math.sqrt(2.0)
        return _are_from(points * np.exp(2j * math.pi * self.turns * share), original, written)


class Barrel(Method):
    """The region as through a fish-eye lens: its centre large, its edge small.

    Weak by design: it has no secret. The inverse formula shows the region again, except for detail
    at its edge. The centre does not move, so a region of one pixel is unchanged.
    """

    name: ClassVar = "barrel"
    label: ClassVar = "Barrel distortion"
    line_colour: ClassVar = "#BCBD22"
    information_left: ClassVar = "most"

    strength: Positive = 3.0
    """Enlargement of the centre, which becomes 1 + 2 × `strength` times as large."""

    def hide(self, pixels: np.ndarray, entity: str) -> np.ndarray:
        """Take each pixel from nearer to the centre, from the nearest one."""
        x, y = _coordinates(pixels)
        factor = (1.0 + self.strength * (x * x + y * y)) / (1.0 + 2.0 * self.strength)
        return _sampled(pixels, x * factor, y * factor)

    def is_hidden(self, original: np.ndarray, written: np.ndarray, entity: str) -> np.ndarray:
        """See `Method.is_hidden`: a factor that grows with the distance, 1 at the corners."""
        points, strength = _points(original), self.strength
        factor = (1.0 + strength * np.abs(points) ** 2) / (1.0 + 2.0 * strength)
        return _are_from(points * factor, original, written)


def _coordinates(pixels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Centres of pixels, float64 [1, w] and [h, 1], from -1 to 1 across and down the window."""
    y, x = ((np.arange(side) + 0.5) * (2.0 / side) - 1.0 for side in pixels.shape[:2])
    return x[None, :], y[:, None]


def _sampled(pixels: np.ndarray, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Return the pixels in which places lie; see `_coordinates`."""
    height, width = pixels.shape[:2]
    rows = np.clip(np.floor((y + 1.0) * (height / 2.0)), 0, height - 1).astype(np.int64)
    columns = np.clip(np.floor((x + 1.0) * (width / 2.0)), 0, width - 1).astype(np.int64)
    flat = pixels.reshape(height * width, *pixels.shape[2:])
    return np.asarray(flat.take(rows * width + columns, axis=0))


def _points(planes: np.ndarray) -> np.ndarray:
    """Centres of pixels as complex numbers, -1 … 1 across and down the window, for the audit."""
    down, across = (np.linspace(-1.0, 1.0, 2 * side + 1)[1::2] for side in planes.shape[1:])
    return np.asarray(across + 1j * down[:, None])


def _are_from(points: np.ndarray, original: np.ndarray, written: np.ndarray) -> np.ndarray:
    """Compare with the pixels that points lie in; at a border between pixels, with either one."""
    places = [
        [np.clip((each + 1) * side / 2 + off, 0, side - 0.5).astype(int) for off in (-1e-6, 1e-6)]
        for each, side in zip((points.imag, points.real), points.shape, strict=True)
    ]
    found = [near(written, original[:, y, x]) for y, x in product(*places)]
    return np.asarray(np.logical_or.reduce(found))
