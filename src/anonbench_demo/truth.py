"""Truth of a drawing: true regions and labels."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from anonbench.core.boxes import Quad, Region
from anonbench.core.vocabulary import Entity


@dataclass(frozen=True)
class Drawing:
    """A drawn image, uint8 [H, W] or [H, W, 3] RGB, and the truth about it."""

    image: np.ndarray
    regions: list[Region]
    labels: dict[str, bool] = field(default_factory=dict)


def box_region(entity: Entity, box: np.ndarray, width: int, height: int) -> Region:
    """Return an upright region (x0, y0, x1, y1), cut at the image's edges."""
    x0, y0, x1, y1 = np.clip(box, 0, (width, height, width, height)).tolist()
    return Region(entity, x0, y0, x1, y1, 1.0)


def quad_region(entity: Entity, corners: np.ndarray, width: int, height: int) -> Region:
    """Return a slanted region from its corners [4, 2], cut at the image's edges."""
    inside = np.clip(corners, 0, (width, height))
    (x0, y0), (x1, y1) = inside.min(axis=0).tolist(), inside.max(axis=0).tolist()
    quad: Quad = tuple(inside.ravel().tolist())  # type: ignore[assignment]
    return Region(entity, x0, y0, x1, y1, 1.0, quad)
