"""Common parts of the face detectors: a region from a box, grown by a margin."""

from __future__ import annotations

import numpy as np

from anonbench.core.boxes import Region
from anonbench.core.vocabulary import Entity
from anonbench.detection.base import clipped_box


def face_region(box: np.ndarray, score: float, margin: float, image: np.ndarray) -> list[Region]:
    """Return the face's box (x0, y0, x1, y1) times `margin` about its centre, cut to the image."""
    corners = np.asarray(box, dtype=np.float64)
    grown = (corners[2:] - corners[:2]) * ((margin - 1) / 2)
    corners = np.concatenate([corners[:2] - grown, corners[2:] + grown])
    return clipped_box(Entity.FACE, corners, score, image)
