"""Planes of an image that contrast shows in: grey, and each colour with what grey hides."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from anonbench.core.libraries.opencv import cv2

_TILE = 8
"""Sides, in pixels, of the squares whose contrasts are compared."""
_CONTRAST = 12.0
"""Standard deviation in a colour from which there is something to see."""
_MORE = 3.0
"""How many times more of it than in grey there is where grey hides it."""
_TILES = 4
"""Squares of that kind from which a colour is searched."""


def planes(image: np.ndarray) -> Iterator[np.ndarray]:
    """Yield the grey image, then each colour that shows what grey and those before it do not.

    A person tells red from green of the same luminance. Such places are rare, and most images are
    their grey plane alone.

    Args:
        image: uint8 [H, W] or [H, W, 3] RGB.

    """
    if image.ndim == 2:
        yield np.ascontiguousarray(image)
        return
    grey = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)
    yield grey
    seen = _contrasts(grey)
    colours = [np.ascontiguousarray(image[..., number]) for number in range(3)]
    found = [_contrasts(colour) for colour in colours]
    while True:
        hidden = [(own > _CONTRAST) & (own > _MORE * seen) for own in found]
        most = int(np.argmax([each.sum() for each in hidden]))
        if hidden[most].sum() < _TILES:
            return
        yield colours[most]
        seen = np.maximum(seen, found[most])


def _contrasts(plane: np.ndarray) -> np.ndarray:
    """Standard deviations in squares of a plane, float32 [h, w]."""
    size = (max(1, plane.shape[1] // _TILE), max(1, plane.shape[0] // _TILE))
    values = plane.astype(np.float32)
    means = cv2.resize(values, size, interpolation=cv2.INTER_AREA)
    squares = cv2.resize(values * values, size, interpolation=cv2.INTER_AREA)
    return np.asarray(np.sqrt(np.maximum(squares - means * means, 0.0)))
