"""JPEG coding of other pixels, repeated with the tables in a file's header."""

import io
from dataclasses import dataclass

import numpy as np
from PIL import Image, JpegImagePlugin

from anonbench.core.boxes import Blocks
from anonbench.core.errors import UnreadableImage
from anonbench.datasets.coding_blocks import coding_blocks
from anonbench.datasets.formats.pixels import orientation
from anonbench.datasets.images import open_checked

_LOSSLESS = ("PNG", "BMP", "DIB", "PPM", "TIFF")
_ON_THEIR_SIDE, _ROWS, _COLUMNS = (5, 6, 7, 8), (3, 4, 6, 7), (2, 3, 7, 8)
"""EXIF orientations by which upright images are transposed, then flipped by rows or columns, to get
the stored ones."""
_MOST_ROWS = 60_000  # of an image that is coded at once; JPEG takes 65,500


@dataclass(frozen=True)
class Coding:
    """Coding of a JPEG file."""

    tables: tuple[tuple[int, ...], ...]
    subsampling: int
    grey: bool
    turn: int  # EXIF orientation
    blocks: Blocks  # upright

    def repeated(self, pages: np.ndarray, corner: tuple[int, int]) -> np.ndarray:
        """Code and decode windows of the image.

        Args:
            pages: uint8 [N, h, w] or [N, h, w, 3], upright.
            corner: the windows' first row and column in the upright image.

        Returns:
            The same shape; blocks that a window cuts are padded with the window's outermost pixels.
        """
        blocks, window = self._whole_blocks(pages, corner)
        axes = [axis for axis, turns in ((1, _ROWS), (2, _COLUMNS)) if self.turn in turns]
        is_transposed = self.turn in _ON_THEIR_SIDE
        stored = np.flip(blocks.swapaxes(1, 2) if is_transposed else blocks, axes)
        most = max(1, _MOST_ROWS // stored.shape[1])
        parts = [self._coded(stored[at : at + most]) for at in range(0, len(stored), most)]
        coded = np.flip(np.concatenate(parts), axes)
        return np.asarray((coded.swapaxes(1, 2) if is_transposed else coded)[window])

    def touched(self, pixels: np.ndarray, corner: tuple[int, int]) -> np.ndarray:
        """All pixels of the blocks that contain one of `pixels`, bool [h, w]."""
        (blocks,), (_, *window) = self._whole_blocks(pixels[None], corner)
        rows, columns = int(self.blocks.height), int(self.blocks.width)
        parts = blocks.reshape(len(blocks) // rows, rows, -1, columns).any(axis=(1, 3))
        return np.asarray(parts.repeat(rows, axis=0).repeat(columns, axis=1)[*window])

    def _whole_blocks(
        self, pages: np.ndarray, corner: tuple[int, int]
    ) -> tuple[np.ndarray, tuple[slice, ...]]:
        """Grow windows to whole blocks; and the places of the windows in these."""
        grid = (self.blocks.y, self.blocks.height), (self.blocks.x, self.blocks.width)
        padding, window = [(0, 0)], [slice(None)]
        for axis, (first, unit) in enumerate(grid):
            start, side, size = int(corner[axis] - first), pages.shape[1 + axis], int(unit)
            # one block more than necessary, so that windows coded together do not affect each other
            padding.append((size + start % size, size + -(start + side) % size))
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


def coding_of(data: bytes) -> Coding | None:
    """Coding of a file as it is read; None if it is not a JPEG whose coding can be repeated."""
    try:
        with open_checked(data, None) as image:
            if not isinstance(image, JpegImagePlugin.JpegImageFile):
                return None
            if image.mode not in ("L", "RGB") or image.info.get("adobe_transform") == 0:
                return None
            grey = image.layers == 1
            subsampling = 0 if grey else JpegImagePlugin.get_sampling(image)
            if subsampling not in (0, 1, 2):
                return None
            tables = [tuple(image.quantization[component[3]]) for component in image.layer]
            turn = orientation(image)
        (blocks,) = coding_blocks(data)
    except UnreadableImage:  # a PDF, or a file with several pages
        return None
    while len(tables) > 1 and tables[-1] == tables[-2]:
        tables.pop()
    return Coding(tuple(tables), subsampling, grey, turn, blocks)


def is_lossless(data: bytes) -> bool:
    """Whether a file stores pixels exactly as they were written."""
    try:
        with open_checked(data, None) as image:
            return image.format in _LOSSLESS and image.info.get("compression") != "jpeg"
    except UnreadableImage:
        return False
