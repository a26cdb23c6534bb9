"""Full height of a linear barcode, of which a reader reports only a few rows."""

from __future__ import annotations

import numpy as np

from anonbench.core.libraries.opencv import cv2

ALIKE = 0.6
"""Correlation from which a row shows the same bars as the last row of the code."""
CONTRAST = 0.3
"""Least contrast of a row, as a share of the first row's."""
GAP = 0.03
"""Rows without bars that are stepped over (a scratch, a fold), as a share of the code's width."""
REACH = 1.5
"""How far to look, as a multiple of the width: linear codes are wider than high."""
DRIFT = (-2, -1, 0, 1, 2)
"""Pixels by which bars may move sideways from one row to the next (slant)."""
SHORTEST = 16
"""Narrower than this there is no profile to compare."""
COHERENCE = 0.7
"""Least coherence of the gradients (0: in all directions, 1: in one) from which they are bars."""
EDGE = 8
"""Pixels around a row that are looked at, too."""


def across_bars(grey: np.ndarray, corners: np.ndarray) -> np.ndarray:
    """Return a linear barcode's corners as one row at right angles to its bars.

    A reader may cross the code aslant; the two ends that it reports are then on the first and the
    last bar, but not side by side. The bars' direction is that of the structure tensor.

    Args:
        grey: uint8 [H, W].
        corners: float [4, 2], see `grown_along_bars`.

    """
    row = (corners[:2] + corners[[3, 2]]) / 2
    if np.hypot(*(row[1] - row[0])) < SHORTEST:
        return corners
    for _ in range(2):  # once more from the row that crosses them better
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
    smooth = cv2.GaussianBlur(part, (0, 0), 1.5)  # edges on the raster have the raster's directions
    gx, gy = (cv2.Scharr(smooth, cv2.CV_32F, *order)[along > 0] for order in ((1, 0), (0, 1)))
    xx, yy, xy = (float((a * b).sum()) for a, b in ((gx, gx), (gy, gy), (gx, gy)))
    if np.hypot(xx - yy, 2 * xy) < COHERENCE * (xx + yy) or xx + yy == 0:
        return None
    angle = np.arctan2(2 * xy, xx - yy) / 2
    return np.array([np.cos(angle), np.sin(angle)])


def grown_along_bars(grey: np.ndarray, corners: np.ndarray) -> np.ndarray:
    """Return a linear barcode's corners, its first and last row moved to where the bars end.

    Rows are sampled one by one, away from the code; a row belongs to it while it correlates with
    the last one that did.

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
    """Return a row's ends (float [2, 2]) moved by whole steps for as long as the bars go on."""
    length = float(np.hypot(*(row[1] - row[0])))
    unit = (row[1] - row[0]) / length
    count, reach = int(length), int(REACH * length)
    pad = count // 4
    strip = _sampled(grey, row[0] - pad * unit, unit, step, count + 2 * pad, reach)
    gap = max(2, round(GAP * length))
    last, shift = 0, 0
    bars = strip[0, pad : pad + count]
    least = CONTRAST * bars.std()
    for index in range(1, len(strip)):
        if index - last > gap:
            break
        shifts = [shift + drift for drift in DRIFT if abs(shift + drift) <= pad]
        rows = np.stack([strip[index, pad + s : pad + s + count] for s in shifts])
        similarity = _correlations(bars, rows)
        best = int(similarity.argmax())
        if similarity[best] >= ALIKE and rows[best].std() >= least:
            last, shift, bars = index, shifts[best], rows[best]
    moved: np.ndarray = row + last * step + shift * unit
    return moved


def _sampled(
    grey: np.ndarray,
    start: np.ndarray,
    unit: np.ndarray,
    step: np.ndarray,
    columns: int,
    rows: int,
) -> np.ndarray:
    """Return float32 [≤ rows, columns]: grey levels along `unit`, row by row along `step`.

    It ends with the last row whose middle is in the image.
    """
    middles = start + unit * columns / 2 + step * np.arange(rows)[:, None]
    height, width = grey.shape
    inside = ((middles >= 0) & (middles <= (width - 1, height - 1))).all(axis=1)
    inside[0] = True
    rows = rows if inside.all() else int(inside.argmin())
    at = start + np.arange(columns)[None, :, None] * unit + np.arange(rows)[:, None, None] * step
    x, y = (np.ascontiguousarray(at[..., axis], dtype=np.float32) for axis in (0, 1))
    samples = cv2.remap(grey, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return samples.astype(np.float32)


def _correlations(bars: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """Return the correlation of `bars` ([N]) with each of `rows` ([S, N]); 0 where one is flat."""
    a = bars - bars.mean()
    b = rows - rows.mean(axis=1, keepdims=True)
    scale = np.sqrt((a * a).sum() * (b * b).sum(axis=1))
    result: np.ndarray = np.divide(b @ a, scale, out=np.zeros(len(rows)), where=scale > 0)
    return result
