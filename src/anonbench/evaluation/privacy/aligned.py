"""Faces aligned by eyes, nose and mouth, as models of face recognition expect them."""

from __future__ import annotations

import math

import numpy as np

from anonbench.core.libraries.opencv import cv2

TEMPLATE = np.array(
    [
        (38.2946, 51.6963),
        (73.5318, 51.5014),
        (56.0252, 71.7366),
        (41.5493, 92.3655),
        (70.7299, 92.2041),
    ]
)
"""Where eyes, nose and corners of the mouth are in a square of `TEMPLATE_SIDE` pixels (Deng et al.
2019, "ArcFace")."""
TEMPLATE_SIDE = 112
LEAST_SCALE = 1 / 64
"""Faces are shrunk by area down to this scale."""


def aligned(seen: np.ndarray, points: np.ndarray, side: int) -> np.ndarray:
    """Turn, scale and move a crop so that its points come nearest to the template's.

    Everything outside the crop gets the crop's mean colour, so that nothing of a masked face is
    left. For large faces, the result is a multiple of `side` and is still to be shrunk.

    Args:
        seen: uint8 [h, w] or [h, w, 3].
        points: float64 [5, 2], x and y of eyes, nose and mouth in pixels of the crop.
        side: of the square, in pixels.

    Returns:
        uint8 [n · side, n · side] or [n · side, n · side, 3], n a whole number.

    """
    beside = np.atleast_1d(seen.mean(axis=(0, 1))).tolist()
    matrix = similarity(points, TEMPLATE * (side / TEMPLATE_SIDE))
    times = max(1, math.ceil(1.0 / max(float(np.hypot(*matrix[:, 0])), LEAST_SCALE)))
    return np.asarray(
        cv2.warpAffine(
            np.ascontiguousarray(seen),
            matrix * times,
            (times * side, times * side),
            flags=cv2.INTER_LINEAR,
            borderMode=cv2.BORDER_CONSTANT,
            borderValue=beside,
        )
    )


def similarity(points: np.ndarray, to: np.ndarray) -> np.ndarray:
    """Rotation, scale and shift that bring points nearest to others, float64 [2, 3].

    Nearest in the least-squares sense; linear in (a, b, x, y) for the matrix (a, -b, x; b, a, y).

    Args:
        points: float64 [N, 2], at least two different ones.
        to: float64 [N, 2].

    """
    x, y = points.T
    one, zero = np.ones_like(x), np.zeros_like(x)
    left = np.concatenate([np.stack([x, -y, one, zero], 1), np.stack([y, x, zero, one], 1)])
    a, b, right, down = np.linalg.lstsq(left, to.T.ravel(), rcond=None)[0]
    return np.array([[a, -b, right], [b, a, down]])
