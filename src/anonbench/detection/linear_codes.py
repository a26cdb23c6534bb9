"""Full height of a linear barcode, of which a reader reports only a few rows."""

from __future__ import annotations

from math import ceil

import numpy as np

from anonbench.core.libraries.opencv import cv2

ALIKE = 0.6
"""Correlation from which a row shows the same bars as the last row of the code."""
CONTRAST = 0.3
"""Least contrast of a row, as a share of the first row's."""
GAP = 0.03
"""Height of skipped gaps without bars (a scratch, a fold), as a share of the code's width."""
REACH, PARTS = 0.1, 15
"""Height that is compared with one row, as a multiple of the width, and number of rows: linear
codes are wider than high, and if they are bent or seen aslant, bars change from row to row.
"""
MOST_COLUMNS = 400
"""Samples of a row."""
SHORTEST = 16
"""Length below which a row has no profile to compare."""
COHERENCE = 0.7
"""Least coherence of the gradients (0: in all directions, 1: in one) from which they are bars."""
EDGE = 8
"""Width in pixels of the margin around a row that is also examined."""


def across_bars(grey: np.ndarray, corners: np.ndarray) -> np.ndarray:
    """Corners of a linear barcode as one row at right angles to its bars.

    A reader may cross the code aslant; the two ends that it reports are then on the first and the
    last bar, but not side by side. The bars' direction is that of the structure tensor.

    Args:
        grey: uint8 [H, W].
        corners: float [4, 2], see `grown_along_bars`.

    """
    row = (corners[:2] + corners[[3, 2]]) / 2
    if np.hypot(*(row[1] - row[0])) < SHORTEST:
        return corners
    for _ in range(2):  # repeated from the row that crosses the bars better
        unit = _direction(grey, row)
        if unit is None:
            return corners
        half = unit * (unit @ (row[1] - row[0])) / 2
        row = row.mean(axis=0) + np.array([-half, half])
    result: np.ndarray = row[[0, 1, 1, 0]]
    return result


def _direction(grey: np.ndarray, row: np.ndarray) -> np.ndarray | None:
    """Return the unit vector at right angles to the bars along `row` ([2, 2]), if there are any."""
    corner = np.maximum(np.floor(row.min(axis=0)).astype(int) - EDGE, 0)
    x1, y1 = np.ceil(row.max(axis=0)).astype(int) + EDGE
    part = grey[corner[1] : y1, corner[0] : x1]
    if min(part.shape) < EDGE:
        return None
    along: np.ndarray = np.zeros(part.shape, np.uint8)
    start, end = (row - corner).round().astype(int).tolist()
    cv2.line(along, start, end, (1,), max(3, round(np.hypot(*(row[1] - row[0])) / 20)))
    smooth = cv2.GaussianBlur(part, (0, 0), 1.5)  # unsmoothed edges follow the pixel grid
    gx, gy = (cv2.Scharr(smooth, cv2.CV_32F, *order)[along > 0] for order in ((1, 0), (0, 1)))
    xx, yy, xy = (float((a * b).sum()) for a, b in ((gx, gx), (gy, gy), (gx, gy)))
    if np.hypot(xx - yy, 2 * xy) < COHERENCE * (xx + yy) or xx + yy == 0:
        return None
    angle = np.arctan2(2 * xy, xx - yy) / 2
    return np.array([np.cos(angle), np.sin(angle)])


def grown_along_bars(grey: np.ndarray, corners: np.ndarray) -> np.ndarray:
    """Corners of a linear barcode, its first and last row moved to where the bars end.

    A row belongs to the code if it correlates with one that does, at the same place or nearly so.

    Args:
        grey: uint8 [H, W].
        corners: float [4, 2], x and y of top left, top right, bottom right, bottom left: the ends
            of the first and the last row in which the code was read. They may be the same row.

    """
    first, last = corners[:2], corners[[3, 2]]
    across = first[1] - first[0]
    width = float(np.hypot(*across))
    if width < SHORTEST:
        return corners
    down = np.array([-across[1], across[0]]) / width
    if down @ (last - first).sum(axis=0) < 0:
        down = -down
    first, last = _moved(grey, first, -down), _moved(grey, last, down)
    return np.stack([first[0], first[1], last[1], last[0]])


def _moved(grey: np.ndarray, row: np.ndarray, step: np.ndarray) -> np.ndarray:
    """A row's ends (float [2, 2]), moved step by step as long as the bars continue."""
    unit = (row[1] - row[0]) / np.hypot(*(row[1] - row[0]))
    length = float(np.hypot(*(row[1] - row[0])))
    pixel = max(1.0, length / MOST_COLUMNS)
    count, rows = int(length / pixel), ceil(REACH * length / pixel)
    pad, gap = count // 16, max(2, round(GAP * count))
    least = 0.0
    for _ in range(PARTS):
        start = row[0] - pad * pixel * unit
        to_image = np.column_stack([pixel * unit, pixel * step, start])
        size, how = (count + 2 * pad, rows), cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
        strip = np.asarray(cv2.warpAffine(grey, to_image, size, flags=how), np.float32)
        bars = np.ascontiguousarray(strip[:1, pad : pad + count])
        contrasts = strip.std(axis=1)
        least = least or CONTRAST * float(bars.std())
        likeness = cv2.matchTemplate(strip, bars, cv2.TM_CCOEFF_NORMED)
        alike = np.flatnonzero((likeness.max(axis=1) >= ALIKE) & (contrasts >= least))
        ends = alike[np.diff(alike, append=len(strip) + gap + 1) > gap]
        last = int(ends[0]) if ends.size else 0
        if not last:
            break
        row = row + pixel * (last * step + (int(likeness[last].argmax()) - pad) * unit)
    beyond = pixel if pixel > 1 else 0.0  # bars may end anywhere before the next sampled row
    return row + beyond * step
