"""Ink of documents that no line of text explains: dark strokes on lighter paper (a top-hat).

Lines of text, rules of forms, dust and dense pictures are removed; strokes near each other form one
place.
"""

from collections.abc import Iterable, Iterator, Sequence
from itertools import chain
from math import ceil
from typing import ClassVar

import numpy as np

from anonbench.core.boxes import Region
from anonbench.core.libraries.opencv import cv2
from anonbench.core.registries.detectors import Detector, DetectorKind, Loading
from anonbench.core.vocabulary import Entity
from anonbench.detection import base
from anonbench.detection.base import PerImage, as_rgb, brightest, clipped, corners_of, darkest
from anonbench.detection.kinds.ppocr import Ppocr
from anonbench.detection.kinds.ridges import prints
from anonbench.detection.kinds.strokes import are_cut, lengths_of

_SMALL, _LARGE = 700_000, 6_000_000  # pixels of the copy that is searched
_ENLARGED = 2.0  # greatest ratio of its sides to the image's
_DARK = 90  # median grey below which an image is a negative
_CONTRAST = 32  # grey levels by which ink is darker than its paper, in one colour channel at least
_PALE = 12  # the same in an image that is nearly all paper
_NOISE = 3  # side of the square whose median is searched there, too, in pixels of the copy
_GROUND = 5  # least contrast of ink as a multiple of the paper's own, up to twice that contrast
_PAPER = 0.8  # least share of about one brightness in a document that has two lines of text
_TEXT = 0.1  # least share of a document, or of the hull of a card's lines, that text covers
_BRIGHTNESS = 33  # grey levels that paper spans
_BARE = 0.9  # share of paper from which an image without lines of text is a document
_ON_PAGE = 4  # fewest lines of text on a page that is a part of a photograph
_SEEN = 1000  # longest side at which such pages are searched, and to which the next two belong
_GAP = 4  # greatest width of strokes and of a page's blurred edge
_BEHIND = 31  # side of the square whose median is the paper behind a line
_SHADE = 0.3  # least share of light on paper in a shadow
_FEWEST = 8  # least number of lines of text for an image to be a document by its text
_TALL = 0.1
"""Height of a line, as a share of the image's shorter side, above which it does not count as one of
these: hair, folds and lettering of photographs are found as such lines."""
_LINE = 12  # height of a usual page's lines, in thousandths of its side
_MARGIN = 5.0  # enlargement of a place with ink on each side, in thousandths of the page's side
# Lengths below are in thousandths of the page's side, or in twelfths of a line of small text.
_STROKE = 16  # widest stroke
_RULE = 50  # shortest straight line that is a rule of a form
_SPARSE = 0.25  # share of ink below which straight lines are rules; above, they are bars of a code
_PRINT, _SOLID = 150, 80  # longest side (always of the page), least contrast: stamp, fingerprint
_REST, _CUT = 30, 80  # pixels outside of a line, and length, of strokes that it covers in part
_SPECK = 7  # length below which a piece of ink is dust, unless it touches others
_LONG, _SURE = 40, 4  # length from which strokes are no dust, and their weight compared with others
_DUSTY = 0.7  # dust as a share of the ink of strokes around it, from which these count as dust, too
_NEAR = 24  # distance up to which strokes belong together
_LEAST, _DROPS = 16, 80  # length, or pixels of ink, below which a place has no meaningful ink
_PICTURE, _DENSE = 180, 0.35  # shorter side (always of the page), share of ink: printed picture
_WINDOW = 40  # side of the square in which shares are measured
_FILLED = 0.6  # share of a rectangle about strokes below which it is divided
# Of single letters, in heights of lines (with the detector's margin):
_LETTER, _FLECK, _AROUND = (0.42, 1.0), 0.35, 3  # height; size of flecks, their distance
_SHAPE, _INKED = (0.25, 2.5), 0.25
"""Width of letters or short words as a multiple of their own height, and least share of ink in the
box around them."""
_PAGE = 8  # least number of lines on a page where letters are doubtful if ink is not searched for
_DUST = 4  # flecks beside a mark from which it is dust, too
_BLOT = 0.75  # share of a mark's contrast in a whole square from which it is a bullet or a blot

Box = tuple[int, int, int, int]  # left, top, right and bottom, in pixels of the copy


class Ink(DetectorKind):
    """Ink of documents that no line of text explains: signatures, handwriting, stamps.

    An image is a document if it has many lines of text, or is mostly paper. Of other photographs,
    only pages and cards that lie in them are searched. Large prints of fingers and palms are found
    in all. The lines are those of the detector ppocr with its settings.
    """

    name: ClassVar = "ink"
    label: ClassVar = "Ink"
    entities: ClassVar = (Entity.INK,)
    reads: ClassVar = ("ppocr", "speed")
    install: ClassVar = Ppocr.install
    seconds_an_image: ClassVar = (0.1, 0.05)

    def load(self, loading: Loading) -> Detector:
        """See `DetectorKind.load`."""
        lines = loading.lines or loading.detection.of(Ppocr).load(loading)
        return InkDetector(lines)


class InkDetector(PerImage):
    """Places of a document with ink that is no line of text."""

    def __init__(self, lines: Detector) -> None:
        self._lines = lines

    def _search(self, image: np.ndarray, lines: Sequence[Region]) -> Iterator[Region]:
        for print_, share in prints(image):
            yield from clipped(Entity.INK, [print_], [share], image)
        for dark, scale in _copies(image, lines):
            yield from self._on_paper(image, dark, scale, lines)

    def _on_paper(
        self, image: np.ndarray, dark: np.ndarray, scale: float, lines: Sequence[Region]
    ) -> Iterator[Region]:
        letters: Iterable[Box] = ()
        unit = _side(dark)
        if lines:
            height = float(np.median([scale * _height(line) for line in lines]))
            unit = max(min(unit, height / _LINE), 0.5)
            letters = _letters(dark, _drawn(dark.shape, lines, scale, 0.0), height)
        strokes, contrast = _strokes(dark, _drawn(dark.shape, lines, scale, unit), unit)
        margin = _MARGIN * unit
        for x0, y0, x1, y1 in chain(_places(strokes, unit), letters):
            box = np.array([x0 - margin, y0 - margin, x1 + margin, y1 + margin]) / scale
            score = 0.5 + float(contrast[y0:y1, x0:x1].max()) / 510
            yield from clipped(Entity.INK, [box], [score], image)


def shows_letters(image: np.ndarray, regions: Sequence[Region]) -> bool:
    """Whether a page has marks of the size of its letters outside of all regions.

    Where only text was searched for, 37 of 148 pages and one of 20 receipts have some, and none of
    100 photographs.
    """
    lines = [region for region in regions if region.entity is Entity.TEXT]
    for dark, scale in _copies(image, lines) if len(lines) >= _PAGE else ():
        height = float(np.median([scale * _height(line) for line in lines]))
        if any(_letters(dark, _drawn(dark.shape, regions, scale, 0.0), height)):
            return True
    return False


def _copies(image: np.ndarray, lines: Sequence[Region]) -> Iterator[tuple[np.ndarray, float]]:
    """Yield darkness of a document's copy, and its scale; of a negative, first its lightness."""
    pixels = image.shape[0] * image.shape[1]
    wanted = min(max(pixels, _SMALL), _LARGE)
    scale = min(float(np.sqrt(wanted / pixels)), _ENLARGED)
    copies = _darkness(image, scale)
    if not _is_document(copies[0], image, lines):
        alone = _pages_alone(image, lines)
        if alone is not None:
            copies = _darkness(alone, scale)
        elif not _is_on_black(image):
            return
    for dark in copies:
        yield dark, scale


def _is_document(dark: np.ndarray, image: np.ndarray, lines: Sequence[Region]) -> bool:
    counts = np.bincount(dark.ravel(), minlength=256) / dark.size
    if _most(counts) >= (_PAPER if len(lines) > 1 else _BARE):
        return True
    text = _drawn(image.shape[:2], lines, 1.0, 0.0)
    return len(_low(lines, image)) >= _FEWEST and float(text.mean()) >= _TEXT


def _is_on_black(image: np.ndarray) -> bool:
    """Whether an image is nearly all paper and black, as scans of folders and small pages are."""
    tones = darkest(image)
    paper = _most(np.bincount(tones.ravel(), minlength=256)[128:] / tones.size)
    return paper + float((brightest(image) < _BRIGHTNESS).mean()) >= _BARE


def _most(counts: np.ndarray) -> float:
    """Greatest share of pixels of about one brightness."""
    return float(np.convolve(counts, np.ones(_BRIGHTNESS), "same").max())


def _low(lines: Sequence[Region], image: np.ndarray) -> list[Region]:
    """Lines that are low enough to be print of a document."""
    return [line for line in lines if _height(line) <= _TALL * min(image.shape[:2])]


def _strokes(dark: np.ndarray, text: np.ndarray, unit: float) -> tuple[np.ndarray, np.ndarray]:
    """Ink that is neither text, rule, dust nor picture, with its contrast, uint8 [h, w].

    Ink has the value 1, or `_SURE` in long strokes.
    """
    tones = np.bincount(dark.ravel(), minlength=256) / dark.size
    is_bare = _most(tones) >= _BARE
    contrast, ink = _darker(dark, unit, _PALE if is_bare else _CONTRAST)
    if is_bare:  # pale strokes in the paper's noise; dark dust would grow together
        is_pale = cv2.dilate(contrast, _square(_NOISE)) < 2 * _CONTRAST
        ink |= _darker(cv2.medianBlur(dark, _NOISE), unit, _PALE)[1] & is_pale
    contrast = np.maximum(contrast, solid := _prints(dark))
    ink[solid > 0] = 1
    window = (max(3, round(_WINDOW * unit)),) * 2
    sparse = cv2.boxFilter(ink, cv2.CV_32F, window) < _SPARSE
    length = round(_RULE * unit)
    for shape in ((1, length), (length, 1)):
        rules = cv2.morphologyEx(ink, cv2.MORPH_OPEN, np.ones(shape, np.uint8))
        ink[(cv2.dilate(rules, np.ones((3, 3), np.uint8)) > 0) & sparse] = 0
    longer = lengths_of(ink)
    long = longer >= _LONG * unit
    cut = are_cut(ink, text, _REST * unit * unit)
    cut &= (longer >= _LEAST * unit) & (longer < _CUT * unit)
    ink[text > 0] = 0
    dense = (cv2.boxFilter(ink, cv2.CV_32F, window) > _DENSE).astype(np.uint8)
    picture = cv2.morphologyEx(dense, cv2.MORPH_OPEN, _square(_PICTURE * _side(dark)))
    ink[cv2.dilate(picture, _square(_NEAR * unit)) > 0] = 0
    lengths = lengths_of(ink)
    strokes = lengths >= _SPECK * unit
    dusty, inked = (
        cv2.boxFilter(each.astype(np.uint8), cv2.CV_32F, window)
        for each in ((lengths > 0) & ~strokes, strokes)
    )
    strokes &= dusty < _DUSTY * inked
    # the rest of a signature or initials, another part of which was taken for a line
    long = (long & (ink > 0)) | cut
    return np.where(long, np.uint8(_SURE), (strokes | long).astype(np.uint8)), contrast


def _darker(dark: np.ndarray, unit: float, least: int) -> tuple[np.ndarray, np.ndarray]:
    """Contrast of strokes to their paper, and where it is of ink, uint8 [h, w]."""
    contrast: np.ndarray = cv2.morphologyEx(dark, cv2.MORPH_TOPHAT, _square(_STROKE * unit))
    ground = float(np.clip(_GROUND * np.median(contrast), least, 2 * _CONTRAST))
    return contrast, (contrast > ground).astype(np.uint8)


def _letters(dark: np.ndarray, text: np.ndarray, height: float) -> Iterator[Box]:
    """Yield boxes around marks of the size of letters, outside of lines of text of a height."""
    contrast = cv2.morphologyEx(dark, cv2.MORPH_TOPHAT, _square(height))
    ink = (contrast > 2 * _CONTRAST).astype(np.uint8)
    _, labels, stats, middles = cv2.connectedComponentsWithStats(ink)
    wide, high, inked = stats[:, cv2.CC_STAT_WIDTH : cv2.CC_STAT_AREA + 1].T
    free = 2 * np.bincount(labels.ravel(), text.ravel(), minlength=len(stats)) < inked
    free[0] = False
    flecks = np.zeros(dark.shape, np.float32)
    columns, rows = middles[free & (np.maximum(wide, high) < _FLECK * height)].astype(int).T
    flecks[rows, columns] = 1
    around = (2 * ceil(_AROUND * height) - 1,) * 2
    beside = cv2.boxFilter(flecks, -1, around, normalize=False, borderType=cv2.BORDER_CONSTANT)
    free &= (_LETTER[0] * height <= high) & (high <= _LETTER[1] * height)
    free &= (_SHAPE[0] * high <= wide) & (wide <= _SHAPE[1] * high)
    free &= inked >= _INKED * wide * high
    for x, y, width, length, _ in stats[free].tolist():
        mark = np.pad(contrast[y : y + length, x : x + width], 1)
        core = cv2.erode(mark, _square(height / 6)).max()
        many = round(float(beside[y + length // 2, x + width // 2])) > _DUST
        if not many and core < _BLOT * mark.max():
            yield x, y, x + width, y + length


def _pages_alone(image: np.ndarray, lines: Sequence[Region]) -> np.ndarray | None:
    """A photograph with the colour of paper beside its pages and cards; None if it shows none."""
    printed = _low(lines, image)
    if len(printed) < _ON_PAGE:
        return None
    scale = min(1.0, _SEEN / max(image.shape[:2]))
    small = cv2.resize(as_rgb(image), None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    shape = small.shape[:2]
    text = _drawn(shape, printed, scale, 0.0)
    places = [scale * corners_of(line).mean(axis=0) for line in printed]
    middles = np.minimum(places, np.subtract(shape[::-1], 1)).astype(int)
    inside = (small[_drawn(shape, [line], scale, 0.0) > 0] for line in printed)
    lit = np.array([np.median(pixels, axis=0) for pixels in inside])
    down, across = np.indices(shape, np.float32)
    level = lit.mean(axis=1)
    on_paper = level >= _SHADE * level.max()  # others are large black letters
    known = np.insert(middles, 2, 1, axis=1)[on_paper]
    slopes = np.linalg.lstsq(known, lit[on_paper], rcond=None)[0]
    sloped = np.dstack([across, down, np.ones(shape)]) @ slopes  # light may come from a side
    behind = cv2.medianBlur(small, _BEHIND)[text > 0]
    level = behind.mean(axis=1)
    is_dark = level < np.percentile(level, (5, 95)).mean()  # some large letters are left
    shades = (level >= _SHADE * level.max()) & is_dark, ~is_dark
    in_shade = [np.median(behind[each], axis=0) for each in shades if each.any()]
    pages: np.ndarray = np.zeros(shape, np.uint8)
    if len(printed) >= _FEWEST:  # a card with a pattern and a portrait has no colour of paper
        corners = np.concatenate([scale * corners_of(line) for line in printed])
        cv2.fillConvexPoly(pages, cv2.convexHull(corners.round().astype(np.int32)), (1,))
        pages *= np.uint8(text.sum() >= _TEXT * pages.sum())
    for grounds in ([np.median(lit, axis=0)], [sloped], in_shade):
        near = [(np.abs(small - ground) <= _BRIGHTNESS).all(axis=2) for ground in grounds]
        paper = (np.any(near, axis=0) | (text > 0)).astype(np.uint8)
        solid = cv2.morphologyEx(paper, cv2.MORPH_CLOSE, _square(_GAP))
        solid = cv2.morphologyEx(solid, cv2.MORPH_OPEN, _square(2 * _GAP))
        count, labels = cv2.connectedComponents(solid, connectivity=4)
        of_lines = labels[middles[:, 1], middles[:, 0]]
        for label in np.flatnonzero(np.bincount(of_lines, minlength=count) >= _ON_PAGE):
            outline = cv2.findNonZero((labels == label).astype(np.uint8))
            page: np.ndarray = np.zeros(shape, np.uint8)
            cv2.fillConvexPoly(page, cv2.convexHull(outline), (1,))
            if label and paper[page > 0].mean() >= _PAPER:
                pages[cv2.erode(page, _square(_GAP), borderValue=[0.0]) > 0] = 1
    if not pages.any():
        return None
    shown = cv2.resize(pages, image.shape[1::-1], interpolation=cv2.INTER_NEAREST)
    alone = image.copy()
    alone[shown == 0] = np.median(image[_drawn(image.shape, printed, 1.0, 0.0) > 0], axis=0)
    return alone


def _darkness(image: np.ndarray, scale: float) -> list[np.ndarray]:
    """Darkness of an image, uint8 [h, w], as `base.dark_planes`; first a negative's lightness.

    Negatives may be black folders and grounds, on which there are labels and pages with dark ink.
    """
    if scale != 1:
        how = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
        image = cv2.resize(image, None, fx=scale, fy=scale, interpolation=how)
    lightest, dark = brightest(image), [255 - plane for plane in base.dark_planes(image)]
    return [lightest.copy(), *dark] if float(np.median(lightest)) < _DARK else dark


def _prints(dark: np.ndarray) -> np.ndarray:
    """Contrast of solid dark areas no larger than a stamp or fingerprint, uint8 [h, w]."""
    size = (ceil(dark.shape[1] / 4), ceil(dark.shape[0] / 4))
    small = cv2.resize(dark, size, interpolation=cv2.INTER_AREA)
    small = cv2.morphologyEx(small, cv2.MORPH_OPEN, np.ones((2, 2), np.uint8))
    found = cv2.morphologyEx(small, cv2.MORPH_TOPHAT, _square(_PRINT * _side(small)))
    found[found < _SOLID] = 0
    return np.asarray(cv2.resize(found, dark.shape[::-1], interpolation=cv2.INTER_NEAREST))


def _side(pixels: np.ndarray) -> float:
    """A thousandth of a page's side, in pixels."""
    return float(np.sqrt(pixels.size)) / 1000


def _square(side: float) -> np.ndarray:
    odd = 2 * max(1, round(side / 2)) + 1
    return np.ones((odd, odd), np.uint8)


def _height(line: Region) -> float:
    corners = corners_of(line)
    return float(np.hypot(*(corners[1:3] - corners[:2]).T).min())


def _drawn(
    shape: Sequence[int], lines: Sequence[Region], scale: float, margin: float
) -> np.ndarray:
    """Pixels inside lines of text, uint8 [h, w]."""
    text = np.zeros(shape[:2], np.uint8)
    last = np.subtract(shape[1::-1], 1)
    for line in lines:
        corners = np.minimum(corners_of(line) * scale, last)
        hull = cv2.convexHull(corners.round().astype(np.int32))
        cv2.fillConvexPoly(text, hull, (1,))
    return cv2.dilate(text, _square(4 * margin)) if margin else text


def _places(strokes: np.ndarray, unit: float) -> Iterator[Box]:
    """Yield boxes about strokes that are near each other."""
    near = cv2.dilate((strokes > 0).astype(np.uint8), _square(_NEAR * unit))
    count, labels, stats, _ = cv2.connectedComponentsWithStats(near)
    labels[strokes == 0] = 0
    drops = np.bincount(labels.ravel(), strokes.ravel(), minlength=count)
    for number in np.flatnonzero(drops[1:] >= _DROPS * unit * unit) + 1:
        x, y, width, height = stats[number, :4].tolist()
        place = labels[y : y + height, x : x + width] == number
        grown = cv2.dilate(place.astype(np.uint8), _square(_NEAR * unit))
        for x0, y0, x1, y1 in _divided(place, grown, 2 * _NEAR * unit):
            if max(x1 - x0, y1 - y0) >= _LEAST * unit or place.sum() >= 4 * _DROPS * unit * unit:
                yield x + x0, y + y0, x + x1, y + y1


def _divided(place: np.ndarray, grown: np.ndarray, least: float) -> Iterator[Box]:
    """Yield boxes that cover all of a place and little else."""
    rows, columns = (np.flatnonzero(place.any(axis=axis)) for axis in (1, 0))
    if not rows.size:
        return
    y0, y1, x0, x1 = int(rows[0]), int(rows[-1]) + 1, int(columns[0]), int(columns[-1]) + 1
    inside, around = place[y0:y1, x0:x1], grown[y0:y1, x0:x1]
    if max(inside.shape) <= least or around.mean() >= _FILLED:
        yield x0, y0, x1, y1
        return
    axis = 0 if y1 - y0 >= x1 - x0 else 1
    parts = (np.array_split(each, 2, axis) for each in (inside, around))
    for part, its in zip(*parts, strict=True):
        for left, top, right, bottom in _divided(part, its, least):
            yield x0 + left, y0 + top, x0 + right, y0 + bottom
        x0, y0 = (x0, y0 + part.shape[0]) if axis == 0 else (x0 + part.shape[1], y0)
