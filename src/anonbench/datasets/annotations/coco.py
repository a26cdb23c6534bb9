"""Boxes in COCO's JSON (Lin et al. 2014).

Values may be anything in a file. Those that are no number become NaN, which the common checks
refuse with the place in the file.
"""

import json
from collections.abc import Mapping, Sequence
from contextlib import suppress
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
    NOTHING,
    ROW_COLUMNS,
    ROW_TYPES,
    SLACK,
    Rows,
    printable,
    turns,
)

OWN_ID = "anonbench_id"  # a key of COCO's `images` beside its own: the image's id
PATH = "file_name"
_LISTS = ("images", "annotations", "categories")
_TURN = "attributes.rotation"  # as CVAT writes it into COCO


def read_coco(file: Path) -> Rows:
    """Return the boxes of a COCO data set; InputError if it is none.

    An image's `anonbench_id` is its id, its `file_name` its path; one of them is enough. `bbox` is
    x, y, width, height and takes precedence; without it the polygons' box is used. A polygon of
    four points is also a quadrilateral. `attributes.rotation` turns `bbox` about its centre,
    clockwise in degrees, as CVAT writes it. Masks (RLE) are ignored.
    """
    if not file.is_file():
        raise InputError(f"{file} does not exist")
    try:
        data: Any = json.loads(file.read_text(encoding="utf-8-sig"), object_pairs_hook=_object)
        json.dumps(data, ensure_ascii=False).encode()  # half of a character is in no name
    except (ValueError, OSError, RecursionError) as error:
        reason = printable(str(error))
        raise InputError(f"{file} cannot be read as JSON: {reason}") from None
    if not isinstance(data, dict) or not all(isinstance(data.get(key), list) for key in _LISTS):
        raise InputError(
            f"{file} is no COCO JSON (images, annotations, categories); export it again in this "
            "format"
        )
    for key in _LISTS:
        for index, entry in enumerate(data[key], 1):
            if not isinstance(entry, dict):
                raise InputError(f"{file}: {key}, entry {index}: not an object in braces")
    images, categories = (_by_id(file, key, data[key]) for key in ("images", "categories"))
    listed = {key: _image(file, key, image) for key, image in images.items()}
    rows = []
    for count, entry in enumerate(data["annotations"], 1):
        where = str(entry["id"]) if isinstance(entry.get("id"), int | str) else f"number {count}"
        for column, known in (("image_id", images), ("category_id", categories)):
            key = entry.get(column)
            if not isinstance(key, int | str) or key not in known:
                raise InputError(
                    f"{file}: annotation {printable(where)}, {column}: {key!r} is not among the "
                    f"file's {'images' if known is images else 'categories'}"
                )
        _, *names, width, height = listed[entry["image_id"]]
        entity = str(categories[entry["category_id"]].get("name")).strip().lower()
        box, quad = _shape(f"{file}: annotation {printable(where)}", entry, (width, height))
        rows.append((where, *names, entity, *box, *quad, _number(entry.get("score", 1.0))))
    table = pd.DataFrame(rows, columns=ROW_COLUMNS).astype(ROW_TYPES)
    entries = pd.DataFrame([*listed.values()], columns=IMAGE_COLUMNS)
    return Rows(file, table, "annotation", "bbox", (OWN_ID, PATH), entries)


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Refuse a repeated name: JSON would keep its last value, and earlier boxes would be lost."""
    values: dict[str, Any] = {}
    for name, value in pairs:
        if name in values:
            raise ValueError(f"an object has the name {name!r} twice")
        values[name] = value
    return values


def _number(value: Any) -> float:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    with suppress(OverflowError):  # JSON's integers are unbounded
        return float(value) if is_number else np.nan
    return np.nan


def _numbers(values: Any) -> list[float]:
    return [_number(value) for value in values] if isinstance(values, list) else []


def _by_id(file: Path, key: str, listed: list[dict[str, Any]]) -> dict[Any, dict[str, Any]]:
    entries: dict[Any, dict[str, Any]] = {}
    for index, entry in enumerate(listed, 1):
        name = entry.get("id")
        is_name = isinstance(name, int | str)
        if not is_name or name in entries:
            fault = "is there twice" if is_name else "is neither number nor text"
            raise InputError(f"{file}: {key}, entry {index}, id: {name!r} {fault}")
        entries[name] = entry
    return entries


def _image(file: Path, key: Any, image: Mapping[str, Any]) -> tuple[Any, ...]:
    """Return a row of `IMAGE_COLUMNS`; names are empty if the file has none."""
    names = [image.get(OWN_ID, ""), image.get(PATH, "")]
    where = f"{file}: image {printable(str(key))}"
    for column, name in zip((OWN_ID, PATH), names, strict=True):
        if not isinstance(name, str):
            raise InputError(f"{where}, {column}: is no text")
    if not any(names):
        raise InputError(f"{where} has no {PATH}")
    sizes = [_number(image.get(side)) for side in ("width", "height")]
    # some tools write 0 for an unknown one
    return (str(key), *names, *(size if size > 0 else np.nan for size in sizes))


def _shape(
    where: str, entry: Mapping[str, Any], size: tuple[float, float]
) -> tuple[list[float], tuple[float, ...]]:
    """Return box (x0, y0, x1, y1) and corners, NaN where there is none."""
    polygons = entry.get("segmentation")
    parts = [_numbers(part) for part in polygons] if isinstance(polygons, list) else []
    values = [value for part in parts for value in part]
    around, quad = [np.nan] * 4, NOTHING
    if values and len(values) % 2 == 0:
        points = np.reshape(values, (-1, 2))
        around = [*points.min(axis=0).tolist(), *points.max(axis=0).tolist()]
        if len(points) > 4 and (points[0] == points[-1]).all():  # a closed outline
            points = points[:-1]
        quad = tuple(points.ravel().tolist()) if len(points) == 4 and len(parts) == 1 else NOTHING
    given = entry.get("bbox")
    turn = _turn(where, entry, given is None or bool(parts and len(_numbers(given)) == 4))
    if given is None:
        return around, quad
    box = _numbers(given)
    if len(box) != 4:
        return [np.nan] * 4, NOTHING
    x, y, width, height = box
    if turn:
        corners = _turned(box, turn)
        low, high = corners.min(axis=0), corners.max(axis=0)
        cut = [*np.maximum(low, 0.0), *np.fmin(high, size)]  # at the image's stated size
        return [float(value) for value in cut], tuple(corners.ravel().tolist())
    box = [x, y, x + width, y + height]
    if quad != NOTHING:
        return box, quad  # the corners are hidden, whatever the box
    outside = np.subtract(box, around) * (1, 1, -1, -1)
    if (outside > SLACK).any():
        raise InputError(
            f"{where}: its segmentation reaches beyond its bbox (x, y, width, height), and only "
            "the bbox would be hidden; correct one of them, or leave one out"
        )
    return box, NOTHING


def _turn(where: str, entry: Mapping[str, Any], has_corners: bool) -> float:
    """Return the angle in degrees by which a box is turned; corners may be turned already."""
    attributes = entry.get("attributes")
    more = attributes if isinstance(attributes, dict) else {}
    found = [*turns(entry), *((f"attributes.{name}", turn) for name, turn in turns(more))]
    for name, turn in found:
        if name != _TURN or has_corners or not np.isfinite(turn):
            raise InputError(
                f"{where}, {printable(name)}: it is not known how this turns the shape; give four "
                f"corners as segmentation without it, or a bbox alone with {_TURN} in degrees, "
                "clockwise"
            )
    return found[0][1] % 360 if found else 0.0


def _turned(box: Sequence[float], degrees: float) -> np.ndarray:
    """Corners of a box (x, y, width, height) turned about its centre, clockwise, float [4, 2]."""
    x, y, width, height = box
    cos, sin = np.cos(np.deg2rad(degrees)), np.sin(np.deg2rad(degrees))
    ends = np.array([(-1, -1), (1, -1), (1, 1), (-1, 1)]) * (width / 2, height / 2)
    turned = ends @ np.array([(cos, sin), (-sin, cos)]) + (x + width / 2, y + height / 2)
    return np.asarray(np.round(turned, 6))


def write_coco(boxes: Path, manifest: Path, output: Path) -> int:
    """Write a box table as COCO JSON; return the number of regions. InputError for other tables."""
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
    """COCO data set of images (columns id, path, width, height) and regions by id."""
    categories = {entity: index for index, entity in enumerate(Entity, 1)}
    listed, annotations = list[dict[str, Any]](), list[dict[str, Any]]()
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
    named = [{"id": index, "name": str(entity)} for entity, index in categories.items()]
    return {"images": listed, "annotations": annotations, "categories": named}
