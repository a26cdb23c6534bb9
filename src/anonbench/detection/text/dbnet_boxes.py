"""Quadrilaterals from a map of text probabilities (differentiable binarization).

Liao et al. 2020, Real-time scene text detection with differentiable binarization, section 3.4, in
the form that PaddleOCR gave it: around each contour the rectangle of least area, scored by its mean
probability, grown by the offset of Vatti's clipping, again the rectangle of least area.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil, floor
from operator import itemgetter

import numpy as np
import pyclipper

from anonbench.core.libraries.opencv import cv2

Corners = list[list[float]]
"""Four times x and y, from the upper left corner clockwise, in pixels of the map."""

LEAST_CORE = 3.0
LEAST_BOX = 5.0
"""Shorter sides, in pixels of the map, from which a contour's and a grown rectangle count."""


@dataclass(frozen=True)
class Thresholds:
    """What makes a box."""

    pixel: float
    """Probability above which a pixel is text."""
    box: float
    """Mean probability from which a box is kept."""
    unclip_ratio: float
    """How far a box is grown: its offset is this times area over length of outline."""
    max_candidates: int
    """Contours that are looked at."""


def text_boxes(
    probabilities: np.ndarray, height: int, width: int, thresholds: Thresholds
) -> list[tuple[np.ndarray, float]]:
    """Return each text line's corners and score.

    Args:
        probabilities: float32 [h, w], C-contiguous, at the scale that the network saw.
        height: of the image, in pixels.
        width: of the image, in pixels.
        thresholds: what makes a box.

    Returns:
        For each box float64 [4, 2], x and y in whole pixels of the image, from the upper left
        corner clockwise, and the mean probability.

    """
    text = (probabilities > thresholds.pixel).view(np.uint8)
    contours, _ = cv2.findContours(text, cv2.RETR_LIST, cv2.CHAIN_APPROX_SIMPLE)
    boxes, scores = [], []
    for contour in contours[: thresholds.max_candidates]:
        core, short = _least_rectangle(contour)
        if short < LEAST_CORE:
            continue
        score = _mean_inside(probabilities, core)
        if score < thresholds.box:
            continue
        corners, short = _least_rectangle(_grown(core, thresholds.unclip_ratio))
        if short < LEAST_BOX:
            continue
        boxes.append(corners)
        scores.append(score)
    size = np.array([width, height], dtype=np.float64)
    scale = size / probabilities.shape[::-1]
    whole = np.clip(np.rint(np.reshape(boxes, (-1, 4, 2)) * scale), 0.0, size)
    return list(zip(whole, scores, strict=True))


def _least_rectangle(points: np.ndarray) -> tuple[Corners, float]:
    """Return the rectangle of least area around points (int32 [n, 1, 2]), and its short side.

    The two leftmost corners are the left ones, so that the order holds at any slant.
    """
    rectangle = cv2.minAreaRect(points)
    corners = sorted(cv2.boxPoints(rectangle).tolist(), key=itemgetter(0))
    upper_left, lower_left = _upper_first(*corners[:2])
    upper_right, lower_right = _upper_first(*corners[2:])
    return [upper_left, upper_right, lower_right, lower_left], min(rectangle[1])


def _upper_first(first: list[float], second: list[float]) -> tuple[list[float], list[float]]:
    return (first, second) if second[1] > first[1] else (second, first)


def _mean_inside(probabilities: np.ndarray, corners: Corners) -> float:
    """Return the mean probability of the pixels inside corners."""
    height, width = probabilities.shape
    (left, right), (top, bottom) = (_span(values) for values in zip(*corners, strict=True))
    left, right = max(left, 0), min(right, width - 1)
    top, bottom = max(top, 0), min(bottom, height - 1)
    inside = np.zeros((bottom - top + 1, right - left + 1), np.uint8)
    outline = np.array(corners).astype(np.int32)
    cv2.fillPoly(inside, [outline], (1,), offset=(-left, -top))
    return float(cv2.mean(probabilities[top : bottom + 1, left : right + 1], inside)[0])


def _span(values: Sequence[float]) -> tuple[int, int]:
    return floor(min(values)), ceil(max(values))


def _grown(corners: Corners, unclip_ratio: float) -> np.ndarray:
    """Return the outline (int32 [n, 1, 2]) at the offset that the ratio asks for, corners round."""
    outline = np.array(corners, dtype=np.float32)
    distance = cv2.contourArea(outline) * unclip_ratio / cv2.arcLength(outline, True)
    offset = pyclipper.PyclipperOffset()
    # the library works on whole numbers and cuts what is behind the point
    offset.AddPath(corners, pyclipper.JT_ROUND, pyclipper.ET_CLOSEDPOLYGON)
    return np.array(offset.Execute(distance)[0], dtype=np.int32)[:, None]
