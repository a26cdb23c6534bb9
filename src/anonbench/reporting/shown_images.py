"""Images that may be shown in figures, explorer and report; if none may, outlines of one.

Every picture for display is read through a `ShownSet`. Unless originals may be shown, it returns an
image only if every detector worked, something was found, and all of it is hidden (degree 100). Any
other image is a blank tile.
"""

import base64
import io
from collections.abc import Container, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
from PIL import Image

from anonbench.core.libraries.opencv import cv2
from anonbench.core.numeric.seeding import hash_int
from anonbench.core.vocabulary import Entity, Variant
from anonbench.datasets.image_sets.shards import ImageSet, open_sets

TILE = 192  # pixels of a blank tile's side


def choose(ids: Iterable[str], number: int) -> list[str]:
    """Choose images by a hash of their ids: the same on every machine, spread over classes."""
    return sorted(ids, key=lambda image_id: hash_int("examples", image_id))[:number]


class Images(Protocol):
    """Access to images by id, such as a `ShownSet`."""

    def __contains__(self, image_id: str) -> bool: ...

    def read(self, image_id: str) -> np.ndarray:
        """Read an image, uint8 [H, W] or [H, W, 3] RGB."""
        ...


class ShownSet:
    """Random access to the pictures of an image set by id; those `allowed` are shown, None: all."""

    def __init__(self, images: ImageSet, allowed: Container[str] | None) -> None:
        self._images, self._allowed = images, allowed

    def __contains__(self, image_id: str) -> bool:
        """Whether an image may be shown."""
        return self._allowed is None or image_id in self._allowed

    @property
    def ids(self) -> list[str]:
        """Sorted ids of the images that may be shown."""
        return [image_id for image_id in self._images.ids if image_id in self]

    def read(self, image_id: str) -> np.ndarray:
        """Read an image (`ImageSet.read`), or a blank tile, uint8 [TILE, TILE]."""
        return self._images.read(image_id) if image_id in self else blank()


def blank() -> np.ndarray:
    """Grey tile that reads “not shown”, uint8 [TILE, TILE]."""
    tile = np.full((TILE, TILE), 238, np.uint8)
    font, size, thickness = cv2.FONT_HERSHEY_SIMPLEX, 0.9, 2
    (width, height), _ = cv2.getTextSize("not shown", font, size, thickness)
    place = ((TILE - width) // 2, (TILE + height) // 2)
    cv2.putText(tile, "not shown", place, font, size, (110,), thickness, cv2.LINE_AA)
    return tile


def webp_uri(picture: Image.Image, **how: Any) -> str:
    """A picture as a data URI of a WebP; `how` are Pillow's settings."""
    buffer = io.BytesIO()
    picture.save(buffer, "WEBP", method=4, **how)
    return f"data:image/webp;base64,{base64.b64encode(buffer.getvalue()).decode('ascii')}"


def open_shown(
    variants: Sequence[str],
    files: Sequence[Path],
    root: Path,
    searched: Sequence[Path],
    show_originals: bool,
) -> dict[str, ShownSet]:
    """Open image sets (see `open_sets`, and for errors) for display.

    An image that is missing from `searched`, detection's outcome by shard (`id`, `status`), is not
    shown. With `show_originals` everything may be shown.
    """
    sets = open_sets(variants, files, root)
    if show_originals:
        return {name: ShownSet(images, None) for name, images in sets.items()}
    tables = (pd.read_parquet(path, columns=["id", "status"]) for path in searched)
    # all detectors worked, and something was found
    fully = frozenset(name for table in tables for name in table["id"][table["status"] == "ok"])
    return {
        name: ShownSet(images, fully if Variant.parse(name).degree == 100 else frozenset())
        for name, images in sets.items()
    }


COLOURS: Mapping[str, str] = {  # Okabe and Ito's, which colour-blind people can distinguish
    **{Entity.FACE: "#0072B2", Entity.TEXT: "#D55E00", Entity.BARCODE: "#009E73"},
    **{Entity.MRZ: "#CC79A7", Entity.INK: "#E69F00"},
}
_BOX = ["x0", "y0", "x1", "y1"]
_CORNERS = [f"q{number}" for number in range(8)]
_ROWS = 20_000  # regions from the start of the table among which the image is chosen


class Outlines(NamedTuple):
    """Regions of one image."""

    width: int
    height: int
    shapes: Sequence[tuple[str, str]]  # entity and corners, as the SVG attribute `points`
    colours: Mapping[str, str]  # of each entity that occurs


def read_outlines(boxes: Path, manifest: Path | None) -> Outlines | None:
    """Regions (Parquet) of a typical image with the most entities; None without regions.

    Without sizes in the manifest (as in a bundle) the extent of the regions is used.
    """
    file = pq.ParquetFile(boxes)
    first = next(file.iter_batches(_ROWS, columns=["id", "entity", *_BOX, *_CORNERS]), None)
    if first is None or not first.num_rows:
        return None
    table = first.to_pandas()
    by_id = table.groupby("id", sort=True)["entity"].agg(["nunique", "size"])
    richest = by_id[by_id["nunique"] == by_id["nunique"].max()].sort_values("size", kind="stable")
    chosen = richest.index[len(richest) // 2]  # neither the fewest nor the most regions
    rows = table[table["id"] == chosen].copy()
    as_box = ["x0", "y0", "x1", "y0", "x1", "y1", "x0", "y1"]
    for corner, side in zip(_CORNERS, as_box, strict=True):  # upright regions have no corners
        rows[corner] = rows[corner].fillna(rows[side])
    corners = (" ".join(f"{value:.0f}" for value in each) for each in rows[_CORNERS].to_numpy())
    shapes = [*zip(rows["entity"].map(str), corners, strict=True)]
    sizes, own = ["width", "height"], [("id", "==", chosen)]
    if manifest is not None and set(sizes) <= set(pq.read_schema(manifest).names):
        known = pd.read_parquet(manifest, columns=sizes, filters=own)
        width, height = map(int, known.iloc[0])
    else:
        width, height = (int(rows[_CORNERS[axis::2]].max().max()) + 8 for axis in (0, 1))
    there = {entity: c for entity, c in COLOURS.items() if entity in set(rows["entity"])}
    return Outlines(width, height, shapes, there)
