"""Completion of machine-readable zones: whole lines and fillers that text detectors miss."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from anonbench.core.icao9303 import begins_with_dates, has_dates, is_licence
from anonbench.core.libraries.opencv import cv2
from anonbench.detection.mrz.zones import STEP, Frame, Line
from anonbench.detection.text.recognizer import straightened

HEIGHT = 16
"""At which lines are looked at, in pixels."""
LEAST_INK = 0.4
"""Of a missed line, as a share of the line next to it: fillers have half of digits' ink."""
REACH = 2.5
"""How far a line may go on, as a multiple of what was found."""
LONGEST = 50.0
"""Of a line, in heights: 44 characters are up to 39 heights of a box."""


def completed(grey: np.ndarray, block: Sequence[Line]) -> list[Line]:
    """Return a zone's lines with those that were missed, each as long as its ink goes on.

    Args:
        grey: uint8 [H, W].
        block: from its first line down.

    """
    if is_licence(block[0].text):
        return [_lengthened(grey, block[0])]
    lines = list(block)
    for above, below in ((True, False), (False, True)):
        lines += _missing(grey, lines, block[0] if above else block[-1], above, below)
    return [_lengthened(grey, line) for line in lines]


def _missing(
    grey: np.ndarray, lines: Sequence[Line], outer: Line, above: bool, below: bool
) -> list[Line]:
    """Return the line beyond the block's outermost one where the format has one and ink is there.

    The line with the dates is the second of two or, where it begins with them, of three.
    """
    if len(lines) >= 3:
        return []
    dated, three = has_dates(outer.text), begins_with_dates(outer.text)
    single_name = len(lines) == 1 and not dated
    wanted = (above and dated) or (below and (three or single_name))
    return _inked(grey, outer, -1 if above else 1) if wanted else []


def _inked(grey: np.ndarray, line: Line, side: int) -> list[Line]:
    """Return the place above (-1) or below (1) a line where another one like it is, if any."""
    frame = Frame.of(line)
    shifts = [side * step * line.height for step in np.arange(*STEP, 0.2)]
    places = [line.corners + shift * frame.across for shift in shifts]
    inks = [_columns(grey, place).mean() for place in places]
    best = int(np.argmax(inks))
    if inks[best] < LEAST_INK * _columns(grey, line.corners).mean():
        return []
    return [replace(line, corners=places[best], score=0.0, text="")]


def _lengthened(grey: np.ndarray, line: Line) -> Line:
    """Return a line moved on to where its ink ends: text detectors stop within fillers."""
    frame = Frame.of(line)
    start, end = frame.span([line])
    room = max(0.0, LONGEST * line.height - (end - start))
    reach = min(room, REACH * (end - start))
    longer = frame.corners((start, end + reach), frame.depth([line]))
    columns = _columns(grey, longer)
    window = HEIGHT + HEIGHT // 2
    level = cv2.blur(columns[None], (window, 1))[0]
    inside = max(1, round(len(columns) * (end - start) / (end - start + reach)))
    least = LEAST_INK * float(np.median(level[:inside]))
    beyond = np.nonzero(level[inside:] < least)[0]
    more = (int(beyond[0]) if len(beyond) else len(columns) - inside) / HEIGHT * line.height
    if not len(beyond) or more <= line.height / 2:  # no end in sight: it is the picture's ground
        return line
    return replace(line, corners=frame.corners((start, end + more), frame.depth([line])))


def _columns(grey: np.ndarray, corners: np.ndarray) -> np.ndarray:
    """Return how much the grey level changes along a line, column by column, float32 [W]."""
    strip = straightened(grey, corners, HEIGHT).astype(np.float32)
    middle = strip[3:-3]
    result: np.ndarray = np.abs(np.diff(middle, axis=1, append=middle[:, -1:])).mean(axis=0)
    return result
