"""True sensitive area left visible at each degree: outside of every hidden region."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
import shapely
from shapely.affinity import scale

from anonbench.core.boxes import Region, regions_at
from anonbench.core.numeric.statistics import bootstrap_means, interval
from anonbench.core.vocabulary import Entity
from anonbench.detection.quality.quality import (
    Size,
    all_corners,
    hidden_areas,
    hulls_inside,
    outlines,
)

COLUMNS = ["degree", "entity", "in_sight", "low", "high", "images"]
"""A row a degree and entity: the share of its true area that is not hidden, as a mean over `images`
with such regions, with a bootstrap interval over images."""
_QUARTER = 32
"""Number of corners in a quarter of an ellipse's inscribed polygon: coverage is underestimated."""


def in_sight(
    found: Mapping[str, Sequence[Region]],
    true: Mapping[str, Sequence[Region]],
    sizes: Mapping[str, Size],
    degrees: Sequence[int],
    shapes: Mapping[str, str],
    margin: float,
    resamples: int,
    confidence: float,
) -> pd.DataFrame:
    """Return the true area that each degree leaves in sight, columns `COLUMNS`.

    What detectors miss, what a degree leaves out and what the corners of ellipses show are counted
    together. It is the same for every method: they hide the same pixels.

    Args:
        found: regions by image id, in draw order.
        true: regions by image id; its images are those that count.
        sizes: by image id, at least of `true`.
        degrees: percent of the regions that are hidden.
        shapes: what of a region is hidden, by entity: `box`, `ellipse` or `image`.
        margin: factor by which regions are grown.
        resamples: of the bootstrap; an image's regions are drawn together.
        confidence: of the intervals.

    """
    shares: dict[tuple[int, str], list[float]] = {}
    for image_id in sorted(true):
        size = sizes[image_id]
        regions = list(found.get(image_id, ()))
        hidden = _hidden(regions, size, shapes, margin)
        for entity in Entity:
            own = outlines([each for each in true[image_id] if each.entity == entity], size)
            parts = shapely.get_parts(shapely.union_all(own))
            if (area := shapely.area(parts).sum()) > 0:
                for degree in degrees:
                    first = hidden[: regions_at(degree, len(regions))]
                    covered = min(float(hidden_areas(parts, first).sum() / area), 1.0)
                    shares.setdefault((degree, str(entity)), []).append(1.0 - covered)
    rows = []
    for (degree, name), values in sorted(shares.items()):
        samples = bootstrap_means(np.array(values)[:, None], resamples, "in sight")[:, 0]
        low, high = interval(samples, confidence)
        rows.append((degree, name, float(np.mean(values)), low, high, len(values)))
    return pd.DataFrame(rows, columns=COLUMNS)


def _hidden(
    regions: Sequence[Region], size: Size, shapes: Mapping[str, str], margin: float
) -> np.ndarray:
    """Return the polygon that is hidden of each found region, object [N]."""
    corners = all_corners(regions)
    middles = corners.mean(axis=1, keepdims=True)
    hidden = hulls_inside(middles + margin * (corners - middles), size)
    for number, region in enumerate(regions):
        form = shapes.get(str(region.entity), "box")
        if form == "image":
            hidden[number] = shapely.box(0, 0, *size)
        elif form == "ellipse" and region.quad is None:
            radii = margin * (region.x1 - region.x0) / 2, margin * (region.y1 - region.y0) / 2
            circle = shapely.Point(*middles[number, 0]).buffer(1.0, quad_segs=_QUARTER)
            hidden[number] = shapely.intersection(scale(circle, *radii), shapely.box(0, 0, *size))
    return hidden
