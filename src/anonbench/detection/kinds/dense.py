"""Codes of two dimensions that cannot be read, by their texture.

Wherever one looks at them, some modules are black and some are white, up to the edges of a
rectangle, and so they are along nearly each row and each column.
"""

from collections.abc import Iterator

import numpy as np

from anonbench.core.boxes import Region, rectangle
from anonbench.core.libraries.opencv import cv2
from anonbench.core.vocabulary import Entity
from anonbench.detection.base import PerImage, clipped
from anonbench.detection.views import Reach

SCALES = Reach(whole=2400, tile=2400, overlap=800, least=200, halved=2400)
UNDECODED = 0.5  # score of a code whose check digits fail, and of one that was seen, but not read
_WINDOW, _GAP, _DISC = 15, 7, 17  # sides of squares with modules, gaps and smallest place; pixels
_CONTRAST = 60  # least difference in grey levels between black and white modules
_HALF = 0.2  # greatest difference to one half of the share of white in such a square
_TWO_LEVELS = 0.25  # least variance, as a share of that of black and white alone
_RUN = 4.5  # least length in pixels of an average run of black or white: halftones have less
_FILLED, _RUNS = (0.78, 0.85), (120, 250)
"""Least share of its rectangle that a dense place fills, with text at its edge and without, and
least number of squares of such a run in it, without and with such text."""
_MIXED, _PLAIN = 0.65, 30
"""Least deviation within rows and within columns, as a share of the pixels', and the percentage of
rows that may have less: those between lines of text have less, and columns across linear bars."""
_EDGE = 4  # pixels by which a code goes on beyond the squares that lie in it


class DenseDetector(PerImage):
    """Places of grey images that look like a code of two dimensions."""

    def _search(self, grey: np.ndarray) -> Iterator[Region]:
        for outline in cv2.findContours(_dense(grey), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)[0]:
            middle, sides, angle = cv2.minAreaRect(outline)
            filled = cv2.contourArea(outline) / max(sides[0] * sides[1], 1)
            if min(sides) < _WINDOW or filled < _FILLED[0]:
                continue
            if _runs(grey, cv2.boxPoints((middle, sides, angle))) >= _RUNS[filled < _FILLED[1]]:
                width, height = (side + 2 * _EDGE for side in sides)
                corners = cv2.boxPoints((middle, (width, height), angle)).astype(float) + 0.5
                yield from clipped(Entity.BARCODE, [corners], [UNDECODED], grey)


def _dense(grey: np.ndarray) -> np.ndarray:
    """Places where about one half of each square is black and one half is white, uint8 [H, W]."""
    square = np.ones((_WINDOW, _WINDOW), np.uint8)
    level = grey.astype(np.float32)
    ends = (cv2.morphologyEx(grey, how, square) for how in (cv2.MORPH_OPEN, cv2.MORPH_CLOSE))
    black, white, mean, power = (
        cv2.blur(each.astype(np.float32), square.shape) for each in (*ends, level, level * level)
    )
    span = white - black
    is_dense = (span >= _CONTRAST) & (np.abs(mean - (white + black) / 2) < _HALF * span)
    is_dense &= power - mean * mean > _TWO_LEVELS * (span / 2) ** 2
    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (_DISC, _DISC))
    gap = np.ones((_GAP, _GAP), np.uint8)
    closed = cv2.morphologyEx(is_dense.astype(np.uint8), cv2.MORPH_CLOSE, gap)
    return np.asarray(cv2.morphologyEx(closed, cv2.MORPH_OPEN, disc))


def _runs(grey: np.ndarray, quad: np.ndarray) -> float:
    """Squares of a run in a rectangle, float32 [4, 2]; 0 if it has bars, lines of text or dots."""
    size = np.hypot(*(quad[[1, 3]] - quad[0]).T).round().astype(int).tolist()
    way = cv2.getAffineTransform(quad[:3], rectangle(0, 0, *size)[:3].astype(np.float32))
    cut = cv2.warpAffine(grey, way, size).astype(np.float32)
    cut -= cv2.blur(cut, (2 * _WINDOW + 1, 2 * _WINDOW + 1))
    mixed = min(np.percentile(cut.std(axis=axis), _PLAIN) for axis in (0, 1))
    run = 2 * cut.size / max(sum(np.count_nonzero(np.diff(cut > 0, axis=a)) for a in (0, 1)), 1)
    return cut.size / run**2 if run >= _RUN and mixed > _MIXED * cut.std() else 0.0
