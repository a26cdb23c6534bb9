"""Cache of decoded, shrunk images in a memory-mapped file, for small images read often."""

from __future__ import annotations

from math import ceil, sqrt
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import numpy as np

from anonbench.core.io import open_private
from anonbench.core.libraries.opencv import cv2
from anonbench.core.progress import track
from anonbench.datasets.image_sets.shards import ImageSet
from anonbench.training.data.crops import ASPECTS

if TYPE_CHECKING:
    from anonbench.config.training import Crops


class ImageSource(Protocol):
    """Source of the images from which crops are cut."""

    def size(self, image_id: str) -> tuple[int, int]:
        """Return width and height of an image, in pixels."""

    def read(self, image_id: str) -> np.ndarray:
        """Return an image, uint8 [H, W] or [H, W, 3] RGB."""


def sufficient_side(crops: Crops) -> int:
    """Return the shorter side, in pixels, at which no crop of a square image is enlarged."""
    needs = [crops.global_size / sqrt(crops.global_area[0])]
    if crops.local_count:
        needs.append(crops.local_size / sqrt(crops.local_area[0]))
    return ceil(max(needs) / sqrt(ASPECTS[0]))


def shrink(image: np.ndarray, side: int) -> np.ndarray:
    """Return the image with its shorter side at most `side` pixels."""
    height, width = image.shape[:2]
    scale = side / min(height, width)
    if scale >= 1.0:
        return image
    size = (max(round(width * scale), 1), max(round(height * scale), 1))
    return cv2.resize(image, size, interpolation=cv2.INTER_AREA)


class Scratch:
    """An image set's images, shrunk, in one file that several processes map.

    Grey images take one byte a pixel, RGB three. The caller has to delete the file.
    """

    def __init__(self, images: ImageSet, path: Path, side: int) -> None:
        """Write the file and map it."""
        self._path = path
        self._where: dict[str, tuple[int, tuple[int, ...]]] = {}
        offset = 0
        with open_private(path) as file:
            for image_id in track(images.ids, len(images), "images shrunk"):
                small = shrink(images.read(image_id), side)
                file.write(np.ascontiguousarray(small).data)
                self._where[image_id] = (offset, small.shape)
                offset += small.nbytes
        self._pixels: np.ndarray = np.memmap(path, np.uint8, mode="r")

    def size(self, image_id: str) -> tuple[int, int]:
        """Return width and height of a shrunk image, in pixels."""
        height, width = self._where[image_id][1][:2]
        return width, height

    def read(self, image_id: str) -> np.ndarray:
        """Return a shrunk image, uint8 [H, W] or [H, W, 3] RGB, as a view of the file."""
        offset, shape = self._where[image_id]
        return self._pixels[offset : offset + int(np.prod(shape))].reshape(shape)
