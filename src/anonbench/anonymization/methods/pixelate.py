"""Pixelation: every block of pixels becomes its mean colour."""

import math
from collections.abc import Callable
from typing import Annotated, ClassVar

import numpy as np
from pydantic import Field

from anonbench.anonymization.audit.visibility import block_means
from anonbench.core.libraries.opencv import cv2
from anonbench.core.registries.methods import Method, RegionWindow
from anonbench.core.settings import Settings

LEAST_BLOCK = 2  # smallest side of a block, in pixels, so that small regions are hidden too
_ROUNDING = 0.502
"""Grey levels between a mean and its integer: a half, and as little as possible for single
precision, since values that may be rounded either way could carry a message."""
Across = Annotated[float, Field(ge=0.01, le=2**31 - 1)]


class Blocks(Settings):
    """Blocks across a region's shorter side, by entity; below 1 they are wider than it.

    The paper states none. For faces 8 is the coarser of DeepPrivacy2's values, 8 and 16. At 2
    blocks across a line no line is read, but a dictionary attack finds every second one, and at 1
    one in ten; 0.25 was not told apart from a mask (docs/explanation/privacy.md). With 4 blocks
    across a low linear code, its code words follow from the blocks' means.
    """

    face: Across = 8
    text: Across = 0.25
    barcode: Across = 0.25
    mrz: Across = 0.25
    ink: Across = 0.25

    def counts(self, pixels: np.ndarray, entity: str, least: int) -> tuple[int, int]:
        """Rows and columns of blocks that share a region, each with sides of `least` pixels."""
        height, width = pixels.shape[:2]
        side = max(least, math.ceil(min(height, width) / float(getattr(self, entity))))
        return max(1, height // side), max(1, width // side)


class Pixelate(Method):
    """Every block of pixels becomes its mean colour."""

    name: ClassVar = "pixelate"
    label: ClassVar = "Pixelate"
    line_colour: ClassVar = "#0072B2"
    information_left: ClassVar = "coarse"
    least_side: ClassVar = LEAST_BLOCK

    blocks: Blocks = Blocks()
    """Blocks across a region's shorter side, by entity: fewer hide more, and below 1 a block is
    wider than that side."""

    def hide(self, pixels: np.ndarray, entity: str) -> np.ndarray:
        """Give every block its mean colour.

        Blocks share the region evenly, with parts of pixels: a remainder of one pixel at the edge
        would be a pixel of the original.
        """
        rows, columns = self.blocks.counts(pixels, entity, LEAST_BLOCK)
        means: np.ndarray = cv2.resize(pixels, (columns, rows), interpolation=cv2.INTER_AREA)
        return filled(means.reshape(rows, columns, *pixels.shape[2:]), pixels.shape)

    def is_hidden_in(self, inside: RegionWindow) -> np.ndarray:
        """See `Method.is_hidden_in`: even blocks of one value, which is the original's mean."""
        return constant_blocks(inside, float(getattr(self.blocks, inside.entity)), 2)


def filled(blocks: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """Give each pixel of a region the value of the block that its centre lies in."""
    # not by cv2.resize: its 16 bits of fixed point move borders in windows of a thousand pixels
    for axis, (length, count) in enumerate(zip(shape[:2], blocks.shape[:2], strict=True)):
        blocks = blocks.take((2 * np.arange(length) + 1) * count // (2 * length), axis=axis)
    return blocks


def constant_blocks(
    inside: RegionWindow,
    across: float,
    least: int,
    noise: Callable[[tuple[int, int]], np.ndarray] | None = None,
) -> np.ndarray:
    """Find the pixels of even blocks that show the original's mean, for the audit; bool [h, w].

    Args:
        inside: the region.
        across: blocks across its shorter side.
        least: side of a block in pixels.
        noise: of the number of blocks down and across; float64 [c, rows, columns] for their means.
    """
    shape = inside.mask.shape
    side = max(least, math.ceil(min(shape) / across))
    counts = max(1, shape[0] // side), max(1, shape[1] // side)
    down, along = map(block_of, shape, counts)
    means = block_means(inside.original, counts)
    if noise is not None:
        means = np.clip(means + noise(counts), 0, 255)
    # of large blocks, OpenCV ignores parts of a pixel below a thousandth
    allowed = _ROUNDING + (2 * 0.255 / side if max(counts) > 1000 else 0.0)
    rows = np.flatnonzero(np.diff(down, prepend=-1))
    columns = np.flatnonzero(np.diff(along, prepend=-1))
    kept = np.ones(shape, bool)
    for plane, mean in zip(inside.written, means, strict=True):
        kept &= np.abs(plane - mean[down].take(along, axis=1)) < allowed
        low, high = np.where(inside.mask, plane, 255), np.where(inside.mask, plane, 0)
        low = np.minimum.reduceat(np.minimum.reduceat(low, rows), columns, axis=1)
        high = np.maximum.reduceat(np.maximum.reduceat(high, rows), columns, axis=1)
        kept &= (high <= low)[down].take(along, axis=1)
    return kept


def block_of(length: int, count: int) -> np.ndarray:
    """The block of each pixel: the one with its centre; on a border the later one."""
    starts = -((count - 2 * np.arange(count) * length) // (2 * count))
    return np.repeat(np.arange(count), np.diff(starts, append=length))
