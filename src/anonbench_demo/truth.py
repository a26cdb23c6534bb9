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


def box_region(
    entity: Entity, box: tuple[float, float, float, float], width: int, height: int
) -> Region:
    """Return an upright region, cut at the image's edges."""
    x0, x1 = np.clip([box[0], box[2]], 0, width)
    y0, y1 = np.clip([box[1], box[3]], 0, height)
    return Region(entity, float(x0), float(y0), float(x1), float(y1), 1.0)


def quad_region(entity: Entity, corners: np.ndarray, width: int, height: int) -> Region:
    """Return a slanted region from its corners [4, 2], cut at the image's edges."""
    inside = np.clip(corners, 0, (width, height))
    (x0, y0), (x1, y1) = inside.min(axis=0), inside.max(axis=0)
    quad: Quad = tuple(float(value) for value in inside.ravel())  # type: ignore[assignment]
    return Region(entity, float(x0), float(y0), float(x1), float(y1), 1.0, quad)
