"""Image sets for figures, explorer and report, restricted to images that may be shown.

Every picture for display is read through a `ShownSet`. Unless originals may be shown, it returns an
image only if every detector worked, something was found, and all of it is hidden (degree 100). Any
other image is a blank tile.
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from anonbench.core.libraries.opencv import cv2
from anonbench.core.numeric.seeding import hash_int
from anonbench.core.vocabulary import Variant
from anonbench.datasets.image_sets.shards import ImageSet, open_sets

TILE = 192
"""Pixels of a blank tile's side."""


def choose(ids: Iterable[str], number: int) -> list[str]:
    """Choose images by a hash of their ids: the same on every machine, spread over classes."""
    return sorted(ids, key=lambda image_id: hash_int("examples", image_id))[:number]


class ShownSet:
    """Random access to the pictures of one image set, by id."""

    def __init__(self, images: ImageSet, allowed: Container[str] | None) -> None:
        """Wrap a set with the ids of the images that may be shown; None: all of them."""
        self._images = images
        self._allowed = allowed

    def __contains__(self, image_id: str) -> bool:
        """Whether an image may be shown."""
        return self._allowed is None or image_id in self._allowed

    @property
    def ids(self) -> list[str]:
        """Sorted ids of the images that may be shown."""
        return [image_id for image_id in self._images.ids if image_id in self]

    def read(self, image_id: str) -> np.ndarray:
        """Read an image, uint8 [H, W] or [H, W, 3] RGB, or a blank tile, uint8 [TILE, TILE].

        Raises:
            ChangedImage: see `ImageSet.read`.
            InputError: see `ImageSet.read`.
        """
        return self._images.read(image_id) if image_id in self else blank()


def blank() -> np.ndarray:
    """Grey tile that reads “not shown”, uint8 [TILE, TILE]."""
    tile = np.full((TILE, TILE), 238, np.uint8)
    font, size, thickness = cv2.FONT_HERSHEY_SIMPLEX, 0.9, 2
    (width, height), _ = cv2.getTextSize("not shown", font, size, thickness)
    place = ((TILE - width) // 2, (TILE + height) // 2)
    cv2.putText(tile, "not shown", place, font, size, (110,), thickness, cv2.LINE_AA)
    return tile


def open_shown(
    variants: Sequence[str],
    files: Sequence[Path],
    root: Path,
    searched: Sequence[Path],
    show_originals: bool,
) -> dict[str, ShownSet]:
    """Open image sets (see `open_sets`) for display.

    Args:
        variants: names of the sets.
        files: their shards and indexes.
        root: the data set's folder.
        searched: detection's outcome by shard (`id`, `status`); others' images are not shown.
        show_originals: whether everything may be shown.

    Raises:
        InputError: see `open_sets`.
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
