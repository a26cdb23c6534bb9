"""Doubts about one image: searched outside of the measured range, or with weak regions.

The bounds are those of the measurements in docs/explanation/policy.md. Within them, the rate of
missed regions is known; beyond them it is not, so that a person should look.
"""

from collections.abc import Collection, Sequence
from math import ceil

import numpy as np

from anonbench.core.boxes import Region
from anonbench.core.libraries.opencv import cv2
from anonbench.core.vocabulary import Entity
from anonbench.detection.base import (
    MOST_PIXELS,
    as_grey,
    bounded,
    brightest,
    corners_of,
    shows_screen,
)
from anonbench.detection.kinds.ink import shows_letters
from anonbench.detection.kinds.ridges import shows_print

SEARCHED_ONCE = 2000  # longest side in pixels up to which one search at full size is enough
LEAST_FACE = 24  # least shorter side of a face in pixels
LINES = 8, 400  # least and greatest height of lines of text, in pixels
_LOW_LINES = 0.1  # least share of the lines below the range: single specks are also taken for text
LEAST_RANGE = 128  # least range in grey levels from the darkest to the brightest pixel
LEAST_LIGHT = 32  # brightest value below which an image is not searched: nobody sees what it shows
WEAK = 0.5  # greatest score of a region of low confidence
LARGE = "more than 100 megapixels"
ONCE = "a side of more than 2000 pixels, and searched at full size only"
SMALL_FACES = "faces of less than 24 pixels"
LOW_LINES = "lines of text of less than 8 pixels"
HIGH_LINES = "lines of text of more than 400 pixels"
FEW_LEVELS = "fewer than 128 grey levels between the darkest and the brightest pixel"
BLURRED = "no sharp edge, or none in three lines of text"
SCREEN = "a fine regular grid, as of a photographed screen, or dither"
COLOUR_ONLY = "edges in colour only where nothing was found"
WEAK_ONLY = "found at low confidence only"
LETTERS = "unhidden marks of the size of letters, on a page of text"
RIDGES = "curved lines side by side, as of a fingerprint"
TEXT_ONLY = "text and no face, in what does not look like a document"

_BLUR, _SIDE = 1.9, 2000
"""Least multiple of the steepest slopes to those of the image smoothed by 3 pixels, a longer side
being reduced. Of 180 scans and photographs none had less than 2.1; photographs of cards had 1.6 to
2.2 if blurred by 2 pixels, 1.5 or less if by 3.5.
"""
_STEEPEST, _STEEPEST_OF_LINE = 99.95, 98  # percentage of slopes below the steepest
_BLURRED_LINES, _MARGIN = 3, 4
"""Lines with less from which part of an image is out of focus; pixels examined around them.
Of 498 scans and photographs one has as many.
"""
_EDGE, _FAINT = 32, 4
"""Least contrast of an edge in a colour, and its least multiple of the edge's contrast in grey."""
_BLOCK, _FILLED = 33, 0.3
"""Side of a square of pixels, and the least share of such edges in it for it to show something. Of
120 photographs of CelebA none reached 0.22; lines of text in two colours of one grey have 0.4.
"""
_PAPER, _TONES, _SEEN = 0.6, 25, 256
"""Least share of the pixels within so many grey levels for an image to be paper; longest side that
is examined. All of 20 receipts and 95 % of 120 pages have more, 94 % of 120 photographs less.
"""
_TEXT_SHARE = 0.15  # share of an image under lines of text from which it counts as a document


def _is_text_only(regions: Collection[Region], kinds: Collection[str]) -> bool:
    """Whether an image that was also searched for faces shows only text."""
    found = {region.entity for region in regions}
    only = {Entity.TEXT, Entity.INK}
    return Entity.FACE in kinds and Entity.TEXT in found and found <= only


def doubts_of(
    image: np.ndarray, regions: Sequence[Region], kinds: Collection[str], speed: str = "thorough"
) -> list[str]:
    """List the doubts about an image (uint8 [H, W] or [H, W, 3]) searched for kinds at a speed."""
    # a file's own text has the score 1: it was not searched for
    found = [region for region in regions if region.entity is not Entity.TEXT or region.score < 1]
    lines = [region for region in found if region.entity is Entity.TEXT]
    heights = [_shorter_side(line) for line in lines]
    faces = [_shorter_side(region) for region in regions if region.entity is Entity.FACE]
    low, high = grey_range(image)
    checks = {
        LARGE: image.shape[0] * image.shape[1] > MOST_PIXELS,
        ONCE: speed == "single" and max(image.shape) > SEARCHED_ONCE,
        FEW_LEVELS: 0 < high - low < LEAST_RANGE,
        BLURRED: high - low >= LEAST_RANGE and _is_blurred(image, lines),
        SCREEN: shows_screen(image),
        COLOUR_ONLY: _has_edges_in_colour_only(image, regions),
        SMALL_FACES: min(faces, default=LEAST_FACE) < LEAST_FACE,
        LOW_LINES: sum(height < LINES[0] for height in heights) > _LOW_LINES * len(heights),
        HIGH_LINES: max(heights, default=0) > LINES[1],
        WEAK_ONLY: bool(found) and max(region.score for region in found) <= WEAK,
        LETTERS: Entity.INK not in kinds and shows_letters(image, regions),
        RIDGES: shows_print(image, regions),
        TEXT_ONLY: _is_text_only(regions, kinds) and not _is_document(image, regions),
    }
    return [text for text, holds in checks.items() if holds]


def grey_range(image: np.ndarray) -> list[int]:
    """Darkest and brightest value of any channel."""
    return [int(image.min()), int(image.max())]


def seen_clearly(image: np.ndarray) -> np.ndarray:
    """Spread the grey levels of an image that a person looks at, if they are few."""
    low, high = grey_range(image)
    few = 0 < high - low < LEAST_RANGE
    return cv2.normalize(image, None, 0, 255, cv2.NORM_MINMAX) if few else image  # type: ignore[call-overload]


def _shorter_side(region: Region) -> float:
    x, y = corners_of(region).T
    return float(np.hypot(np.diff(x, append=x[0]), np.diff(y, append=y[0])).min())


def _is_blurred(image: np.ndarray, text: Sequence[Region]) -> bool:
    """Whether an image, or several of the lines of text in it, have no sharp edge."""
    small, scale = bounded(as_grey(image), _SIDE), min(1.0, _SIDE / max(image.shape[:2]))
    if not _has_sharp_edge(small, _STEEPEST):
        return True
    lines = 0
    for line in text:
        rows, columns = (
            slice(max(0, int(scale * low) - _MARGIN), int(scale * high) + _MARGIN)
            for low, high in ((line.y0, line.y1), (line.x0, line.x1))
        )
        lines += not _has_sharp_edge(small[rows, columns], _STEEPEST_OF_LINE)
    return lines >= _BLURRED_LINES


def _has_sharp_edge(grey: np.ndarray, percentage: float) -> bool:
    """Whether the steepest edges are much steeper than if the image were smoothed."""
    steepest = []
    for sigma in (0.7, 3.0):
        smooth = cv2.GaussianBlur(grey.astype(np.float32), (0, 0), sigma)
        slopes = (cv2.Sobel(smooth, cv2.CV_32F, *way) for way in ((1, 0), (0, 1)))
        steepest.append(float(np.percentile(cv2.magnitude(*slopes), percentage)))
    return steepest[0] >= _BLUR * steepest[1]


def _has_edges_in_colour_only(image: np.ndarray, regions: Sequence[Region]) -> bool:
    """Whether something outside of the regions is visible in its hue but not in its grey level."""
    if image.ndim == 2:
        return False
    kernel = np.ones((3, 3), np.uint8)
    colour = brightest(cv2.morphologyEx(image, cv2.MORPH_GRADIENT, kernel))
    grey = cv2.morphologyEx(as_grey(image), cv2.MORPH_GRADIENT, kernel)
    only = ((colour > _EDGE) & (grey < colour // _FAINT)).astype(np.uint8)
    for r in regions:
        only[max(0, int(r.y0)) : ceil(r.y1), max(0, int(r.x0)) : ceil(r.x1)] = 0
    shares = cv2.boxFilter(only, cv2.CV_32F, (_BLOCK, _BLOCK), borderType=cv2.BORDER_CONSTANT)
    return bool(shares.max() > _FILLED)


def _is_document(image: np.ndarray, regions: Sequence[Region]) -> bool:
    """Whether most of an image is paper of one tone, or much of it is text."""
    height, width = image.shape[:2]
    area = sum((region.x1 - region.x0) * (region.y1 - region.y0) for region in regions)
    if area >= _TEXT_SHARE * height * width:
        return True
    tones = np.bincount(bounded(as_grey(image), _SEEN).ravel(), minlength=256)
    return bool(np.convolve(tones, np.ones(_TONES)).max() >= _PAPER * tones.sum())
