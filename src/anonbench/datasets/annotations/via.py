"""JSON of the VGG Image Annotator (Dutta and Zisserman 2019), versions 1 and 2."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from anonbench.core.errors import InputError
from anonbench.datasets.annotations.rows import (
    IMAGE_COLUMNS,
    ROW_COLUMNS,
    ROW_TYPES,
    Rows,
    printable,
)
from anonbench.datasets.annotations.shapes import NOTHING, number, numbers, outline, turns

ATTRIBUTE = "entity"
"""The region attribute that says what a region holds."""
PATH = "filename"
_PROJECT, _ATTRIBUTES = "_via_img_metadata", "region_attributes"


def is_via(data: Any) -> bool:
    """Check whether a JSON value is a VIA project or its exported annotations."""
    if not isinstance(data, dict):
        return False
    entries = data.get(_PROJECT, data)
    return isinstance(entries, dict) and all(
        isinstance(entry, dict) and PATH in entry and "regions" in entry
        for entry in entries.values()
    )


def read_via(file: Path, data: dict[str, Any]) -> Rows:
    """Return the regions' boxes; a polygon or polyline of four points is a quadrilateral, too.

    An entry's `filename` is the image's path. A region's place is the number of its entry and its
    own in there: 2.1.

    Raises:
        InputError: a shape that has no area, or a region that is not as VIA writes it.

    """
    rows, images = [], []
    for count, entry in enumerate(data.get(_PROJECT, data).values(), 1):
        path, regions = entry[PATH], entry["regions"]
        if not isinstance(path, str) or not path:
            raise InputError(f"{file}: image {count}, {PATH}: is no text, or empty")
        images.append((str(count), "", path, np.nan, np.nan))
        if not isinstance(regions, dict | list):
            text = "regions: neither a list nor an object in braces"
            raise InputError(f"{file}: image {count}, {text}")
        # version 1 has them in an object
        found = regions.values() if isinstance(regions, dict) else regions
        for index, region in enumerate(found, 1):
            where = f"{count}.{index}"
            fields = region if isinstance(region, dict) else {"shape_attributes": None}
            shape, attributes = fields.get("shape_attributes", {}), fields.get(_ATTRIBUTES, {})
            if not isinstance(shape, dict) or not isinstance(attributes, dict):
                raise InputError(f"{file}: region {where} is not as VIA writes it")
            known = ("theta",) if shape.get("name") == "ellipse" else ()
            for name, _ in turns({k: v for k, v in shape.items() if k not in known} | attributes):
                raise InputError(
                    f"{file}: region {where}, {printable(name)}: it is not known how this turns "
                    "the shape; draw it as a polygon of four points, and leave this out"
                )
            box, quad = _shape(file, where, shape)
            entity = str(attributes.get(ATTRIBUTE, "")).strip().lower()
            rows.append((where, "", path, entity, *box, *quad, 1.0))
    table = pd.DataFrame(rows, columns=ROW_COLUMNS).astype(ROW_TYPES)
    listed = pd.DataFrame(images, columns=IMAGE_COLUMNS)
    return Rows(file, table, "region", "shape_attributes", ("", PATH), listed)


def _shape(
    file: Path, where: str, shape: Mapping[str, Any]
) -> tuple[list[float], tuple[float, ...]]:
    """Return box and corners of a drawn shape."""

    def of(*keys: str) -> list[float]:
        return [number(shape.get(key)) for key in keys]

    match shape.get("name"):
        case "rect":
            x, y, width, height = of("x", "y", "width", "height")
            return [x, y, x + width, y + height], NOTHING
        case "polygon" | "polyline":
            return outline(*(numbers(shape.get(f"all_points_{axis}")) for axis in "xy"))
        case "circle":
            x, y, r = of("cx", "cy", "r")
            return [x - r, y - r, x + r, y + r], NOTHING
        case "ellipse":
            x, y, rx, ry = of("cx", "cy", "rx", "ry")
            turn = number(shape.get("theta", 0))
            across, down = (
                float(np.hypot(a * np.cos(turn), b * np.sin(turn))) for a, b in ((rx, ry), (ry, rx))
            )
            return [x - across, y - down, x + across, y + down], NOTHING
    shown = printable(repr(shape.get("name")))
    raise InputError(
        f"{file}: region {where}, shape_attributes: {shown} is none of rect, polygon, "
        "polyline, circle, ellipse; draw it as one of these"
    )
