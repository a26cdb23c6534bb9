"""Any file of boxes to the regions of each image."""

from __future__ import annotations

import json
import logging
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from anonbench.annotations import coco, via
from anonbench.annotations.rows import BOX, SLACK, Rows, check_values, image_id
from anonbench.annotations.table import read_table
from anonbench.boxes import QUAD_COLUMNS, Region
from anonbench.errors import InputError
from anonbench.vocabulary import Entity

log = logging.getLogger(__name__)

Sizes = Mapping[str, tuple[int, int]]
"""Width and height of each image, upright, by id."""


def read_boxes_file(
    path: Path, sizes: Sizes | None = None, only: Collection[str] | None = None
) -> dict[str, list[Region]]:
    """Read the boxes of a file: CSV, Parquet, COCO JSON or VIA JSON.

    Boxes of images that the data set does not have are left out with a warning (a subset, a skipped
    image); what passes an image's edge by less than a pixel is cut off.

    Args:
        path: the file; its suffix and content tell the format. Never written to.
        sizes: of all images of the data set, to check against; None: nothing is known of them, and
            images are called by their path without suffix.
        only: images to return; the others are checked all the same.

    Returns:
        each image's regions in the file's order; images that the file lists without a box have an
        empty list, others are missing.

    Raises:
        InputError: names the file, the row (or annotation) and the column, and the way out.

    """
    rows = _read(path)
    check_values(rows)
    table = located(rows, sizes)
    if sizes is not None:
        _check_stated_sizes(rows, sizes)
        table = inside(Rows(path, table, rows.unit, rows.column), sizes)
    listed = (image_id(name, exact, sizes) for name, exact in rows.images)
    found: dict[str, list[Region]] = {
        name: [] for name in listed if name is not None and (only is None or name in only)
    }
    if only is not None:
        table = table[table["id"].isin(set(only))]
    for name, region in zip(table["id"], regions_of(table), strict=True):
        found.setdefault(name, []).append(region)
    return found


def _read(path: Path) -> Rows:
    if path.suffix.lower() != ".json":
        return read_table(path)
    if not path.is_file():
        raise InputError(f"{path} does not exist")
    try:
        data: Any = json.loads(path.read_text(encoding="utf-8-sig"))
    except (ValueError, OSError) as error:
        raise InputError(f"{path} cannot be read as JSON: {error}") from None
    if coco.is_coco(data):
        return coco.read_coco(path, data)
    if via.is_via(data):
        return via.read_via(path, data)
    raise InputError(
        f"{path} is neither COCO JSON (images, annotations, categories) nor VIA JSON (a project or "
        "its annotations); export it anew in one of these formats"
    )


def located(rows: Rows, sizes: Sizes | None) -> pd.DataFrame:
    """Return the rows of the data set's images, with a column `id`.

    Raises:
        InputError: there are rows, and none of them is of such an image.

    """
    table = rows.table
    names = table[["image", "exact"]].drop_duplicates()
    ids = {
        (name, exact): image_id(name, exact, sizes) for name, exact in names.itertuples(index=False)
    }
    keys = zip(table["image"], table["exact"], strict=True)
    found = pd.Series([ids[key] for key in keys], index=table.index, dtype=object)
    unknown = found.isna()
    if unknown.any():
        first = table[unknown].iloc[0]
        text = (
            f"{rows.file}: {int(unknown.sum())} of {len(table)} boxes are of images that the data "
            f"set does not have, first {rows.unit} {first['where']}: {first['image']!r}"
        )
        if unknown.all():
            raise InputError(f"{text}; name images by their id, or by their path in the data set")
        log.warning("%s; they are left out", text)
    return table.assign(id=found)[~unknown]


def _check_stated_sizes(rows: Rows, sizes: Sizes) -> None:
    """Raise InputError where a file was made for an image of another size."""
    for (name, exact), stated in rows.images.items():
        found = image_id(name, exact, sizes)
        if found is None or any(np.isnan(stated)):
            continue
        if stated != sizes[found]:
            width, height = sizes[found]
            raise InputError(
                f"{rows.file}: image {name}: made for {stated[0]:g} × {stated[1]:g} pixels, but "
                f"the image has {width} × {height} (upright by its EXIF); scale the boxes or "
                "annotate the image itself"
            )


def inside(rows: Rows, sizes: Sizes) -> pd.DataFrame:
    """Return the rows (with a column `id`) with their boxes cut at the images' edges.

    Raises:
        InputError: a box passes an edge by more than `SLACK`, or has no part in the image.

    """
    table = rows.table.copy()
    limits = np.array([sizes[name] for name in table["id"]], dtype=float).reshape(-1, 2)
    table["width"], table["height"] = limits[:, 0], limits[:, 1]
    checked = Rows(rows.file, table, rows.unit, rows.column)
    text = (
        "{%s} is outside the image, which has {width} × {height} pixels (upright by its EXIF); is "
        "the box in pixels, and of this image at this size?"
    )
    for name in BOX:
        limit = limits[:, 0 if name[0] == "x" else 1]
        value = table[name].to_numpy(float)
        checked.refuse((value < -SLACK) | (value > limit + SLACK), name, text % name)
        table[name] = np.clip(value, 0, limit)
    for low, high in (("x0", "x1"), ("y0", "y1")):
        checked.refuse(
            (table[high] <= table[low]).to_numpy(), high, "the box has no part in the image"
        )
    return table


def regions_of(table: pd.DataFrame) -> list[Region]:
    """Return the regions of checked rows, in their order."""
    numbers = table[[*BOX, "score", *QUAD_COLUMNS]].to_numpy(float).tolist()
    regions = []
    for entity, row in zip(table["entity"], numbers, strict=True):
        quad = None if np.isnan(row[5]) else tuple(row[5:])
        regions.append(Region(Entity(entity), *row[:5], quad=quad))  # type: ignore[misc]
    return regions
