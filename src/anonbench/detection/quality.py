"""Coverage of true regions by found ones: exact areas, counts and means with intervals.

A hidden region is hidden whatever entity it was taken for: coverage counts all found regions,
except in columns named "alike", which count those of the true region's own entity.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import shapely

from anonbench.core.boxes import Region, image_regions, read_boxes
from anonbench.core.numeric.clusters import clustered_draws
from anonbench.core.numeric.statistics import interval
from anonbench.core.vocabulary import Entity
from anonbench.datasets.annotations.read import read_regions
from anonbench.detection.base import corners_of

IOU = 0.5  # intersection over union from which a found region is a true one, one to one
COVERAGES = (0.5, 0.9)  # shares of a true region's area from which it counts as hidden
ALL = "all"  # all entities together

REGION_COLUMNS = [
    *("id", "entity", "x0", "y0", "x1", "y1", "area"),
    *("covered", "covered_alike", "matched"),
]
IMAGE_COLUMNS = [
    *("id", "entity", "true", "found"),
    *("area", "covered", "covered_alike", "false_area"),
]
METRICS = ("covered", "covered_alike", "recall_iou", "recall_50", "recall_90", "false_area")
SUMMARY_COLUMNS = ["entity", "metric", "value", "low", "high", "images"]
SUMMARY_COLUMNS += ["clusters", "true", "found"]

Size = tuple[int, int]  # width and height in pixels


def outlines(regions: Sequence[Region], size: Size) -> np.ndarray:
    """Each region's polygon inside an image, object [N]; one outside it is empty.

    A quadrilateral is taken for the convex hull of its corners, as the anonymizers do.
    """
    return hulls_inside(stacked_corners(regions), size)


def stacked_corners(regions: Sequence[Region]) -> np.ndarray:
    """Corners of regions' quadrilaterals or boxes, float64 [N, 4, 2], in pixels."""
    return np.array([corners_of(region) for region in regions], float).reshape(-1, 4, 2)


def hulls_inside(corners: np.ndarray, size: Size) -> np.ndarray:
    """Part inside an image of each convex hull of corners [N, 4, 2], object [N]."""
    hulls: np.ndarray = shapely.convex_hull(shapely.multipoints(corners))
    # those inside are left unchanged: clipping would take most of the time
    over = ((corners < 0) | (corners > size)).any(axis=(1, 2))
    hulls[over] = shapely.intersection(hulls[over], shapely.box(0, 0, *size))
    # a flat region becomes a line or a point, which has no area and cannot be united with polygons
    hulls[shapely.get_type_id(hulls) != shapely.GeometryType.POLYGON] = shapely.Polygon()
    return hulls


def hidden_shares(true: np.ndarray, found: np.ndarray) -> np.ndarray:
    """Share of each true polygon's area that is covered, float [N]; NaN without area."""
    return _share(hidden_areas(true, found), shapely.area(true))


def hidden_areas(true: np.ndarray, found: np.ndarray) -> np.ndarray:
    """Area of each true polygon [N] that found ones [M] cover, in square pixels.

    Only found polygons that touch a true one are united for it: for a page's lines that is mostly
    one, while the union of all has hundreds of corners.
    """
    which, touching = shapely.STRtree(found).query(true, predicate="intersects")
    areas = np.zeros(len(true))
    for number in np.unique(which):
        hiding = union(found[touching[which == number]])
        areas[number] = shapely.area(shapely.intersection(true[number], hiding))
    return areas


def false_share(true: Any, found: Any, size: Size) -> float:
    """Area of the found union outside of the true one, as a share of the image."""
    outside = shapely.difference(found, true)
    return float(min(shapely.area(outside) / (size[0] * size[1]), 1.0))


def matches(true: np.ndarray, found: np.ndarray) -> np.ndarray:
    """Mask of true polygons [N] matched one-to-one to a found one [M], by `IOU`.

    As many pairs as possible are made, with the greatest overlap (Hungarian method).
    """
    from scipy.optimize import linear_sum_assignment  # imported here: it takes a second

    result = np.zeros(len(true), dtype=bool)
    if len(true) and len(found):
        shared = np.zeros((len(true), len(found)))
        pairs = tuple(shapely.STRtree(found).query(true, predicate="intersects"))
        shared[pairs] = shapely.area(shapely.intersection(true[pairs[0]], found[pairs[1]]))
        joint = shapely.area(true)[:, None] + shapely.area(found)[None, :] - shared
        iou = np.divide(shared, joint, out=np.zeros_like(shared), where=joint > 0)
        good = iou >= IOU - 1e-9
        rows, columns = linear_sum_assignment(
            np.where(good, len(true) + len(found) + iou, 0.0), maximize=True
        )
        result[rows] = good[rows, columns]
    return result


def measure_image(
    found: Sequence[Region], true: Sequence[Region], size: Size
) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Rows of `REGION_COLUMNS` and of `IMAGE_COLUMNS`, without the image's id.

    There is a region row for each true region with an area, in the order given; an image row for
    each entity that is true or was found, and one for all of them.
    """
    true_shapes, found_shapes = outlines(true, size), outlines(found, size)
    areas = shapely.area(true_shapes)
    drawn = [region for region, area in zip(true, areas, strict=True) if area > 0]
    true_shapes, areas = true_shapes[areas > 0], areas[areas > 0]
    covered = _share(hidden_areas(true_shapes, found_shapes), areas)
    covered_alike, matched = np.zeros(len(drawn)), np.zeros(len(drawn), bool)
    all_true, all_found = union(true_shapes), union(found_shapes)
    images: list[dict[str, Any]] = []
    alike: list[Any] = []
    for entity in [*Entity, ALL]:
        own = np.array([entity in (region.entity, ALL) for region in drawn], bool)
        its = np.array([entity in (region.entity, ALL) for region in found], bool)
        if entity == ALL:
            joined, hiding, both = all_true, all_found, union(np.array(alike, object))
        elif not own.any() and not its.any():
            continue
        else:
            joined, hiding = union(true_shapes[own]), union(found_shapes[its])
            both = shapely.intersection(joined, hiding)
            alike.append(both)
            hidden = hidden_areas(true_shapes[own], found_shapes[its])
            covered_alike[own] = _share(hidden, areas[own])
            matched[own] = matches(true_shapes[own], found_shapes[its])
        area = float(shapely.area(joined))
        parts = shapely.area([shapely.intersection(joined, all_found), both])
        shares = _share(parts, np.full(2, area)).tolist()
        row = (str(entity), int(own.sum()), int(its.sum()), area, *shares)
        row += (false_share(all_true, hiding, size),)
        images.append(dict(zip(IMAGE_COLUMNS[1:], row, strict=True)))
    measured = [each.tolist() for each in (areas, covered, covered_alike, matched)]
    boxes = [(str(each.entity), each.x0, each.y0, each.x1, each.y1) for each in drawn]
    regions = [
        dict(zip(REGION_COLUMNS[1:], (*box, *numbers), strict=True))
        for box, *numbers in zip(boxes, *measured, strict=True)
    ]
    return regions, images


def union(shapes: np.ndarray) -> Any:
    """Union of polygons [N]."""
    # GEOS would unite the parts of one shape again
    return shapes[0] if len(shapes) == 1 else shapely.union_all(shapes)


def _share(part: np.ndarray, whole: np.ndarray) -> np.ndarray:
    """Divide areas; the share is clipped to [0, 1], and 0 / 0 is NaN."""
    shares = np.divide(part, whole, out=np.full(whole.shape, np.nan), where=whole > 0)
    return np.clip(np.where(shares > 1 - 1e-9, 1.0, shares), 0.0, 1.0)


def measure(
    found: Mapping[str, Sequence[Region]],
    true: Mapping[str, Sequence[Region]],
    sizes: Mapping[str, Size],
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Measure every image of `true`, even if it has neither true nor found regions.

    Returns the true regions (`REGION_COLUMNS`) and the images by entity (`IMAGE_COLUMNS`).
    """
    regions: list[dict[str, Any]] = []
    images: list[dict[str, Any]] = []
    for name in sorted(true):
        of_regions, of_image = measure_image(found.get(name, ()), true[name], sizes[name])
        regions += [{"id": name} | row for row in of_regions]
        images += [{"id": name} | row for row in of_image]
    return (
        pd.DataFrame(regions, columns=REGION_COLUMNS),
        pd.DataFrame(images, columns=IMAGE_COLUMNS),
    )


def summarize_quality(
    regions: pd.DataFrame,
    images: pd.DataFrame,
    resamples: int,
    confidence: float,
    clusters: pd.Series | None = None,
) -> pd.DataFrame:
    """`METRICS` by entity, and for all entities, with intervals over clusters of images.

    Area covered is a mean over the images with such regions; recalls are shares of true regions;
    false area is a mean over all images that were measured. A metric that nothing defines is NaN.
    Tables are those of `measure`, the result has `SUMMARY_COLUMNS`: a row an entity and metric,
    with the number of images, and of their clusters, behind the value. Clusters, by image id, are
    drawn whole in a bootstrap; None: each image is one.
    """
    everyone = pd.Index(images["id"].unique())
    recalls = {"recall_iou": regions["matched"]}
    recalls |= {f"recall_{round(100 * share)}": regions["covered"] >= share for share in COVERAGES}
    counted = pd.DataFrame(recalls).assign(regions=1.0).astype(float)
    rows = []
    for entity in [*Entity, ALL]:
        own = images[images["entity"] == entity].set_index("id")
        if own.empty:
            continue
        mine = regions[(regions["entity"] == entity) | (entity == ALL)]
        sums = counted.loc[mine.index].groupby(mine["id"]).sum()
        with_true = own.loc[own["true"] > 0, ["covered", "covered_alike"]]
        false = own[["false_area"]].reindex(everyone, fill_value=0.0)
        found: dict[str, tuple[float, np.ndarray, int, int]] = {}
        for table in (with_true.join(sums.reindex(with_true.index)), false):
            values = table.to_numpy(float)
            means, samples = np.full(values.shape[1], np.nan), np.full((1, values.shape[1]), np.nan)
            groups = table.index if clusters is None else clusters.reindex(table.index)
            if len(values):
                means = values.mean(axis=0)
                samples = clustered_draws(values, groups.to_numpy(), resamples, "quality")
            for place, name in enumerate(table):
                found[name] = means[place], samples[:, place], len(values), groups.nunique()
        for metric in METRICS:
            value, samples, *behind = found[metric]
            if metric in recalls:
                value, samples = value / found["regions"][0], samples / found["regions"][1]
            low, high = interval(samples, confidence)
            counts = *behind, len(mine), int(own["found"].sum())
            rows.append((str(entity), metric, float(value), low, high, *counts))
    return pd.DataFrame(rows, columns=SUMMARY_COLUMNS)


def read_truth(path: Path, manifest: pd.DataFrame, drawn: bool) -> dict[str, list[Region]]:
    """True regions of those images of the manifest whose regions are known.

    The demo's box table (`drawn`) knows all images. Of a user's file (`match_user_file`), only
    images that it names are known: an image without any row may have been left out.
    """
    ids = [str(image_id) for image_id in manifest["id"]]
    if drawn:
        known = image_regions(read_boxes(path))
        return {image_id: known.get(image_id, []) for image_id in ids}
    return read_regions(path, ids)


def image_sizes(manifest: pd.DataFrame) -> dict[str, tuple[int, int]]:
    """Width and height in pixels by image id."""
    numbers = manifest[["width", "height"]].to_numpy(int).tolist()
    return {str(i): (w, h) for i, (w, h) in zip(manifest["id"], numbers, strict=True)}
