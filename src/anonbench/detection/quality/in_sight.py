"""True sensitive area that stays in sight, by degree: outside of every region that is hidden."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
import shapely
from shapely.affinity import scale

from anonbench.core.boxes import Region, regions_at
from anonbench.core.numeric.statistics import bootstrap_means, interval
from anonbench.core.vocabulary import Entity
from anonbench.detection.quality.quality import Size, hidden_shares, outlines

COLUMNS = ["degree", "entity", "in_sight", "low", "high", "images"]
"""A row a degree and entity: the share of its true area that is not hidden, as a mean over `images`
with such regions, with a bootstrap interval over images."""
_QUARTER = 32
"""Corners of a quarter of an ellipse's polygon, which lies inside of it: less is hidden than is."""


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
        hidden = np.array([_hidden(each, size, shapes, margin) for each in regions], dtype=object)
        for entity in Entity:
            own = outlines([each for each in true[image_id] if each.entity == entity], size)
            whole = np.array([shapely.union_all(own)], dtype=object)
            if shapely.area(whole)[0] > 0:
                for degree in degrees:
                    first = hidden[: regions_at(degree, len(regions))]
                    covered = float(hidden_shares(whole, first)[0])
                    shares.setdefault((degree, str(entity)), []).append(1.0 - covered)
    rows = []
    for (degree, name), values in sorted(shares.items()):
        samples = bootstrap_means(np.array(values)[:, None], resamples, "in sight")[:, 0]
        low, high = interval(samples, confidence)
        rows.append((degree, name, float(np.mean(values)), low, high, len(values)))
    return pd.DataFrame(rows, columns=COLUMNS)


def _hidden(
    region: Region, size: Size, shapes: Mapping[str, str], margin: float
) -> shapely.Geometry:
    """Return the polygon that is hidden of a found region."""
    image = shapely.box(0, 0, *size)
    form = shapes.get(str(region.entity), "box")
    if form == "image":
        return image
    x0, y0, x1, y1 = region.x0, region.y0, region.x1, region.y1
    corners = np.array(region.quad or (x0, y0, x1, y0, x1, y1, x0, y1)).reshape(4, 2)
    middle = corners.mean(axis=0)
    if form == "ellipse" and region.quad is None:
        circle = shapely.Point(middle).buffer(1.0, quad_segs=_QUARTER)
        grown = scale(circle, margin * (x1 - x0) / 2, margin * (y1 - y0) / 2)
    else:
        grown = shapely.convex_hull(shapely.multipoints(middle + margin * (corners - middle)))
    return shapely.intersection(grown, image)
