"""Coverage of true regions by found ones: exact areas, counts and means with intervals.

A hidden region is hidden whatever entity it was taken for: coverage counts all found regions,
except in columns named "alike", which count those of the true region's own entity.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import shapely

from anonbench.core.boxes import Region, image_regions, read_boxes
from anonbench.core.numeric.statistics import bootstrap_means, interval
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
SUMMARY_COLUMNS = ["entity", "metric", "value", "low", "high", "images", "true", "found"]

Size = tuple[int, int]  # width and height in pixels


def outlines(regions: Sequence[Region], size: Size) -> np.ndarray:
    """Return each region's polygon inside an image, object [N]; one outside it is empty.

    A quadrilateral is taken for the convex hull of its corners, as the anonymizers do.
    """
    return hulls_inside(stacked_corners(regions), size)


def stacked_corners(regions: Sequence[Region]) -> np.ndarray:
    """Corners of regions' quadrilaterals or boxes, float64 [N, 4, 2], in pixels."""
    return np.array([corners_of(region) for region in regions], float).reshape(-1, 4, 2)


def hulls_inside(corners: np.ndarray, size: Size) -> np.ndarray:
    """Return the part inside an image of each convex hull of corners [N, 4, 2], object [N]."""
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
    """Return the area of the found union outside of the true one, as a share of the image."""
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
    """Return rows of `REGION_COLUMNS` and of `IMAGE_COLUMNS`, without the image's id.

    There is a region row for each true region with an area, in the order given; an image row for
    each entity that is true or was found, and one for all of them.
    """
    drawn = [
        (region, shape)
        for region, shape in zip(true, outlines(true, size), strict=True)
        if shape.area > 0
    ]
    true_shapes = np.array([shape for _, shape in drawn], dtype=object)
    found_shapes = outlines(found, size)
    regions = [_region_row(region, shape) for region, shape in drawn]
    covered = hidden_areas(true_shapes, found_shapes)
    _add(regions, "covered", _share(covered, shapely.area(true_shapes)))
    # each union once: they take nearly all of the time
    all_true, all_found = union(true_shapes), union(found_shapes)
    images, alike = [], []
    for entity in Entity:
        of_true = np.array([region.entity == entity for region, _ in drawn], dtype=bool)
        of_found = np.array([region.entity == entity for region in found], dtype=bool)
        if not of_true.any() and not of_found.any():
            continue
        true_alike, found_alike = true_shapes[of_true], found_shapes[of_found]
        joined = all_true if of_true.all() else union(true_alike)
        joined_found = all_found if of_found.all() else union(found_alike)
        own = covered[of_true] if of_found.all() else hidden_areas(true_alike, found_alike)
        rows = [row for row, mine in zip(regions, of_true, strict=True) if mine]
        _add(rows, "covered_alike", _share(own, shapely.area(true_alike)))
        _add(rows, "matched", matches(true_alike, found_alike))
        alike.append(shapely.intersection(joined, joined_found))
        counts = {"entity": str(entity), "true": len(true_alike), "found": len(found_alike)}
        false = {"false_area": false_share(all_true, joined_found, size)}
        images.append(counts | _areas(joined, all_found, alike[-1]) | false)
    counts = {"entity": ALL, "true": len(drawn), "found": len(found)}
    if len(images) == 1:
        return regions, [images[0], images[0] | counts]
    areas = _areas(all_true, all_found, union(np.array(alike, dtype=object)))
    images.append(counts | areas | {"false_area": false_share(all_true, all_found, size)})
    return regions, images


def _region_row(region: Region, shape: Any) -> dict[str, Any]:
    box = {name: getattr(region, name) for name in ("x0", "y0", "x1", "y1")}
    return {"entity": str(region.entity), **box, "area": float(shape.area)}


def _add(rows: list[dict[str, Any]], name: str, values: np.ndarray) -> None:
    for row, value in zip(rows, values.tolist(), strict=True):
        row[name] = value


def _areas(true: Any, found: Any, alike: Any) -> dict[str, float]:
    """Return the area of the true union in pixels, and the shares of it that are hidden."""
    area = np.array([shapely.area(true)])
    hidden = shapely.area(np.array([shapely.intersection(true, found), alike]))
    covered, covered_alike = _share(hidden, area.repeat(2)).tolist()
    return {"area": float(area[0]), "covered": covered, "covered_alike": covered_alike}


def union(shapes: np.ndarray) -> Any:
    """Return the union of polygons [N]."""
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
    for image_id in sorted(true):
        of_regions, of_image = measure_image(
            found.get(image_id, ()), true[image_id], sizes[image_id]
        )
        regions += [{"id": image_id} | row for row in of_regions]
        images += [{"id": image_id} | row for row in of_image]
    return (
        pd.DataFrame(regions, columns=REGION_COLUMNS),
        pd.DataFrame(images, columns=IMAGE_COLUMNS),
    )


def summarize_quality(
    regions: pd.DataFrame, images: pd.DataFrame, resamples: int, confidence: float
) -> pd.DataFrame:
    """Return `METRICS` by entity, and for all entities, with bootstrap intervals over images.

    Area covered is a mean over the images with such regions; recalls are shares of true regions;
    false area is a mean over all images that were measured. A metric that nothing defines is NaN.
    Tables are those of `measure`, the result has `SUMMARY_COLUMNS`: a row an entity and metric,
    with the number of images behind the value. An image's regions are drawn together.
    """
    everyone = pd.Index(images["id"].unique())
    rows = []
    for entity in [*Entity, ALL]:
        of_entity = images[images["entity"] == entity].set_index("id")
        if of_entity.empty:
            continue
        mine = regions if entity == ALL else regions[regions["entity"] == entity]
        counts = (len(mine), int(of_entity["found"].sum()))
        sampled = _metric_samples(of_entity, mine, everyone, resamples)
        for metric in METRICS:
            value, samples, behind = sampled[metric]
            low, high = interval(samples, confidence)
            rows.append((str(entity), metric, value, low, high, behind, *counts))
    return pd.DataFrame(rows, columns=SUMMARY_COLUMNS)


def _metric_samples(
    images: pd.DataFrame, regions: pd.DataFrame, everyone: pd.Index, resamples: int
) -> dict[str, tuple[float, np.ndarray, int]]:
    """Return value, bootstrap samples and number of images of each metric of one entity."""
    result: dict[str, tuple[float, np.ndarray, int]] = {}
    false = images["false_area"].reindex(everyone, fill_value=0.0).to_numpy(float)[:, None]
    result["false_area"] = (
        float(false.mean()),
        bootstrap_means(false, resamples, "quality")[:, 0],
        len(everyone),
    )
    with_true = images[images["true"] > 0]
    counted = pd.DataFrame(
        {
            "recall_iou": regions["matched"].astype(float),
            **{
                f"recall_{round(100 * share)}": (regions["covered"] >= share).astype(float)
                for share in COVERAGES
            },
            "regions": 1.0,
        }
    )
    sums = counted.groupby(regions["id"]).sum().reindex(with_true.index)
    columns = with_true[["covered", "covered_alike"]].join(sums)
    values = columns.to_numpy(float)
    if not len(values):
        nothing = np.full(1, np.nan)
        return result | {name: (float("nan"), nothing, 0) for name in columns.columns}
    means, samples = values.mean(axis=0), bootstrap_means(values, resamples, "quality")
    for place, name in enumerate(columns.columns[:-1]):
        whole = 1.0 if name.startswith("covered") else means[-1]
        wholes = 1.0 if name.startswith("covered") else samples[:, -1]
        result[str(name)] = (float(means[place] / whole), samples[:, place] / wholes, len(values))
    return result


def read_truth(path: Path, manifest: pd.DataFrame, drawn: bool) -> dict[str, list[Region]]:
    """Return the true regions of those images of the manifest whose regions are known.

    The demo's box table (`drawn`) knows all images. Of a user's file (`match_user_file`), only
    images that it names are known: an image without any row may have been left out.
    """
    ids = [str(image_id) for image_id in manifest["id"]]
    if drawn:
        known = image_regions(read_boxes(path))
        return {image_id: known.get(image_id, []) for image_id in ids}
    return read_regions(path, ids)


def image_sizes(manifest: pd.DataFrame) -> dict[str, tuple[int, int]]:
    """Return width and height in pixels by image id."""
    numbers = manifest[["width", "height"]].to_numpy(int).tolist()
    return {str(i): (w, h) for i, (w, h) in zip(manifest["id"], numbers, strict=True)}
