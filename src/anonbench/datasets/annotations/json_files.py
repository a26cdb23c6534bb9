"""Boxes in JSON: COCO's (Lin et al. 2014), and the VGG Image Annotator's, versions 1 and 2.

Values may be anything in a file. Those that are no number become NaN, which the common checks
refuse with the place in the file.
"""

from __future__ import annotations

import json
import re
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
    NOTHING,
    ROW_COLUMNS,
    ROW_TYPES,
    SLACK,
    Rows,
    outline,
    printable,
    turns,
)

OWN_ID = "anonbench_id"
"""A key of COCO's `images` beside its own: the image's id."""
PATH = "file_name"
_COCO = ("images", "annotations", "categories")
_TURN = "attributes.rotation"
"""As CVAT writes it into COCO."""
_VIA_PATH, _VIA_PROJECT = "filename", "_via_img_metadata"
_HALF_A_CHARACTER = re.compile(r"\\u[dD][89a-fA-F]")
"""JSON's escape for half of a character; no file name or table has one on its own."""
Shape = tuple[list[float], tuple[float, ...]]
"""Box (x0, y0, x1, y1) and corners, NaN where there is none."""


def read_json(file: Path) -> Rows:
    """Return the boxes of a COCO data set, or of a VIA project or its exported annotations.

    Raises:
        InputError: it is neither, or an entry is not as the format has it.

    """
    if not file.is_file():
        raise InputError(f"{file} does not exist")
    try:
        text = file.read_text(encoding="utf-8-sig")
        data: Any = json.loads(text, object_pairs_hook=_object)
        if _HALF_A_CHARACTER.search(text):
            json.dumps(data, ensure_ascii=False).encode()
    except (ValueError, OSError, RecursionError) as error:
        reason = printable(str(error))
        raise InputError(f"{file} cannot be read as JSON: {reason}") from None
    if isinstance(data, dict):
        if all(isinstance(data.get(key), list) for key in _COCO):
            return _read_coco(file, data)
        entries = data.get(_VIA_PROJECT, data)
        if isinstance(entries, dict) and all(
            isinstance(each, dict) and {_VIA_PATH, "regions"} <= each.keys()
            for each in entries.values()
        ):
            return _read_via(file, entries)
    raise InputError(
        f"{file} is neither COCO JSON (images, annotations, categories) nor VIA JSON "
        "(a project or its annotations); export it again in one of these formats"
    )


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Return a JSON object, refusing repeated names, of which JSON would keep the last value."""
    values: dict[str, Any] = {}
    for name, value in pairs:
        if name in values:
            raise ValueError(f"an object has the name {name!r} twice")
        values[name] = value
    return values


def _number(value: Any) -> float:
    try:
        is_number = isinstance(value, int | float) and not isinstance(value, bool)
        return float(value) if is_number else np.nan
    except OverflowError:  # JSON's integers are unbounded
        return np.nan


def _numbers(values: Any) -> list[float]:
    return [_number(value) for value in values] if isinstance(values, list) else []


def _rows(
    file: Path,
    unit: str,
    column: str,
    keys: tuple[str, str],
    rows: Sequence[tuple[object, ...]],
    images: Sequence[tuple[object, ...]],
) -> Rows:
    table = pd.DataFrame(rows, columns=ROW_COLUMNS).astype(ROW_TYPES)
    return Rows(file, table, unit, column, keys, pd.DataFrame(images, columns=IMAGE_COLUMNS))


# --- COCO ---


def _read_coco(file: Path, data: dict[str, Any]) -> Rows:
    """Return the annotations' boxes; a polygon of four points is also a quadrilateral.

    An image's `anonbench_id` is its id, its `file_name` its path; one of them is enough. `bbox` is
    x, y, width, height and takes precedence; without it the polygons' box is used.
    `attributes.rotation` turns it about its centre, clockwise in degrees, as CVAT writes it. Masks
    (RLE) are ignored.
    """
    images, categories = (_by_id(file, data, key) for key in ("images", "categories"))
    listed = {key: _coco_image(file, key, image) for key, image in images.items()}
    rows = []
    for count, entry in enumerate(_objects(file, data, "annotations"), 1):
        where = str(entry["id"]) if isinstance(entry.get("id"), int | str) else f"number {count}"
        for column, known in (("image_id", images), ("category_id", categories)):
            key = entry.get(column)
            if not isinstance(key, int | str) or key not in known:
                raise InputError(
                    f"{file}: annotation {where}, {column}: {key!r} is not among the file's "
                    f"{'images' if known is images else 'categories'}"
                )
        _, *names, width, height = listed[entry["image_id"]]
        entity = str(categories[entry["category_id"]].get("name")).strip().lower()
        box, quad = _coco_shape(f"{file}: annotation {printable(where)}", entry, (width, height))
        rows.append((where, *names, entity, *box, *quad, _number(entry.get("score", 1.0))))
    return _rows(file, "annotation", "bbox", (OWN_ID, PATH), rows, [*listed.values()])


def _objects(file: Path, data: dict[str, Any], key: str) -> list[dict[str, Any]]:
    for index, entry in enumerate(data[key], 1):
        if not isinstance(entry, dict):
            raise InputError(f"{file}: {key}, entry {index}: not an object in braces")
    return list(data[key])


def _by_id(file: Path, data: dict[str, Any], key: str) -> dict[Any, dict[str, Any]]:
    entries: dict[Any, dict[str, Any]] = {}
    for index, entry in enumerate(_objects(file, data, key), 1):
        name = entry.get("id")
        if (is_name := isinstance(name, int | str)) and name not in entries:
            entries[name] = entry
            continue
        fault = "is there twice" if is_name else "is neither number nor text"
        raise InputError(f"{file}: {key}, entry {index}, id: {name!r} {fault}")
    return entries


def _coco_image(file: Path, key: Any, image: Mapping[str, Any]) -> tuple[Any, ...]:
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


def _coco_shape(where: str, entry: Mapping[str, Any], size: tuple[float, float]) -> Shape:
    """Return box and corners of an annotation; a turned box is cut at the image's stated size."""
    polygons = entry.get("segmentation")
    parts = [_numbers(part) for part in polygons] if isinstance(polygons, list) else []
    values = [value for part in parts for value in part]
    around, quad = outline(values[::2], values[1::2])
    quad = quad if len(parts) == 1 else NOTHING
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
        cut = [*np.maximum(low, 0.0), *np.fmin(high, size)]
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


# --- VIA ---


def _read_via(file: Path, entries: Mapping[str, dict[str, Any]]) -> Rows:
    """Return the regions' boxes; a polygon or polyline of four points is a quadrilateral, too.

    The region attribute `entity` says what a region holds. Its place is the number of its image's
    entry and its own in there: 2.1.
    """
    rows, images = [], []
    for count, entry in enumerate(entries.values(), 1):
        path, regions = entry[_VIA_PATH], entry["regions"]
        if not isinstance(path, str) or not path:
            raise InputError(f"{file}: image {count}, {_VIA_PATH}: is no text, or empty")
        if not isinstance(regions, dict | list):
            text = "regions: neither a list nor an object in braces"
            raise InputError(f"{file}: image {count}, {text}")
        images.append((str(count), "", path, np.nan, np.nan))
        # version 1 has them in an object
        found = regions.values() if isinstance(regions, dict) else regions
        for index, region in enumerate(found, 1):
            where = f"{count}.{index}"
            fields = region if isinstance(region, dict) else {"shape_attributes": None}
            shape, more = (fields.get(f"{key}_attributes", {}) for key in ("shape", "region"))
            if not isinstance(shape, dict) or not isinstance(more, dict):
                raise InputError(f"{file}: region {where} is not as VIA writes it")
            box, quad = _via_shape(f"{file}: region {where}", shape, more)
            entity = str(more.get("entity", "")).strip().lower()
            rows.append((where, "", path, entity, *box, *quad, 1.0))
    return _rows(file, "region", "shape_attributes", ("", _VIA_PATH), rows, images)


def _via_shape(where: str, shape: Mapping[str, Any], more: Mapping[str, Any]) -> Shape:
    """Return box and corners of a drawn shape."""
    kind = shape.get("name")
    known = ("theta",) if kind == "ellipse" else ()
    for name, _ in turns({k: v for k, v in shape.items() if k not in known} | dict(more)):
        raise InputError(
            f"{where}, {printable(name)}: it is not known how this turns the shape; draw it as a "
            "polygon of four points, and leave this out"
        )
    x, y, cx, cy, width, height, r, rx, ry, turn = (
        _number(shape.get(key, 0 if key == "theta" else None))
        for key in ("x", "y", "cx", "cy", "width", "height", "r", "rx", "ry", "theta")
    )
    if kind in ("polygon", "polyline"):
        return outline(*(_numbers(shape.get(f"all_points_{axis}")) for axis in "xy"))
    if kind == "rect":
        return [x, y, x + width, y + height], NOTHING
    if kind == "circle":
        return [cx - r, cy - r, cx + r, cy + r], NOTHING
    if kind == "ellipse":
        across = float(np.hypot(rx * np.cos(turn), ry * np.sin(turn)))
        down = float(np.hypot(ry * np.cos(turn), rx * np.sin(turn)))
        return [cx - across, cy - down, cx + across, cy + down], NOTHING
    raise InputError(
        f"{where}, shape_attributes: {printable(repr(kind))} is none of rect, polygon, polyline, "
        "circle, ellipse; draw it as one of these"
    )
