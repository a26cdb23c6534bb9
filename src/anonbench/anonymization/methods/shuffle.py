"""Keyed shuffles: the region's own pixels in another order."""

import math
from itertools import pairwise
from typing import ClassVar

import numpy as np

from anonbench.anonymization.audit.visibility import near
from anonbench.anonymization.methods.keyed import Keyed
from anonbench.core.settings import Count, Settings


class Tiles(Settings):
    """Tiles across a region's shorter side, by entity."""

    face: Count = 8
    text: Count = 3
    barcode: Count = 8
    mrz: Count = 9
    ink: Count = 9


class TileShuffle(Keyed):
    """The region cut into square tiles, which change places.

    Every pixel is still there. Without the key, the tiles can be put together like a jigsaw puzzle;
    the larger they are, the easier it is. Colours and textures are unchanged.
    """

    name: ClassVar = "tile_shuffle"
    label: ClassVar = "Tile shuffle"
    line_colour: ClassVar = "#9467BD"
    information_left: ClassVar = "all"
    least_side: ClassVar = 4

    tiles: Tiles = Tiles()
    """Tiles across a region's shorter side, by entity: more are smaller and harder to put
    together."""

    def hide(self, pixels: np.ndarray, entity: str) -> np.ndarray:
        """Shuffle whole tiles from the upper left, then from the lower right: no edge is left."""
        height, width = pixels.shape[:2]
        side = max(1, min(height, width) // max(2, int(getattr(self.tiles, entity))))
        rows, columns = height // side, width // side
        drawn = self.random(pixels, entity, 2 * rows * columns, 64).reshape(2, -1)
        hidden = pixels.copy()
        for keys, window in (
            (drawn[0], np.s_[: rows * side, : columns * side]),
            (drawn[1], np.s_[height - rows * side :, width - columns * side :]),
        ):
            cut = hidden[window].reshape(rows, side, columns, side, -1).swapaxes(1, 2)
            tiles = cut.reshape(rows * columns, side, side, -1)[np.argsort(keys, kind="stable")]
            joined = tiles.reshape(rows, columns, side, side, -1).swapaxes(1, 2)
            hidden[window] = joined.reshape(hidden[window].shape)
        return hidden

    def is_hidden(self, original: np.ndarray, written: np.ndarray, entity: str) -> np.ndarray:
        """See `Method.is_hidden`: tiles moved twice, in the order of their numbers."""
        height, width = written.shape[1:]
        side = max(1, min(height, width) // max(2, int(getattr(self.tiles, entity))))
        rows, columns = height // side, width // side
        drawn = self.drawn_again(original, entity, 2 * rows * columns, 8).reshape(2, -1)
        down, across = np.arange(rows * side)[:, None], np.arange(columns * side)
        place = down // side * columns + across // side
        shown = original.copy()
        ends = (0, 0), (height - rows * side, width - columns * side)
        for keys, (top, left) in zip(drawn, ends, strict=True):
            tile = np.lexsort((keys,))[place]
            y, x = tile // columns * side + down % side, tile % columns * side + across % side
            part = shown[:, top : top + rows * side, left : left + columns * side]
            part[:] = part[:, y, x]
        return near(written, shown)


class PatchShuffle(Keyed):
    """The pixels of each patch of the region in random order, a different one in each patch.

    Every pixel stays in its patch, so the patch's mean is unchanged. So it shows as much as
    pixelation with blocks of that size, and the pixels' colours too.
    """

    name: ClassVar = "patch_shuffle"
    label: ClassVar = "Patch shuffle"
    line_colour: ClassVar = "#C5B0D5"
    information_left: ClassVar = "all"
    least_side: ClassVar = 2

    patches: Tiles = Tiles(face=4, text=1, barcode=2, mrz=1, ink=1)
    """Patches across a region's shorter side, by entity: fewer are larger and hide more."""

    def hide(self, pixels: np.ndarray, entity: str) -> np.ndarray:
        """Sort the pixels of each patch by random numbers."""
        height, width = pixels.shape[:2]
        side = max(2, -(-min(height, width) // int(getattr(self.patches, entity))))
        rows, columns = max(1, height // side), max(1, width // side)
        down = np.arange(height) * rows // height
        across = np.arange(width) * columns // width
        patch = (down[:, None] * columns + across).ravel()
        drawn = self.random(pixels, entity, height * width, 32)
        source = np.empty(height * width, np.int64)
        source[np.argsort(patch, kind="stable")] = np.lexsort((drawn, patch))
        flat = pixels.reshape(height * width, *pixels.shape[2:])
        return flat.take(source, axis=0).reshape(pixels.shape)

    def is_hidden(self, original: np.ndarray, written: np.ndarray, entity: str) -> np.ndarray:
        """See `Method.is_hidden`: the pixels of each patch in the order of their numbers."""
        shape = written.shape[1:]
        side = max(2, math.ceil(min(shape) / int(getattr(self.patches, entity))))
        drawn = self.drawn_again(original, entity, math.prod(shape), 4).reshape(shape)
        shown = original.copy()
        rows, columns = (
            [-(-number * length // count) for number in range(count)] + [length]
            for length, count in ((length, max(1, length // side)) for length in shape)
        )
        for top, bottom in pairwise(rows):
            for left, right in pairwise(columns):
                patch = shown[:, top:bottom, left:right]
                order = np.lexsort((drawn[top:bottom, left:right].ravel(),))
                patch[:] = patch.reshape(len(patch), -1)[:, order].reshape(patch.shape)
        return near(written, shown)
