"""Transformation between matched features, and the decision to trust it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from anonbench.core.libraries.opencv import cv2
from anonbench.detection.template.features import Features

Kind = Literal["affine", "homography"]

RATIO = 0.85
"""Distance of the best match, as a share of the second best's, below which it is kept (Lowe)."""
REACH = 3.0
"""Pixels by which a match may miss and still count for the transformation."""
DRAWS, CERTAIN = 5000, 0.9999
"""Most draws of a transformation, and how sure to be before that to have drawn a good one."""
FEWEST = 6
"""Matches without which none is estimated."""
STRETCH = 3.0
"""How much more one side of the template may be stretched than another."""
FRAME = 560
"""Longer side of the frame, in pixels, in which image and template are compared."""
FINE, COARSE = 1.5, 6.0
"""Blur of the frame (standard deviations, in pixels): what lies between is compared, so that noise
and light are not. On the demo's cards that is print and ruling."""
CELLS = 12
"""Cells along the frame's longer side."""
FILLED = 0.25
"""Least share of a cell that is compared."""
FLAT = 1.5
"""Grey levels (standard deviation) below which a cell of the template shows nothing."""
LIKE = 0.5
"""Correlation from which a cell of the image shows the same as the template's."""
SEEN = 0.5
"""Least share of the template's cells that must be in the image."""


@dataclass(frozen=True)
class Alignment:
    """Where in an image a template is."""

    matrix: np.ndarray
    """float64 [3, 3], from the template's pixels to the image's."""
    inliers: int
    """Matches that agree with it."""
    error: float
    """Median distance of those, in pixels of the image."""


def match(template: Features, image: Features) -> tuple[np.ndarray, np.ndarray]:
    """Return the points of matching features, float32 [M, 2] in each, none of them twice."""
    if len(template.points) < 2 or len(image.points) < 2:
        return np.zeros((0, 2), np.float32), np.zeros((0, 2), np.float32)
    similarity = template.descriptors @ image.descriptors.T
    rows, mutual = np.arange(len(similarity)), similarity.argmax(axis=0)
    first = similarity.argmax(axis=1)
    best = similarity[rows, first]
    similarity[rows, first] = -1.0
    second = similarity.max(axis=1)
    # of vectors of length 1 the squared distance is 2 - 2 · product
    kept = (1 - best < RATIO**2 * (1 - second)) & (mutual[first] == rows)
    return template.points[kept], image.points[first[kept]]


def align(template: Features, image: Features, kind: Kind) -> Alignment | None:
    """Return the transformation that most matches agree with (MAGSAC++, Barath et al. 2020).

    OpenCV starts its draws anew with every call: the same features give the same result.
    """
    start, end = match(template, image)
    if len(start) < FEWEST:
        return None
    if kind == "homography":
        matrix, inside = cv2.findHomography(
            start, end, cv2.USAC_MAGSAC, REACH, maxIters=DRAWS, confidence=CERTAIN
        )
    else:
        matrix, inside = cv2.estimateAffine2D(
            start,
            end,
            method=cv2.USAC_MAGSAC,
            ransacReprojThreshold=REACH,
            maxIters=DRAWS,
            confidence=CERTAIN,
        )
        matrix = None if matrix is None else np.vstack([matrix, (0, 0, 1)])
    if matrix is None or not np.isfinite(matrix).all() or not inside.any():
        return None
    kept = inside.ravel() > 0
    misses = np.linalg.norm(moved(start[kept], matrix) - end[kept], axis=1)
    return Alignment(matrix, int(kept.sum()), float(np.median(misses)))


def moved(points: np.ndarray, matrix: np.ndarray) -> np.ndarray:
    """Return points (float [N, 2]) under a transformation ([3, 3])."""
    ends: np.ndarray = cv2.perspectiveTransform(points[None].astype(np.float64), matrix)[0]
    return ends


def is_plausible(matrix: np.ndarray, size: tuple[int, int], scales: tuple[float, float]) -> bool:
    """Tell whether a flat document could be seen so.

    It is neither mirrored nor folded (the corners stay convex and in their order, in front of the
    camera), no side is stretched `STRETCH` times as much as another, and its scale is in `scales`.

    Args:
        matrix: float [3, 3], from the template's pixels to the image's.
        size: width and height of the template.
        scales: the least and the greatest scale.

    """
    width, height = size
    corners = np.array([(0, 0), (width, 0), (width, height), (0, height)], dtype=np.float64)
    if (corners @ matrix[2, :2] + matrix[2, 2] <= 0).any():
        return False
    ends = moved(corners, matrix)
    sides = np.roll(ends, -1, axis=0) - ends
    following = np.roll(sides, -1, axis=0)
    if (sides[:, 0] * following[:, 1] - sides[:, 1] * following[:, 0] <= 0).any():
        return False
    stretch = np.hypot(*sides.T) / (width, height, width, height)
    area = float(cv2.contourArea(ends.astype(np.float32)))
    scale = np.sqrt(area / (width * height))
    return bool(stretch.max() < STRETCH * stretch.min() and scales[0] <= scale <= scales[1])


def framed(grey: np.ndarray, matrix: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """Return what an image (uint8 [H, W]) shows in a frame of the given shape: float32.

    Args:
        grey: the image.
        matrix: float [3, 3], from the frame's pixels to the image's, counted from the corners.
        shape: height and width of the frame.

    Returns:
        float32, NaN outside the image.

    """
    half = np.array([(1, 0, 0.5), (0, 1, 0.5), (0, 0, 1)])  # OpenCV counts from pixels' middles
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    inner = np.linalg.inv(half) @ matrix @ half
    seen: np.ndarray = cv2.warpPerspective(
        grey.astype(np.float32),
        inner,
        (shape[1], shape[0]),
        flags=flags,
        borderMode=cv2.BORDER_CONSTANT,
        borderValue=(np.nan,),
    )
    return seen


def agreement(template: np.ndarray, image: np.ndarray, compared: np.ndarray) -> float:
    """Return the share of the template's cells in which the image looks the same.

    Matches alone do not tell documents of one publisher apart: emblem, ground and headline are the
    same on all. Where too little of the template is in the image, it is 0.

    Args:
        template: uint8 [h, w], the template in its frame.
        image: float32 [h, w], the image in the same frame; NaN outside it.
        compared: bool [h, w], the frame without what differs from document to document.

    """
    seen = ~np.isnan(image)
    ours = _structure(template.astype(np.float32))
    theirs = _structure(np.where(seen, image, template).astype(np.float32))
    step = max(template.shape) // CELLS
    count = missing = like = 0
    for top in range(0, template.shape[0], step):
        for left in range(0, template.shape[1], step):
            cell = slice(top, top + step), slice(left, left + step)
            a = ours[cell][compared[cell]]
            if a.size < FILLED * step * step or a.std() < FLAT:
                continue
            count += 1
            kept = seen[cell][compared[cell]]
            if kept.sum() < FILLED * step * step:
                missing += 1
            elif _correlation(a[kept], theirs[cell][compared[cell]][kept]) >= LIKE:
                like += 1
    visible = count - missing
    return like / visible if visible and visible >= SEEN * count else 0.0


def _structure(grey: np.ndarray) -> np.ndarray:
    blurred: np.ndarray = cv2.GaussianBlur(grey, (0, 0), FINE) - cv2.GaussianBlur(
        grey, (0, 0), COARSE
    )
    return blurred


def _correlation(a: np.ndarray, b: np.ndarray) -> float:
    """Return Pearson's coefficient; 0 where one of them is flat."""
    a, b = a - a.mean(), b - b.mean()
    scale = float(np.sqrt((a @ a) * (b @ b)))
    return float(a @ b) / scale if scale > 0 else 0.0
