"""Lines of text that a detector misses at first: slanted, small or faint ones, logos.

Large lines are found at any slant, but of small ones at 30 to 60 degrees only half. The slant of
those that are found tells how to turn the image.
"""

from collections.abc import Callable, Iterator, Sequence
from itertools import islice, product, repeat
from math import ceil

import numpy as np

from anonbench.core.boxes import Region, grown, region_fault
from anonbench.core.libraries.opencv import cv2
from anonbench.core.registries.detectors import DETECTORS, Detector
from anonbench.core.vocabulary import Entity
from anonbench.detection.base import (
    PerImage,
    as_grey,
    clipped,
    corners_of,
    shows_screen,
    united,
    without_grid,
)
from anonbench.detection.planes import spread_planes
from anonbench.detection.views import Views, moved, turned
from anonbench.detection.watermarks import watermarks

LEVEL = 5.0
"""Degrees from the axes up to which lines are level. At 6, a sixth of small lines is missed."""
_NEAR = 10.0  # degrees up to which a line has a slant that was searched
_LONG = 2.0  # least ratio of a line's length to its height for its slant to be known
_SHARE, _LINES = 0.2, 4
"""Least share of the length of all lines, or number of lines, that makes a slant. On 35 slanted
documents it was 0.55 or more; on level ones, and 60 pages, up to 0.13 or 3 lines seem slanted."""
_INSIDE = 0.95  # share of a region in others from which it is dropped, as they hide it
_MOST = 3  # greatest number of slants that are searched
# Of a second model:
_HIGHEST, _CERTAIN = 0.25, 0.7
"""Share of the shorter side above which a region may be a face taken for text, and score from which
it is twice as large. In photographs of CelebA, 22 such regions were lettering, one of them a logo.
"""
_SMALL = 480  # longest side of an image that it searches at double size
# Of fine print:
_FAINT = (24, 48)  # least contrast on plain ground and on any
_GROUND = 6  # between these: its multiple of the ground's own contrast
_BETWEEN = 7  # greatest distance of letters
_FINE, _WORD = (3, 11), 20  # least and greatest height of a row, and its least width
_INKED = 0.8  # share of ink from which a row is a rule
_AROUND = 49  # side of the square that is searched
# Of faint print, such as under a marker's strokes, in nearly white, or in a footer's pale grey:
_PALE = (1, 2, 6, 24)  # contrast: least, least among less and more coding noise, greatest
_LETTERS, _STROKE = (6, 64), 33  # height of a row; more than the width of its strokes
_APART = 15  # greatest distance of letters
_FRINGE, _THIN = 9, 11  # side of the square by which a known line is removed; a strip beside it
_SPACED = 2  # of the height of a text object: it is joined with the next one within twice as much
_LEVEL_SIDE = 1e-3  # of a unit vector: a text object with a smaller one is level
_RATIO = 3.0  # least ratio of a row's length to its height: of coding noise, rows are short
_STRIP, _SMALLEST = 64, 1440  # depth of a strip along an edge; longest side of the smallest scale
_PLAIN = 12  # range of grey levels along an edge up to which it cuts no letters


class TextSearch(PerImage):
    """A detector that also searches slanted or cut lines and fine print, and by a second model.

    Slanted images are turned level. Of lines of 4 to 7 pixels two thirds are missed on a page of
    usual size. To search all of it at double size takes five times as long, so that only places
    that look like fine print are enlarged. In 196 photographs, the second model finds 5 % more
    words.
    """

    def __init__(self, views: Views, fine: Views | None, second: Detector | None) -> None:
        self._detector = self._views = views
        self._fine, self._second = fine, second

    def _search(self, image: np.ndarray, regions: list[Region]) -> list[Region]:
        for spread in islice(spread_planes(as_grey(image)), 1, None):  # of few grey levels
            regions = regions + _uncovered(self._views.detect([spread])[0], regions, image)
        found = self._further(image, regions)
        if shows_screen(image):
            smooth = without_grid(as_grey(image))
            regions = united([*regions, *self._views.detect([smooth])[0]], image)
            # small print beside a dithered picture is only seen in the image as it is
            smoothly = self._further(smooth, regions)
            found = smoothly + _uncovered(found, smoothly, image)
        if self._fine is not None:
            found += _uncovered(united([*watermarks(image, self._views)], image), found, image)
        return found

    def _further(self, image: np.ndarray, regions: list[Region]) -> list[Region]:
        """Search what the views, which found the regions, miss."""
        height, width = image.shape[:2]
        if self._fine is not None:
            places = fine_print(image, regions)
            found = [line for at in places for line in _scaled(self._fine, image[at], at, 2)]
            # joined with the lines, they would hide much beside them
            found += faint_print(image, regions, self._views)
            found += cut_lines(image, self._views)
            regions = regions + _uncovered(united(found, image), regions, image)
        known: list[float] = []
        while (slant := slant_of(regions, known)) is not None:
            found = self._views.turned(image, -slant)
            # some may lie beside the image
            inside = [region for region in found if region_fault(region, width, height) is None]
            lines = united(inside, image)
            regions = lines + _uncovered(regions, lines, image)
            known.append(slant)
        missed: list[Region] = []
        if self._second is not None:
            factor = 2 if max(height, width) <= _SMALL else 1
            for region in _scaled(self._second, image, np.s_[0:height, 0:width], factor):
                highest = _HIGHEST * min(height, width) * (1 + (region.score >= _CERTAIN))
                if min(cv2.minAreaRect(corners_of(region).astype(np.float32))[1]) <= highest:
                    missed.append(region)
        missed = _uncovered(missed, regions, image)
        return _uncovered(regions, missed, image) + missed


def _scaled(
    detector: Detector, part: np.ndarray, at: tuple[slice, slice], factor: int
) -> list[Region]:
    """Regions of a part of an image, searched enlarged, in pixels of the image."""
    if factor > 1:
        part = cv2.resize(part, None, fx=factor, fy=factor, interpolation=cv2.INTER_CUBIC)
    back = np.array([[1 / factor, 0, at[1].start], [0, 1 / factor, at[0].start]])
    return [moved(region, back) for region in detector.detect([part])[0]]


def fine_print(image: np.ndarray, lines: Sequence[Region]) -> Iterator[tuple[slice, slice]]:
    """Yield the rows and columns of places with level rows of small dark specks beside lines."""
    contrast = cv2.morphologyEx(as_grey(image), cv2.MORPH_BLACKHAT, np.ones((5, 5), np.uint8))
    ground = _GROUND * np.median(contrast)
    for line in lines:
        cv2.fillConvexPoly(contrast, _hull(line), (0,))
    near = np.zeros(contrast.shape, bool)
    for least in {_FAINT[1], int(np.clip(ground, *_FAINT))}:  # pale specks; the cores of dark ones
        near |= _rows((contrast > least).astype(np.uint8), _BETWEEN, _is_fine)
    yield from _places(near)


def faint_print(image: np.ndarray, lines: Sequence[Region], detector: Detector) -> Iterator[Region]:
    """Yield level and upright lines of faint print on even ground, found with contrast raised.

    Of 347 images of documents and codes four have such lines, of 300 of persons three. Near known
    lines, whose contrast is greater, it is found without these: 10 of 47 receipts and identity
    documents have a strip that is none, no other of 74 pages and 106 photographs.
    """
    grey, square = as_grey(image), np.ones((_STROKE, _STROKE), np.uint8)
    *least, most = _PALE
    known: np.ndarray = np.zeros(grey.shape, np.uint8)
    for line in lines:
        cv2.fillConvexPoly(known, _hull(line), (1,))
    known = cv2.dilate(known, np.ones((_FRINGE, _FRINGE), np.uint8))
    removed = (0 * known, known)[: 1 + bool(lines)]
    for way, without in product((cv2.MORPH_BLACKHAT, cv2.MORPH_TOPHAT), removed):
        contrast = cv2.morphologyEx(grey, way, square) * (1 - without)
        greatest = cv2.dilate(contrast, square)
        is_faint = greatest <= most
        near = np.zeros(grey.shape, bool)
        for each in least:
            ink = ((contrast >= each) & is_faint).astype(np.uint8)
            near |= _rows(ink, _APART, _is_line)
            near |= _rows(np.ascontiguousarray(ink.T), _APART, _is_line).T
        for at in _places(near):
            share = contrast[at] / np.clip(greatest[at], 1, most)
            seen = 255 - np.minimum(255 * share, 255).astype(np.uint8)
            for line in _scaled(detector, seen, at, 1):
                (_, _), sides, _ = cv2.minAreaRect(corners_of(line).astype(np.float32))
                x, y, wide, high = cv2.boundingRect(_hull(line))
                inside = is_faint[y : y + high, x : x + wide]
                is_thin = without.any() and min(sides) < _THIN
                if max(sides) >= _RATIO * min(sides) and inside.mean() > 0.5 and not is_thin:
                    yield line


def cut_lines(image: np.ndarray, detector: Detector) -> Iterator[Region]:
    """Yield lines of which an edge of the image cuts a part, found with this edge mirrored.

    Halves of letters and their mirror images look like letters. Of 48 drawn lines of which 35 to
    80 % are in sight, 22 were missed without, now none. Their regions reach beyond the image.
    """
    pixels = image
    while True:
        scale = np.divide(image.shape[1::-1], pixels.shape[1::-1])[:, None]
        for quarters in range(4):
            seen, back = turned(pixels, 90 * quarters)
            strip = seen[:_STRIP]
            if np.ptp(strip[0], axis=0).max() <= _PLAIN:
                continue
            back[:, 2] -= len(strip) * back[:, 1]  # its mirror image is above it
            for line in detector.detect([np.concatenate([strip[::-1], strip])])[0]:
                if line.y0 < len(strip) < line.y1:
                    yield moved(line, scale * back)
        if max(pixels.shape[:2]) <= _SMALLEST:
            return
        half = (ceil(pixels.shape[1] / 2), ceil(pixels.shape[0] / 2))
        pixels = cv2.resize(pixels, half, interpolation=cv2.INTER_AREA)


def _rows(ink: np.ndarray, apart: int, is_row: Callable[..., np.ndarray]) -> np.ndarray:
    """Find the pixels of level rows of letters up to `apart` pixels apart, but of no rules.

    Args:
        ink: uint8 [H, W], 1 where there is ink.
        is_row: whether marks with these widths and heights may be rows.

    Returns:
        bool [H, W].
    """
    joined = cv2.morphologyEx(ink, cv2.MORPH_CLOSE, np.ones((1, apart), np.uint8))
    _, labels, stats, _ = cv2.connectedComponentsWithStats(joined)
    marks = np.zeros(ink.shape, bool)
    may_be = is_row(*stats[:, cv2.CC_STAT_WIDTH : cv2.CC_STAT_HEIGHT + 1].T)
    for number in 1 + np.flatnonzero(may_be[1:]):
        x, y, width, height, area = stats[number]
        at = np.s_[y : y + height, x : x + width]
        own = labels[at] == number
        if np.count_nonzero(ink[at] & own) < _INKED * area:
            marks[at] |= own
    return marks


def _is_fine(width: np.ndarray, height: np.ndarray) -> np.ndarray:
    return (_FINE[0] <= height) & (height <= _FINE[1]) & (width >= _WORD)


def _is_line(width: np.ndarray, height: np.ndarray) -> np.ndarray:
    return (_LETTERS[0] <= height) & (height <= _LETTERS[1]) & (width >= _RATIO * height)


def _places(marks: np.ndarray) -> Iterator[tuple[slice, slice]]:
    """Yield the rows and columns of the places with marks, bool [H, W], and around them."""
    near = cv2.dilate(marks.astype(np.uint8), np.ones((_AROUND, _AROUND), np.uint8))
    for x, y, wide, high, _ in cv2.connectedComponentsWithStats(near)[2][1:].tolist():
        yield slice(y, y + high), slice(x, x + wide)


def _uncovered(
    regions: Sequence[Region], others: Sequence[Region], image: np.ndarray
) -> list[Region]:
    """Regions that are not nearly inside others, which may cover one together."""
    covered = np.zeros(image.shape[:2], np.uint8)
    for each in others:
        cv2.fillConvexPoly(covered, _hull(each), (1,))
    kept = []
    for region in regions:
        hull = _hull(region)
        x, y, width, height = cv2.boundingRect(hull)
        part = covered[y : y + height, x : x + width]
        own = np.zeros((height, width), np.uint8)
        cv2.fillConvexPoly(own, hull - (x, y), (1,))
        own = own[: part.shape[0], : part.shape[1]]
        if (own & part).sum() < _INSIDE * own.sum():
            kept.append(region)
    return kept


def with_text(
    name: str, regions: Sequence[Region], places: Sequence[np.ndarray], image: np.ndarray
) -> list[Region]:
    """Regions of a detector; with those of a PDF's text objects if it searches text.

    Without objects of which the regions leave nothing in sight. Places are corners, float64 [4, 2]
    (`anonbench.datasets.formats.pdf.text_places`).
    """
    if not places or Entity.TEXT not in DETECTORS[name].entities:
        return list(regions)
    height, width = image.shape[:2]
    shown = np.ones((height, width), np.uint8)
    for each in regions:
        cv2.fillConvexPoly(shown, _hull(each), (0,))
    # not united: that compares all pairs, and a page may have 100,000 objects
    left = [
        (each, place)
        for place in places
        for each in clipped(Entity.TEXT, [_with_edge(place)], [1.0], image)
        if region_fault(each, width, height) is None and _is_in_sight(each, shown, image)
    ]
    return [*regions, *_in_lines(left, image)]


def _in_lines(left: Sequence[tuple[Region, np.ndarray]], image: np.ndarray) -> list[Region]:
    """Regions of text objects, level ones side by side as one: masks of letters spell a name."""
    level = [(each, place) for each, place in left if each.quad is None]
    boxes = np.array([(r.x0, r.y0, r.x1, r.y1) for r, _ in level]).reshape(-1, 4)
    whole = np.concatenate([np.floor(boxes[:, :2]), np.ceil(boxes[:, 2:])], axis=1).astype(int)
    marks = np.zeros(image.shape[:2], np.uint8)
    for (x0, y0, x1, y1), (_, place) in zip(whole.tolist(), level, strict=True):
        is_row = np.ptp(place[:2], axis=0).argmax() == 0
        x, y = (_SPACED * (y1 - y0), 0) if is_row else (0, _SPACED * (x1 - x0))
        marks[max(0, y0 - y) : y1 + y, max(0, x0 - x) : x1 + x] = 1
    numbers = cv2.connectedComponents(marks)[1][whole[:, 1], whole[:, 0]]
    lines = [boxes[numbers == number] for number in np.unique(numbers)]
    around = [np.concatenate([each[:, :2].min(0), each[:, 2:].max(0)]) for each in lines]
    slanted = [each for each, _ in left if each.quad is not None]
    return [*clipped(Entity.TEXT, around, repeat(1.0, len(around)), image), *slanted]


def _is_in_sight(region: Region, shown: np.ndarray, image: np.ndarray) -> bool:
    """Whether pixels of a region differ that are shown, uint8 [H, W]."""
    x0, y0, x1, y1 = int(region.x0), int(region.y0), ceil(region.x1), ceil(region.y1)
    inside = np.zeros((y1 - y0, x1 - x0), np.uint8)
    cv2.fillConvexPoly(inside, _hull(region) - (x0, y0), (1,))
    pixels = image[y0:y1, x0:x1][(inside & shown[y0:y1, x0:x1]) > 0]
    return bool(pixels.size and np.ptp(pixels, axis=0).any())


def _with_edge(corners: np.ndarray) -> np.ndarray:
    """Corners of a place, or a box if it is upright, with the pixels that its edge touches."""
    edge = grown(corners, 1.0)
    along = corners[1] - corners[0]
    is_upright = min(abs(along)) < _LEVEL_SIDE * max(np.hypot(*along), 1e-6)
    return np.concatenate([edge.min(axis=0), edge.max(axis=0)]) if is_upright else edge


def _hull(region: Region) -> np.ndarray:
    """Corners in whole pixels inside the image or at its edges, int32 [N, 1, 2]."""
    return np.maximum(cv2.convexHull(corners_of(region).round().astype(np.int32)), 0)


def slants_of(lines: Sequence[Region]) -> list[float]:
    """Slants of many lines each, in degrees counterclockwise, without level."""
    known: list[float] = []
    while (slant := slant_of(lines, known)) is not None:
        known.append(slant)
    return known


def slant_of(regions: Sequence[Region], known: Sequence[float]) -> float | None:
    """Slant of many lines, in degrees counterclockwise, that is not near a known one or level.

    After `_MOST` known ones there is none.
    """
    corners = np.array([corners_of(region) for region in regions]).reshape(-1, 4, 2)
    sides = corners[:, 1:3] - corners[:, :2]
    sizes = np.hypot(*sides.transpose(2, 0, 1))
    x, y = sides[np.arange(len(sides)), sizes.argmax(axis=1)].T
    slants, lengths = np.degrees(np.arctan2(-y, x)), sizes.max(axis=1)
    is_long = lengths >= _LONG * sizes.min(axis=1)
    total = lengths[is_long].sum()
    new = is_long & (_apart(slants, 0.0, 90) > LEVEL)
    for each in known:
        new &= _apart(slants, each, 90) > _NEAR
    slants, lengths = slants[new], lengths[new]
    alike = _apart(slants[:, None], slants, 180) <= _NEAR
    votes = alike @ lengths
    votes[(votes < _SHARE * total) & (alike.sum(axis=1) < _LINES)] = 0.0
    if len(known) == _MOST or not votes.any():
        return None
    most = int(votes.argmax())
    beside = (slants - slants[most] + 90) % 180 - 90
    return float(slants[most] + np.average(beside, weights=alike[most] * lengths))


def _apart(one: np.ndarray, other: np.ndarray | float, period: int) -> np.ndarray:
    """Distances of angles, in degrees, that are equal after a period."""
    return np.abs((one - other + period / 2) % period - period / 2)
