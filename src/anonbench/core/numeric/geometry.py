"""Geometry of boxes."""

from __future__ import annotations

import numpy as np


def rectangle(x0: float, y0: float, x1: float, y1: float) -> np.ndarray:
    """Corners of a box from top left clockwise, float64 [4, 2]: x and y."""
    return np.array([(x0, y0), (x1, y0), (x1, y1), (x0, y1)], np.float64)
