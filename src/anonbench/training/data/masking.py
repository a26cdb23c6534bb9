"""Masks of the patches of global crops that the student does not see."""

from __future__ import annotations

from dataclasses import dataclass
from math import exp, log, sqrt

import numpy as np

SMALLEST_BLOCK = 4
"""Least number of patches in a block."""
LARGEST_BLOCK = 0.5
"""Greatest share of the crop in a block."""
ASPECT = 0.3
"""Blocks are between 0.3 and 1 / 0.3 times as high as wide."""
ATTEMPTS = 10


@dataclass(frozen=True)
class Masks:
    """The masked patches of a batch of global crops."""

    where: np.ndarray
    """bool [crops, patches]."""

    @property
    def indices(self) -> np.ndarray:
        """int64 [M]: positions of the masked patches in the flattened [crops · patches]."""
        return np.flatnonzero(self.where)

    @property
    def weights(self) -> np.ndarray:
        """float32 [M]: one over the number of masked patches in the patch's crop."""
        counts = self.where.sum(axis=1)
        return np.repeat(1.0 / np.maximum(counts, 1), counts).astype(np.float32)


def block_mask(side: int, target: int, random: np.random.Generator) -> np.ndarray:
    """Return bool [side, side] with at most `target` patches masked, in rectangles.

    BEiT (Bao et al. 2022), algorithm 1, in DINOv2's form: rectangles of random area and aspect are
    laid until the target is reached or ten in a row do not fit.
    """
    mask = np.zeros((side, side), dtype=bool)
    masked = 0
    while masked < target:
        added = _lay_block(mask, min(target - masked, int(LARGEST_BLOCK * mask.size)), random)
        if added == 0:
            break
        masked += added
    return mask


def _lay_block(mask: np.ndarray, room: int, random: np.random.Generator) -> int:
    """Mask one more rectangle that adds at most `room` patches; return the number added."""
    side = len(mask)
    draws = random.random((ATTEMPTS, 4)).tolist()
    smallest = min(SMALLEST_BLOCK, room)
    for area_draw, aspect_draw, top_draw, left_draw in draws:
        area = smallest + area_draw * (room - smallest)
        aspect = exp((2.0 * aspect_draw - 1.0) * log(1.0 / ASPECT))
        height, width = round(sqrt(area * aspect)), round(sqrt(area / aspect))
        if not (0 < height < side and 0 < width < side):
            continue
        top, left = int(top_draw * (side - height + 1)), int(left_draw * (side - width + 1))
        block = mask[top : top + height, left : left + width]
        added = height * width - int(np.count_nonzero(block))
        if 0 < added <= room:
            block[:] = True
            return added
    return 0


def batch_masks(
    crops: int, side: int, share: float, ratios: tuple[float, float], random: np.random.Generator
) -> Masks:
    """Return the masks of a batch: `share` of the crops, ratios evenly spread over their range.

    Args:
        crops: global crops in the batch.
        side: patches along a side of a crop.
        share: share of the crops that get a mask.
        ratios: smallest and largest share of patches masked in such a crop.
        random: where the draws come from.

    """
    chosen = int(crops * share)
    edges = np.linspace(*ratios, chosen + 1)
    where = np.zeros((crops, side * side), dtype=bool)
    rows = random.permutation(crops)[:chosen]
    for row, low, high in zip(rows, edges[:-1], edges[1:], strict=True):
        target = int(side * side * random.uniform(low, high))
        where[row] = block_mask(side, target, random).ravel()
    return Masks(where)
