"""Non-maximum suppression of many groups of boxes at once."""

from __future__ import annotations

from typing import Literal

import numpy as np


def suppressed(
    boxes: np.ndarray,
    scores: np.ndarray,
    groups: np.ndarray,
    threshold: float,
    share_of: Literal["union", "smaller"] = "union",
) -> np.ndarray:
    """Return the boxes that are kept: int [K], by group and then by falling score.

    In each round, the best box left of every group is kept and takes those that it overlaps with
    it: as many rounds as the fullest group keeps boxes, whatever the number of groups.

    Args:
        boxes: float32 [N, 4], corners x0, y0, x1, y1.
        scores: float [N]; of equal scores the earlier box wins.
        groups: int [N]; boxes of different groups are no matter to each other.
        threshold: a box goes if its overlap with a better one is larger.
        share_of: the overlap is divided by both boxes' union, as torchvision does; or by the
            smaller box's area, sides one pixel longer, as MTCNN does in the end.

    """
    order = np.lexsort((-scores, groups))
    extra = np.float32(share_of == "smaller")
    corners, group = boxes[order], groups[order]
    sides = corners[:, 2:] - corners[:, :2] + extra
    areas = sides[:, 0] * sides[:, 1]
    # a float32 overlap beside a threshold of float64 or of float32, as the two models have it
    limit = np.float32(threshold) if share_of == "smaller" else np.float64(threshold)
    left = np.arange(len(order))
    kept: list[np.ndarray] = []
    while left.size:
        best = np.ones(left.size, dtype=bool)
        best[1:] = group[left[1:]] != group[left[:-1]]
        leaders = left[best]
        kept.append(leaders)
        leader = leaders[np.cumsum(best) - 1][~best]
        left = left[~best]
        low = np.maximum(corners[leader, :2], corners[left, :2])
        shared = np.maximum(np.minimum(corners[leader, 2:], corners[left, 2:]) - low + extra, 0)
        overlap = shared[:, 0] * shared[:, 1]
        if share_of == "smaller":
            whole = np.minimum(areas[leader], areas[left])
        else:
            whole = areas[leader] + areas[left] - overlap
        with np.errstate(divide="ignore", invalid="ignore"):  # 0 / 0 is no overlap
            left = left[~(overlap / whole > limit)]
    result: np.ndarray = order[np.sort(np.concatenate(kept))] if kept else order
    return result
