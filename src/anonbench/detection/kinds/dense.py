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
_CONTRAST = 16  # least difference in grey levels between black and white modules
_HALF = 0.2  # greatest difference to one half of the share of white in such a square
_TWO_LEVELS = 0.25  # least variance, as a share of that of black and white alone
_FILLED, _SQUARES = 0.8, 80
"""Least share of its rectangle that a dense place fills, and least number of squares in it, with
sides of an average run of black or white."""
_MIXED, _PLAIN = 0.7, 30
"""Least deviation within rows and within columns, as a share of the pixels', and the percentage of
rows that may have less: those between lines of text have less, and columns across linear bars."""
_FINE, _RUN = 0.7, 4.5
"""Greatest second difference of half of the pixels, as a share of the pixels' deviation, and least
length of an average run, in pixels, where it is greater: that of noise and halftones is less."""
_UNEVEN = 0.22, 0.4
"""Greatest deviations, as shares of the mean, between sixteen parts of a place, of the number of
edges and of the variance: those of faces, text and hair are greater."""
_EDGE = 4  # pixels by which a code goes on beyond the squares that lie in it


class DenseDetector(PerImage):
    """Places of grey images that look like a code of two dimensions."""

    def _search(self, grey: np.ndarray) -> Iterator[Region]:
        for outline in cv2.findContours(_dense(grey), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)[0]:
            middle, sides, angle = cv2.minAreaRect(outline)
            filled = cv2.contourArea(outline) / max(sides[0] * sides[1], 1)
            if min(sides) < _WINDOW or filled < _FILLED:
                continue
            if _has_modules(grey, cv2.boxPoints((middle, sides, angle))):
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


def _has_modules(grey: np.ndarray, quad: np.ndarray) -> bool:
    """Whether a rectangle, float32 [4, 2], has no bars, lines of text, dots or hair inside."""
    width, height = np.hypot(*(quad[[1, 3]] - quad[0]).T).round().astype(int).tolist()
    way = cv2.getAffineTransform(quad[:3], rectangle(0, 0, width, height)[:3].astype(np.float32))
    cut = cv2.warpAffine(grey, way, (width, height)).astype(np.float32)
    cut -= cv2.blur(cut, (2 * _WINDOW + 1, 2 * _WINDOW + 1))
    x, y = width // 8, height // 8  # the edge of a label has more contrast than its code
    inner = cut[y : height - y, x : width - x].copy()
    deviation, is_white = float(inner.std()), inner > 0
    beside, below = is_white[1:, :-1], is_white[:-1, 1:]
    edges = (is_white[1:, 1:] != beside) + (is_white[1:, 1:] != below).astype(np.float32)
    run = 2 / max(float(edges.mean()), 1e-6)
    mixed = min(np.percentile(inner.std(axis=axis), _PLAIN) for axis in (0, 1))
    second = np.abs(cv2.Laplacian(inner, cv2.CV_32F)[1:-1, 1:-1])
    parts = (cv2.resize(p, (4, 4), interpolation=cv2.INTER_AREA) for p in (edges, inner * inner))
    return bool(
        cut.size >= _SQUARES * run**2
        and mixed > _MIXED * deviation
        and (run >= _RUN or np.median(second) < _FINE * deviation)
        and all(p.std() < most * p.mean() for p, most in zip(parts, _UNEVEN, strict=True))
    )
