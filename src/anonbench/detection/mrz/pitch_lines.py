"""Zones that cannot be read, by two or three equally long lines of evenly spaced characters.

Every line of a zone has 30, 36 or 44 characters at one pitch, which shows in the sum of its columns
even where no character can be made out, and hardly ever in other text.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from anonbench.core.icao9303 import FORMATS
from anonbench.core.libraries.opencv import cv2
from anonbench.detection.mrz.zones import STEP, Frame, Line, alike, lengthwise
from anonbench.detection.text.recognizer import straightened

SIDE = 640
"""Longer side of the image in which strips are looked for."""
LEAST_RATIO = 9.0
LEAST_WIDTH = 0.3
"""Of a strip, as a share of the image's longer side."""
LEVEL = 15.0
"""Degrees by which a strip may be slanted: the filter's kernels are level."""
ENDS = 1.5
"""By how much the ends of a block's lines may differ, in heights."""
EVENNESS = 0.2
"""Least share of a line's variation along it that is in one pitch, between 15 and 75 a line."""
PITCHES = sorted({layout.width for layout in FORMATS})
STRIP = 24
"""Height, in pixels, at which a line is looked at."""


def even_blocks(grey: np.ndarray, lines: Sequence[Line]) -> list[list[Line]]:
    """Return the blocks of two or three lines that have the pitch of a zone.

    Args:
        grey: uint8 [H, W].
        lines: that a text detector found; where these give no block, dark strips are tried.

    """
    return _blocks(grey, lines) or _blocks(grey, strips(grey))


def _blocks(grey: np.ndarray, lines: Sequence[Line]) -> list[list[Line]]:
    least = LEAST_WIDTH * max(grey.shape)
    wide = [line for line in lines if line.width >= least]
    found: list[list[Line]] = []
    for line in sorted(wide, key=lambda each: each.width, reverse=True):
        if any(line is other for block in found for other in block):
            continue
        block = _column(line, wide)
        if 2 <= len(block) <= 3 and _even(grey, block):
            found.append(block)
    return found


def _column(line: Line, lines: Sequence[Line]) -> list[Line]:
    """Return all lines that begin and end with one, next to it or to each other; itself first."""
    frame = Frame.of(line)
    first, last = frame.span([line])
    column = [line]
    same = [
        other
        for other in lines
        if other is not line
        and alike(line, other)
        and np.abs(np.subtract(frame.span([other]), (first, last))).max() <= ENDS * line.height
    ]
    for other in sorted(same, key=lambda each: abs(frame.middle(each) - frame.middle(line))):
        steps = [abs(frame.middle(other) - frame.middle(each)) / line.height for each in column]
        if STEP[0] <= min(steps) <= STEP[1]:
            column.append(other)
    return column


def _even(grey: np.ndarray, block: Sequence[Line]) -> bool:
    """Tell whether all lines have as many characters as one and the same format."""
    measured = [pitch(grey, line.corners) for line in block]
    if min(evenness for _, evenness in measured) < EVENNESS:
        return False
    # between the first and the last character's ink there is a little less than all pitches
    return any(all(n - 1.6 <= count <= n + 0.6 for count, _ in measured) for n in PITCHES)


def pitch(grey: np.ndarray, corners: np.ndarray) -> tuple[float, float]:
    """Return the strongest number of characters in a line, and its share of all variation.

    Args:
        grey: uint8 [H, W].
        corners: of the line, float [4, 2].

    """
    line = straightened(grey, corners, STRIP)
    ink = cv2.morphologyEx(line, cv2.MORPH_BLACKHAT, np.ones((STRIP + 1, STRIP + 1), np.uint8))
    columns = ink[4:-4].mean(axis=0, dtype=np.float64)
    inked = np.nonzero(columns > 0.25 * np.percentile(columns, 90))[0]
    if len(inked) < 4 * STRIP:
        return 0.0, 0.0
    columns = columns[inked[0] : inked[-1] + 1]
    columns = (columns - columns.mean()) * np.hanning(len(columns))
    counts = np.arange(15, 75, 0.25)
    waves = np.exp(-2j * np.pi * counts[:, None] * np.arange(len(columns)) / len(columns))
    power = np.abs(waves @ columns) ** 2
    best = int(power.argmax())
    near = np.abs(counts - counts[best]) < 1.6
    return float(counts[best]), float(power[near].sum() / max(power.sum(), 1e-9))


def strips(grey: np.ndarray) -> list[Line]:
    """Return long dark strips, level or upright, that rows of characters make.

    Black hat, gradient along the line and a closing: what is small, dark and close together.

    Args:
        grey: uint8 [H, W].

    """
    scale = min(1.0, SIDE / max(grey.shape))
    size = (max(1, round(scale * grey.shape[1])), max(1, round(scale * grey.shape[0])))
    small = cv2.resize(grey, size, interpolation=cv2.INTER_AREA)
    factor = np.array([grey.shape[1] / size[0], grey.shape[0] / size[1]])
    level = [_rightward(lengthwise(box)) for box in _level_boxes(small)]
    upright = [
        lengthwise(box[:, ::-1])[[0, 3, 2, 1]] for box in _level_boxes(small.T.copy())
    ]  # mirrored by the transposition
    return [
        line
        for line in (Line(corners * factor) for corners in [*level, *upright])
        if line.width >= LEAST_RATIO * line.height
    ]


def _level_boxes(grey: np.ndarray) -> list[np.ndarray]:
    """Return float [4, 2] around each level strip."""
    dark = cv2.morphologyEx(grey, cv2.MORPH_BLACKHAT, np.ones((9, 13), np.uint8))
    edges = cv2.convertScaleAbs(cv2.Sobel(dark, cv2.CV_16S, 1, 0))
    joined = cv2.morphologyEx(edges, cv2.MORPH_CLOSE, np.ones((3, 21), np.uint8))
    _, mask = cv2.threshold(joined, 0, 255, cv2.THRESH_BINARY + cv2.THRESH_OTSU)
    mask = cv2.morphologyEx(mask, cv2.MORPH_OPEN, np.ones((3, 25), np.uint8))
    contours, _ = cv2.findContours(mask, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
    boxes = []
    for contour in contours:
        box = cv2.boxPoints(cv2.minAreaRect(contour)).astype(np.float64)
        turn = Line(lengthwise(box)).angle % 180
        if min(turn, 180 - turn) <= LEVEL:
            boxes.append(box)
    return boxes


def _rightward(corners: np.ndarray) -> np.ndarray:
    return corners if abs(Line(corners).angle) < 90 else np.roll(corners, -2, axis=0)
