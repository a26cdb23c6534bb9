"""COCO's JSON for object detection (Lin et al. 2014): images, annotations, categories."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from anonbench.core.boxes import Region, image_regions, read_boxes
from anonbench.core.errors import InputError
from anonbench.core.io import write_json
from anonbench.core.vocabulary import Entity
from anonbench.datasets.annotations.rows import (
    IMAGE_COLUMNS,
    ROW_COLUMNS,
    ROW_TYPES,
    SLACK,
    Rows,
    printable,
)
from anonbench.datasets.annotations.shapes import (
    NOTHING,
    number,
    numbers,
    outline,
    turned,
    turns,
)

OWN_ID = "anonbench_id"
"""A key of `images` beside COCO's own: the image's id."""
PATH = "file_name"
_TURN = "attributes.rotation"
"""As CVAT writes it."""


def is_coco(data: Any) -> bool:
    """Check whether a JSON value is a COCO data set."""
    return isinstance(data, dict) and all(
        isinstance(data.get(key), list) for key in ("images", "annotations", "categories")
    )


def read_coco(file: Path, data: dict[str, Any]) -> Rows:
    """Return the annotations' boxes; a polygon of four points is also a quadrilateral.

    An image's `anonbench_id` is its id, its `file_name` its path; one of them is enough. `bbox` is
    x, y, width, height and takes precedence; without it the polygons' box is used.
    `attributes.rotation` turns it about its centre, clockwise in degrees, as CVAT writes it. Masks
    (RLE) are ignored.

    Raises:
        InputError: an annotation of an image or category that the file does not list.

    """
    images, categories = _by_id(file, data, "images"), _by_id(file, data, "categories")
    names = {key: _names(file, key, entry) for key, entry in images.items()}
    rows = []
    for count, entry in enumerate(_dicts(file, data, "annotations"), 1):
        where = str(entry["id"]) if isinstance(entry.get("id"), int | str) else f"number {count}"
        image, category = entry.get("image_id"), entry.get("category_id")
        for column, key, part in (
            ("image_id", image, images),
            ("category_id", category, categories),
        ):
            if not isinstance(key, int | str) or key not in part:
                raise InputError(
                    f"{file}: annotation {where}, {column}: {key!r} is not among the file's "
                    f"{'images' if part is images else 'categories'}"
                )
        entity = str(categories[category].get("name")).strip().lower()
        box, quad = _shape(file, where, entry, images[image])
        score = number(entry.get("score", 1.0))
        rows.append((where, *names[image], entity, *box, *quad, score))
    table = pd.DataFrame(rows, columns=ROW_COLUMNS).astype(ROW_TYPES)
    sizes = [[_size(each.get(side)) for side in ("width", "height")] for each in images.values()]
    entries = [(str(key), *names[key], *size) for key, size in zip(images, sizes, strict=True)]
    listed = pd.DataFrame(entries, columns=IMAGE_COLUMNS)
    return Rows(file, table, "annotation", "bbox", (OWN_ID, PATH), listed)


def _dicts(file: Path, data: dict[str, Any], key: str) -> list[dict[str, Any]]:
    for index, entry in enumerate(data[key], 1):
        if not isinstance(entry, dict):
            raise InputError(f"{file}: {key}, entry {index}: not an object in braces")
    return list(data[key])


def _by_id(file: Path, data: dict[str, Any], key: str) -> dict[Any, dict[str, Any]]:
    entries: dict[Any, dict[str, Any]] = {}
    for index, entry in enumerate(_dicts(file, data, key), 1):
        name = entry.get("id")
        if not isinstance(name, int | str) or name in entries:
            fault = (
                "is there twice" if isinstance(name, int | str) else "is neither number nor text"
            )
            raise InputError(f"{file}: {key}, entry {index}, id: {name!r} {fault}")
        entries[name] = entry
    return entries


def _names(file: Path, key: Any, image: Mapping[str, Any]) -> tuple[str, str]:
    """Return an image's id and path, empty if the file has none."""
    names = [image.get(OWN_ID, ""), image.get(PATH, "")]
    for column, name in zip((OWN_ID, PATH), names, strict=True):
        if not isinstance(name, str):
            raise InputError(f"{file}: image {printable(str(key))}, {column}: is no text")
    if not any(names):
        raise InputError(f"{file}: image {printable(str(key))} has no {PATH}")
    return names[0], names[1]


def _size(value: Any) -> float:
    size = number(value)
    return size if size > 0 else np.nan  # some tools write 0 for an unknown one


def _shape(
    file: Path, where: str, entry: Mapping[str, Any], image: Mapping[str, Any]
) -> tuple[list[float], tuple[float, ...]]:
    """Return box and corners of an annotation; NaN where it has none."""
    polygons = entry.get("segmentation")
    parts = [numbers(part) for part in polygons] if isinstance(polygons, list) else []
    values = [value for part in parts for value in part]
    around, quad = outline(values[::2], values[1::2])
    given = entry.get("bbox")
    if given is None:
        _turn(file, where, entry, has_corners=True)
        return around, quad if len(parts) == 1 else NOTHING
    box = numbers(given)
    if len(box) != 4:
        return [np.nan] * 4, NOTHING
    if turn := _turn(file, where, entry, bool(parts)):
        return _turned(box, turn, image)
    x, y, width, height = box
    box = [x, y, x + width, y + height]
    if len(parts) == 1 and quad != NOTHING:
        return box, quad  # the corners are hidden, whatever the box
    low, high = (np.array([around[:2], box[:2]]), np.array([around[2:], box[2:]]))
    if (low[0] < low[1] - SLACK).any() or (high[0] > high[1] + SLACK).any():
        raise InputError(
            f"{file}: annotation {printable(where)}: its segmentation reaches beyond its "
            "bbox (x, y, width, height), and only the bbox would be hidden; correct one "
            "of them, or leave one out"
        )
    return box, NOTHING


def _turn(file: Path, where: str, entry: Mapping[str, Any], has_corners: bool) -> float:
    """Return the clockwise angle in degrees by which a box is turned.

    Raises:
        InputError: the angle is unclear, or the annotation has corners, which may be turned
        already.

    """
    attributes = entry.get("attributes")
    more = attributes if isinstance(attributes, dict) else {}
    found = [*turns(entry), *((f"attributes.{name}", turn) for name, turn in turns(more))]
    for name, turn in found:
        if name != _TURN or has_corners or not np.isfinite(turn):
            raise InputError(
                f"{file}: annotation {printable(where)}, {printable(name)}: it is not known how "
                f"this turns the shape; give four corners as segmentation without it, or a bbox "
                f"alone with {_TURN} in degrees, clockwise"
            )
    return found[0][1] % 360 if found else 0.0


def _turned(
    box: Sequence[float], degrees: float, image: Mapping[str, Any]
) -> tuple[list[float], tuple[float, ...]]:
    """Return the bounding box of a turned one, cut at the image's stated size, and its corners."""
    quad = turned(box, degrees)
    width, height = _size(image.get("width")), _size(image.get("height"))
    low = [max(min(quad[::2]), 0.0), max(min(quad[1::2]), 0.0)]
    high = [float(np.fmin(max(quad[::2]), width)), float(np.fmin(max(quad[1::2]), height))]
    return low + high, quad


def write_coco(boxes: Path, manifest: Path, output: Path) -> int:
    """Write a box table as COCO JSON and return the number of regions.

    All the manifest's images are listed, with or without regions. `bbox` is the box, `segmentation`
    the corners where a region has them, `score` the detector's; read back, they are the same
    regions.

    Args:
        boxes: the box table (Parquet).
        manifest: of the same data set (Parquet).
        output: the file to write.

    Raises:
        InputError: a file cannot be read or is another table, or a region is of an image that is
            not in the manifest.

    """
    try:
        regions = image_regions(read_boxes(boxes))
        images = pd.read_parquet(manifest, columns=["id", "path", "width", "height"])
    except (OSError, ValueError, KeyError, pa.ArrowException) as error:
        reason = " ".join(str(error).split())
        raise InputError(
            f"{boxes} or {manifest} is not such a table of the results ({reason})"
        ) from None
    missing = sorted(set(regions) - set(images["id"].astype(str)))
    if missing:
        raise InputError(
            f"{boxes} has regions of {len(missing)} images that are not in {manifest}, first "
            f"{missing[0]!r}; give the manifest of the same data set"
        )
    data = as_coco(images, regions)
    write_json(output, data)
    return len(data["annotations"])


def as_coco(images: pd.DataFrame, regions: Mapping[str, Sequence[Region]]) -> dict[str, Any]:
    """Return a COCO data set.

    Args:
        images: columns id, path, width, height.
        regions: by image id.

    """
    categories = {entity: index for index, entity in enumerate(Entity, 1)}
    listed: list[dict[str, Any]] = []
    annotations: list[dict[str, Any]] = []
    ordered = images.sort_values("id")[["id", "path", "width", "height"]]
    for index, (name, path, width, height) in enumerate(ordered.itertuples(index=False), 1):
        size = {"width": int(width), "height": int(height)}
        listed.append({"id": index, PATH: path, OWN_ID: name} | size)
        for region in regions.get(name, ()):
            across, down = region.x1 - region.x0, region.y1 - region.y0
            entry = {
                "bbox": [region.x0, region.y0, across, down],
                "area": across * down,
                "segmentation": [] if region.quad is None else [list(region.quad)],
                "iscrowd": 0,
                "score": region.score,
                "id": len(annotations) + 1,
                "image_id": index,
                "category_id": categories[region.entity],
            }
            annotations.append(entry)
    return {
        "images": listed,
        "annotations": annotations,
        "categories": [{"id": index, "name": str(e)} for e, index in categories.items()],
    }
