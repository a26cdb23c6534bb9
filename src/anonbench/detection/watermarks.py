"""Large pale text behind print: watermarks and stamps of which a model sees only the print."""

from collections.abc import Iterator
from math import ceil

import numpy as np

from anonbench.core.boxes import Region
from anonbench.core.libraries.opencv import cv2
from anonbench.detection.base import as_grey, bounded, corners_of
from anonbench.detection.views import Views, moved

RotatedRect = tuple[tuple[float, float], tuple[float, float], float]  # centre, size, degrees

_SIDE = 1000  # longest side at which they are searched, in pixels
_PRINT = 40  # contrast from which a pixel is print, in grey levels
_LEVELS = (4, 8, 16)  # least contrast of a watermark; the greater ones leave out coding noise
_AROUND, _BESIDE, _UNDER = 49, 5, 7
"""Sides of squares: of the paper around a pixel, of the fringe of print, and of what is beside it,
with which its place is filled."""
_TALL, _GAPS = 18, (23, 61)  # least size of a letter; distance up to which letters are of one word
_RATIO = 2.0  # least ratio of a word's length to its height
_SPREAD = 0.4
"""Greatest range of four fifths of a word's contrasts, as a share of their median: a watermark has
one. Most shades in photographs have more."""
_MOST, _ROWS = 6, 3  # words that are searched; height of their row, in those of the word
_LIKE, _OWN = 0.25, 0.1
"""Greatest difference of a letter's contrast from its word's, as a share of this; least share of a
line that is letters."""


def watermarks(image: np.ndarray, views: Views) -> Iterator[Region]:
    """Yield lines of large pale letters of one contrast at any slant, found without the print.

    Letters are at least as tall as 1.8 % of the image's longer side, and of 4 to 40 grey levels.

    Args:
        image: uint8 [H, W] or [H, W, 3].
        views: searches text.
    """
    small = bounded(as_grey(image), _SIDE)
    scale = np.divide(image.shape[1::-1], small.shape[1::-1])[:, None]
    for grey in (small, 255 - small):
        pale = _without_print(grey)
        words = [word for level in _LEVELS for word in _words(pale, level)]
        known: list[np.ndarray] = []
        for place, contrast in sorted(words, key=lambda word: -max(word[0][1]))[:_MOST]:
            if any(cv2.pointPolygonTest(each, place[0], False) >= 0 for each in known):
                continue
            row, back = _row(pale / contrast, place)
            letters = (abs(row - 1) <= _LIKE).astype(np.uint8)
            seen = 255 - np.minimum(255 * row, 255).astype(np.uint8)
            for line in views.turned(seen, 0.0):
                corners = corners_of(line).round().astype(np.int32)
                low, high = sorted(cv2.minAreaRect(corners.astype(np.float32))[1])
                own = np.zeros(seen.shape, np.uint8)
                cv2.fillConvexPoly(own, corners, (1,))
                is_long = low >= _TALL and high >= _RATIO * low
                if is_long and (own & letters).sum() >= _OWN * own.sum():
                    found = moved(line, back)
                    known.append(corners_of(found).astype(np.float32))
                    yield moved(found, np.eye(2, 3) * scale)


def _row(pale: np.ndarray, place: RotatedRect) -> tuple[np.ndarray, np.ndarray]:
    """The row of a word, turned level, to the edges of the image, and the matrix back."""
    center, (_, high), slant = place
    size = round(np.hypot(*pale.shape)), ceil(_ROWS * high)
    turn = cv2.getRotationMatrix2D(center, slant, 1)
    turn[:, 2] = turn[:, 2] + np.subtract(np.divide(size, 2), center)
    return cv2.warpAffine(pale, turn, size), cv2.invertAffineTransform(turn)


def _without_print(grey: np.ndarray) -> np.ndarray:
    """Contrast to the paper around each pixel, float32 [H, W]; that of print is what is beside."""
    square = np.ones((_AROUND, _AROUND), np.uint8)
    contrast = cv2.subtract(cv2.blur(cv2.dilate(grey, square), (_AROUND, _AROUND)), grey)
    fringe = np.ones((_BESIDE, _BESIDE), np.uint8)
    paper = 1 - cv2.dilate((contrast > _PRINT).astype(np.uint8), fringe)
    known = cv2.blur(paper.astype(np.float32), (_UNDER, _UNDER))
    beside = cv2.blur((contrast * paper).astype(np.float32), (_UNDER, _UNDER))
    return np.where(paper, contrast, beside / np.maximum(known, 1e-3)).astype(np.float32)


def _words(pale: np.ndarray, level: float) -> Iterator[tuple[RotatedRect, float]]:
    """Yield places and contrasts of words."""
    marks = cv2.morphologyEx((pale >= level).astype(np.uint8), cv2.MORPH_OPEN, np.ones((3, 3)))
    _, labels, stats, _ = cv2.connectedComponentsWithStats(marks)
    is_tall = stats[:, cv2.CC_STAT_WIDTH : cv2.CC_STAT_HEIGHT + 1].max(axis=1) >= _TALL
    is_tall[0] = False
    tall = is_tall[labels].astype(np.uint8)
    cores = cv2.erode(tall, np.ones((3, 3), np.uint8))
    for gap in _GAPS if cores.any() else ():
        joined = cv2.morphologyEx(tall, cv2.MORPH_CLOSE, np.ones((gap, gap), np.uint8))
        _, labels, stats, _ = cv2.connectedComponentsWithStats(joined)
        for number, (x, y, width, height, _) in enumerate(stats[1:].tolist(), 1):
            at = np.s_[y : y + height, x : x + width]
            own = tall[at] & (labels[at] == number)
            contrasts = pale[at][(own & cores[at]) > 0]
            if max(width, height) < _RATIO * _TALL or not contrasts.size:
                continue
            least, median, most = np.percentile(contrasts, (10, 50, 90)).tolist()
            if most - least > _SPREAD * median:
                continue
            points = cv2.findNonZero(own) + np.array([x, y], np.int32)
            (x, y), (wide, high), slant = cv2.minAreaRect(points)
            if wide < high:
                wide, high, slant = high, wide, slant + 90
            if high >= _TALL and wide >= _RATIO * high:
                yield ((x, y), (wide, high), slant), median
