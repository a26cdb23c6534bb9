"""Retrieval without learning, as a system under test: histograms of oriented gradients (HOG).

`systems: { hog: { kind: function, function: "examples.hog:encode" } }`, from the project's folder.
"""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

SIDE = 64
"""Pixels a side of the image that is described."""
_HOG = cv2.HOGDescriptor((SIDE, SIDE), (16, 16), (8, 8), (8, 8), 9)


def encode(images: Sequence[np.ndarray]) -> np.ndarray:
    """Return the descriptors of N images (Dalal and Triggs 2005), float32 [N, 1764].

    Args:
        images: uint8 [H, W, 3] RGB, of any sizes.

    """
    size, area = (SIDE, SIDE), cv2.INTER_AREA
    return np.stack([_HOG.compute(cv2.resize(each, size, interpolation=area)) for each in images])
