"""JPEG coding of other pixels, repeated with the tables in a file's header."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image, JpegImagePlugin

from anonbench.core.errors import UnreadableImage
from anonbench.datasets.formats.pixels import orientation
from anonbench.datasets.images import open_checked

_LOSSLESS = ("PNG", "BMP", "DIB", "PPM", "TIFF")
_UNITS = {0: (8, 8), 1: (8, 16), 2: (16, 16)}
"""Rows and columns of the pixels that are coded together, by Pillow's number of the subsampling."""
_TURNS = {
    2: (False, False, True),
    3: (False, True, True),
    4: (False, True, False),
    5: (True, False, False),
    6: (True, True, False),
    7: (True, True, True),
    8: (True, False, True),
}
"""From an upright image to the stored one by EXIF orientation: transposed, then flipped by rows and
by columns."""
_MOST_ROWS = 60_000  # of an image that is coded at once; JPEG takes 65,500


@dataclass(frozen=True)
class Coding:
    """Coding of a JPEG file."""

    tables: tuple[tuple[int, ...], ...]
    subsampling: int
    grey: bool
    size: tuple[int, int]  # rows and columns of the upright image
    turn: tuple[bool, bool, bool] = (False, False, False)  # see `_TURNS`

    def repeated(self, pages: np.ndarray, corner: tuple[int, int]) -> np.ndarray:
        """Code and decode windows of the image.

        Args:
            pages: uint8 [N, h, w] or [N, h, w, 3], upright.
            corner: the windows' first row and column in the upright image.

        Returns:
            The same shape; blocks that a window cuts are padded with the window's outermost pixels.
        """
        blocks, window = self._whole_blocks(pages, corner)
        transposed, *flipped = self.turn
        axes = [axis for axis, flip in enumerate(flipped, 1) if flip]
        stored = np.flip(blocks.swapaxes(1, 2) if transposed else blocks, axes)
        most = max(1, _MOST_ROWS // stored.shape[1])
        parts = [self._coded(stored[at : at + most]) for at in range(0, len(stored), most)]
        coded = np.flip(np.concatenate(parts), axes)
        return np.asarray((coded.swapaxes(1, 2) if transposed else coded)[window])

    def touched(self, pixels: np.ndarray, corner: tuple[int, int]) -> np.ndarray:
        """All pixels of the blocks that contain one of `pixels`, bool [h, w]."""
        (blocks,), (_, *window) = self._whole_blocks(pixels[None], corner)
        rows, columns = self._unit
        parts = blocks.reshape(len(blocks) // rows, rows, -1, columns).any(axis=(1, 3))
        return np.asarray(parts.repeat(rows, axis=0).repeat(columns, axis=1)[*window])

    @property
    def _unit(self) -> tuple[int, int]:
        """Rows and columns, upright."""
        rows, columns = (8, 8) if self.grey else _UNITS[self.subsampling]
        return (columns, rows) if self.turn[0] else (rows, columns)

    def _whole_blocks(
        self, pages: np.ndarray, corner: tuple[int, int]
    ) -> tuple[np.ndarray, tuple[slice, ...]]:
        """Grow windows to whole blocks; and the places of the windows in these."""
        transposed, *flipped = self.turn
        flips = flipped[::-1] if transposed else flipped
        padding, window = [(0, 0)], [slice(None)]
        for axis, unit in enumerate(self._unit):
            # blocks begin at the first pixel that is stored
            start = corner[axis] - (self.size[axis] if flips[axis] else 0)
            side = pages.shape[1 + axis]
            # one block more than necessary, so that windows coded together do not affect each other
            padding.append((unit + start % unit, unit + -(start + side) % unit))
            window.append(slice(padding[-1][0], padding[-1][0] + side))
        padding += [(0, 0)] * (pages.ndim - 3)
        return np.pad(pages, padding, "edge"), tuple(window)

    def _coded(self, blocks: np.ndarray) -> np.ndarray:
        """Code windows of whole blocks in one image, one below the other."""
        tall = np.ascontiguousarray(blocks).reshape(-1, *blocks.shape[2:])
        image = Image.fromarray(tall).convert("L" if self.grey else "RGB")
        file = io.BytesIO()
        image.save(file, "JPEG", qtables=list(map(list, self.tables)), subsampling=self.subsampling)
        with Image.open(file) as coded:
            return np.asarray(coded.convert(Image.fromarray(tall[:1]).mode)).reshape(blocks.shape)


def coding_of(data: bytes, size: Sequence[int]) -> Coding | None:
    """Coding of a file with an image of these rows and columns, upright, as it is read.

    None if it is not a JPEG whose coding can be repeated.
    """
    try:
        with open_checked(data, None) as image:
            if not isinstance(image, JpegImagePlugin.JpegImageFile):
                return None
            if image.mode not in ("L", "RGB") or image.info.get("adobe_transform") == 0:
                return None
            grey = image.layers == 1
            subsampling = 0 if grey else JpegImagePlugin.get_sampling(image)
            if subsampling not in _UNITS:
                return None
            tables = [tuple(image.quantization[component[3]]) for component in image.layer]
            turn = _TURNS.get(orientation(image), (False, False, False))
    except UnreadableImage:  # a PDF, or a file with several pages
        return None
    while len(tables) > 1 and tables[-1] == tables[-2]:
        tables.pop()
    return Coding(tuple(tables), subsampling, grey, (size[0], size[1]), turn)


def is_lossless(data: bytes) -> bool:
    """Whether a file stores pixels exactly as they were written."""
    try:
        with open_checked(data, None) as image:
            return image.format in _LOSSLESS and image.info.get("compression") != "jpeg"
    except UnreadableImage:
        return False
