"""Barcodes by zxing-cpp; linear ones that it cannot read by OpenCV.

Of a linear code zxing reports only a few rows; the others are found here. What it reads only in a
sharpened or smoothed image, in one with pale print spread, or of a code cut out and set on white,
is found as well, and what looks like a code of two dimensions.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from math import ceil
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from anonbench.core.boxes import Region, overlap, rectangle
from anonbench.core.libraries.opencv import cv2
from anonbench.core.registries.detectors import Detector, DetectorKind, Loading
from anonbench.core.vocabulary import Entity
from anonbench.detection.base import PerImage, clipped, corners_of, hull_of, united
from anonbench.detection.kinds.cut_out import CutOutDetector, corners_reported
from anonbench.detection.kinds.dense import SCALES, UNDECODED, DenseDetector
from anonbench.detection.planes import InPlanes, pale, sharpened, with_contrast
from anonbench.detection.views import UPRIGHT, Reach, Views

if TYPE_CHECKING:
    import zxingcpp


_STACKED = {"DataBarStk", "DataBarStkOmni", "DataBarExpStk"}
_LEVEL = 16  # greatest angle in degrees to the image's axes at which a stacked code is upright
_PDF417 = {"PDF417", "MicroPDF417"}  # a corner is often too far inside, by a quarter of the height
_BLACK_ONLY = ("AllLinear", "PDF417", "MicroPDF417", "MaxiCode")  # not read as white on black
_MISTAKEN = {"DataMatrix"}  # found in text and hair if the check sum is not verified
HIDDEN = 0.6  # share of bars in a read code that makes them its own
_BARS = 4  # sixteenths of a dense place by which the wide bars of a PDF417 go on beyond it
FEWEST_EDGES = 10  # edges that a code has at least
FAINT = 15.0  # standard deviation along it, in grey levels, below which it is the paper's pattern
_ROWS = 16  # samples along the bars of a code that may not be one
_LEAST_SIDE = 40  # least side of an image in which bars are searched for, in pixels


class Zxing(DetectorKind):
    """Barcodes by zxing-cpp."""

    name: ClassVar = "zxing"
    label: ClassVar = "ZXing"
    entities: ClassVar = (Entity.BARCODE,)
    reads: ClassVar = ("speed",)
    install: ClassVar = "pip install zxing-cpp"
    seconds_an_image: ClassVar = (0.0, 1.0)

    def load(self, loading: Loading) -> Detector:
        """See `DetectorKind.load`."""
        speed = loading.detection.speed
        reach = Reach(
            whole=2048,
            tile=1600,
            overlap=320,
            doubled=2400 if speed == "thorough" else None,
            turns=(0, 30, 60) if speed == "thorough" else (0,),
            versions=None if speed == "single" else with_contrast,
        )
        once = replace(reach, doubled=None, turns=UPRIGHT, versions=None)
        codes, more = Views(ZxingDetector(), reach), list[Detector]()
        if speed != "single":
            valid = ZxingDetector(valid_only=True)
            again = [replace(once, versions=each) for each in (sharpened, pale)]
            more = [*(Views(valid, each) for each in again), CutOutDetector()]
        unread = Views(BarsDetector(), once), Views(DenseDetector(), SCALES)
        return InPlanes(ReadAndUnread(codes, more, *unread))


class ReadAndUnread(PerImage):
    """Codes that were read, and those of which only bars or squares were seen."""

    def __init__(self, read: Detector, more: Sequence[Detector], *unread: Detector) -> None:
        self._detector, self._more = read, more
        self._bars, self._dense = unread

    def _search(self, grey: np.ndarray, codes: list[Region]) -> Iterator[Region]:
        others = [region for each in self._more for region in each.detect([grey])[0]]
        # what is read again is framed less exactly
        new = [each for each in others if not any(overlap(each, code) for code in codes)]
        codes = [*codes, *united(new, grey)]
        rest = grey.copy()  # a dense place beside what was read is no part of it
        for code in (each for each in codes if each.score > UNDECODED):
            cv2.fillConvexPoly(rest, hull_of(code).round().astype(int), (255,))
        dense = self._dense.detect([rest])[0]
        # a PDF417 begins and ends with wide bars; noise is no pattern
        smooth = cv2.GaussianBlur(grey, (0, 0), 3.0) if dense else grey
        whole = [corners_of(each) for each in dense]
        for _ in range(2):
            turned = (np.roll(quad, 1, axis=0) for quad in whole)
            whole = [grown_sideways(smooth, quad, 0, BUSY, _BARS) for quad in turned]
        yield from codes
        yield from clipped(Entity.BARCODE, whole, [UNDECODED] * len(whole), grey)
        # bars are looked for beside what was read alone: a dense place may be a part of them
        for bars in self._bars.detect([grey])[0]:
            if _is_among(bars, codes, HIDDEN):
                continue
            quad = _lengthwise(bars)  # a code is longer than its bars
            if _edges(grey, quad) >= FEWEST_EDGES:
                corners = grown_sideways(grey, grown_along_bars(grey, quad), gap=1, first=BUSY)
                yield from clipped(Entity.BARCODE, [_squared(corners)], [UNDECODED], grey)


def _is_among(region: Region, codes: Iterable[Region], share: float) -> bool:
    """Whether such a share of a region is inside of one code."""
    hull = hull_of(region)
    area = share * cv2.contourArea(hull)
    return any(cv2.intersectConvexConvex(hull_of(code), hull)[0] >= area for code in codes)


def _lengthwise(region: Region) -> np.ndarray:
    """Corners of a region, float64 [4, 2], the first two at the ends of its longest side."""
    quad = corners_of(region)
    sides = np.hypot(*(np.roll(quad, -1, axis=0) - quad).T)
    return np.roll(quad, -int(sides.argmax()), axis=0)


def _edges(grey: np.ndarray, quad: np.ndarray) -> int:
    """Number of edges from dark to bright or back along the first side of a code; 0: too faint."""
    length = float(np.hypot(*(quad[1] - quad[0])))
    size = ceil(min(length, MOST_COLUMNS)), _ROWS
    target = rectangle(0, 0, *size).astype(np.float32)
    to_strip = cv2.getPerspectiveTransform(quad.astype(np.float32), target)
    smooth = cv2.GaussianBlur(grey, (0, 0), max(0.5, length / size[0] / 2))
    strip = np.asarray(cv2.warpPerspective(smooth, to_strip, size), np.float32)
    if strip.std(axis=1).mean() < FAINT:
        return 0
    row = strip.mean(axis=0)
    row -= cv2.blur(row[None], (2 * (size[0] // 6) + 1, 1))[0]  # light may fall on one end
    signs = np.sign(row[np.abs(row) > 0.3 * row.std()])
    return int(np.count_nonzero(np.diff(signs)))


class BarsDetector(PerImage):
    """Bars of linear codes in grey images, whether they can be read or not, by OpenCV."""

    def __init__(self) -> None:
        self._bars = cv2.barcode.BarcodeDetector()

    def _search(self, grey: np.ndarray) -> Iterator[Region]:
        if min(grey.shape) >= _LEAST_SIDE:
            _, quads = self._bars.detectMulti(grey)
            for quad in () if quads is None else quads.astype(np.float64):
                yield from clipped(Entity.BARCODE, [quad], [UNDECODED], grey)


class ZxingDetector(PerImage):
    """Barcodes of grey images as quadrilaterals; one that could be decoded is certain (score 1)."""

    def __init__(self, valid_only: bool = False) -> None:
        import zxingcpp

        self._zxing, self._valid_only = zxingcpp, valid_only
        linear, *others = (getattr(zxingcpp.BarcodeFormat, name) for name in _BLACK_ONLY)
        self._linear = set(zxingcpp.barcode_formats_list(zxingcpp.BarcodeFormats(linear)))
        self._black_only = zxingcpp.BarcodeFormats((linear, *others))

    def _search(self, grey: np.ndarray) -> Iterator[Region]:
        read = partial(
            self._zxing.read_barcodes,
            ean_add_on_symbol=self._zxing.EanAddOnSymbol.Read,  # they are hidden, too
            return_errors=not self._valid_only,
        )
        for code in (*read(grey), *read(255 - grey, formats=self._black_only)):
            if not code.valid and code.format.name in _MISTAKEN:
                continue
            if (corners := self._corners(code, grey)) is not None:
                # from pixels' middles to their outer edges
                corners = corners + 0.5 + 0.5 * np.sign(corners - corners.mean(axis=0))
                score = 1.0 if code.valid else UNDECODED
                yield from clipped(Entity.BARCODE, [corners], [score], grey)

    def _corners(self, code: zxingcpp.Barcode, grey: np.ndarray) -> np.ndarray | None:
        """Corners of a code, float64 [4, 2], from pixels' middles; None if not reported."""
        corners, name = corners_reported(code), code.format.name
        is_stacked, is_linear = name in _STACKED, code.format in self._linear
        # zxing reports a corner at 0, 0 for some codes
        is_known = cv2.isContourConvex(corners.astype(np.float32)) and corners.any(axis=1).all()
        is_aslant = abs((code.orientation + 45) % 90 - 45) > _LEVEL
        if not (is_known or code.valid) or (is_stacked and is_aslant):
            return None
        if is_stacked or not is_known:  # the ends of a stacked code are those of different rows
            corners = _enclosing(corners)
        if is_linear and not is_stacked:
            corners = across_bars(grey, corners)
        if is_linear:
            corners = grown_along_bars(grey, corners)
        if name in _PDF417:
            return grown_sideways(grey, _squared(corners), gap=0, first=0.6)
        return grown_sideways(grey, corners, gap=2, first=BUSY) if is_stacked else corners


def _squared(corners: np.ndarray) -> np.ndarray:
    """Rectangle around the rectangles along the top and along the bottom edge.

    If a corner is too far inside, one of the two edges is slanted, but it is not known which one.
    """
    around = []
    for edge in (corners[1] - corners[0], corners[2] - corners[3]):
        x, y = edge / max(np.hypot(*edge), 1e-6)
        axes = np.array([(x, y), (-y, x)])
        around.append(_enclosing(corners @ axes.T) @ axes)
    points = np.concatenate(around).astype(np.float32)
    return np.asarray(cv2.boxPoints(cv2.minAreaRect(points)), np.float64)


def _enclosing(corners: np.ndarray) -> np.ndarray:
    return rectangle(*corners.min(axis=0), *corners.max(axis=0))


ALIKE = 0.6  # correlation from which a row shows the same bars as the last row of the code
CONTRAST = 0.3  # least contrast of a row, as a share of the first row's
GAP = 0.03  # height of skipped gaps without bars (a scratch, a fold), as a share of the width
REACH, PARTS = 0.1, 15
"""Height that is compared with one row, as a multiple of the width, and number of rows: linear
codes are wider than high, and if they are bent or seen aslant, bars change from row to row.
"""
MOST_COLUMNS = 400  # samples of a row
SHORTEST = 16  # length below which a row has no profile to compare
COHERENCE = 0.7  # least coherence of gradients that are bars (0: in all directions, 1: in one)
SIDE_PARTS, MOST_SIDE_PARTS = 16, 16  # parts of a width by which a side is moved, and most of them
BUSY, BANDS = 0.4, 4
"""Contrast of neighbouring pixels, as a share of that inside, from which the pattern goes on; it is
measured in so many bands of rows, as rows of a code may differ in length."""
EDGE = 8  # width in pixels of the margin around a row that is also examined


def across_bars(grey: np.ndarray, corners: np.ndarray) -> np.ndarray:
    """Corners of a linear barcode as one row across its bars; see `grown_along_bars`.

    A reader may cross the code aslant; the two ends that it reports are then on the first and the
    last bar, but not side by side. The bars' direction is that of the structure tensor.
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
    return np.asarray(row[[0, 1, 1, 0]])


def _direction(grey: np.ndarray, row: np.ndarray) -> np.ndarray | None:
    """The unit vector at right angles to the bars along `row` ([2, 2]), if there are any."""
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
    Corners are float [4, 2], x and y from top left clockwise: the ends of the first and the last
    row in which the code was read, which may be the same; the image is uint8 [H, W].
    """
    first, last = corners[:2], corners[[3, 2]]
    across = first[1] - first[0]
    width = float(np.hypot(*across))
    if width < SHORTEST:
        return corners
    down = np.array([-across[1], across[0]]) / width
    if down @ (last - first).sum(axis=0) < 0:
        down = -down
    return np.concatenate([_moved(grey, first, -down), _moved(grey, last, down)[::-1]])


def grown_sideways(
    grey: np.ndarray, corners: np.ndarray, gap: int, first: float, most: int = MOST_SIDE_PARTS
) -> np.ndarray:
    """Corners of a code of several rows, its sides moved to where its pattern ends.

    zxing reports the ends of some rows, and those of a PDF417 without its right end too far inside.

    Args:
        grey: uint8 [H, W].
        corners: float [4, 2], from top left clockwise.
        gap: parts of the width without a pattern, behind which it may go on.
        first: as `BUSY`, of the first part beyond a side: a scan's blurred edge is no pattern.
        most: greatest number of parts by which a side is moved, up to `MOST_SIDE_PARTS`.
    """
    across, down = corners[1] - corners[0], corners[3] - corners[0]
    width, height = float(np.hypot(*across)), float(np.hypot(*down))
    if min(width, height) < SHORTEST:
        return corners
    part = max(2, round(min(width, MOST_COLUMNS) / SIDE_PARTS))
    pixel = width / (SIDE_PARTS * part)
    size = ((SIDE_PARTS + 2 * MOST_SIDE_PARTS) * part, ceil(height / pixel))
    start = corners[0] - MOST_SIDE_PARTS * part * pixel * across / width
    steps = pixel * across / width, pixel * down / height
    strip = _sampled(grey, *steps, start, size, cv2.BORDER_REPLICATE)
    edges = np.abs(np.diff(strip, axis=1, append=strip[:, -1:]))
    bands = [band.mean(axis=0) for band in np.array_split(edges, BANDS) if len(band)]
    busy = np.max(bands, axis=0).reshape(-1, part).mean(axis=1)
    busy /= max(np.median(busy[MOST_SIDE_PARTS:-MOST_SIDE_PARTS]), 1e-6)
    left = _extent(busy[:MOST_SIDE_PARTS][::-1][:most], gap, first)
    right = _extent(busy[-MOST_SIDE_PARTS:][:most], gap, first)
    unit = part * pixel * across / width
    return np.asarray(corners + np.array([[-left], [right], [right], [-left]]) * unit)


def _extent(busy: np.ndarray, gap: int, first: float) -> int:
    """Number of parts up to the last one with a pattern, before more than `gap` without."""
    last = 0
    for number, each in enumerate(busy if busy[0] >= first else (), start=1):
        if each >= BUSY:
            last = number
        elif number - last > gap:
            break
    return last


def _moved(grey: np.ndarray, row: np.ndarray, step: np.ndarray) -> np.ndarray:
    """A row's ends (float [2, 2]), moved step by step as long as the bars continue."""
    length = float(np.hypot(*(row[1] - row[0])))
    unit = (row[1] - row[0]) / length
    pixel = max(1.0, length / MOST_COLUMNS)
    count, rows = int(length / pixel), ceil(REACH * length / pixel)
    pad, gap = count // 16, max(2, round(GAP * count))
    least = 0.0
    for _ in range(PARTS):
        start, size = row[0] - pad * pixel * unit, (count + 2 * pad, rows)
        strip = _sampled(grey, pixel * unit, pixel * step, start, size, cv2.BORDER_CONSTANT)
        bars = np.ascontiguousarray(strip[:1, pad : pad + count])
        least = least or CONTRAST * float(bars.std())
        likeness = cv2.matchTemplate(strip, bars, cv2.TM_CCOEFF_NORMED)
        alike = np.flatnonzero((likeness.max(axis=1) >= ALIKE) & (strip.std(axis=1) >= least))
        ends = alike[np.diff(alike, append=len(strip) + gap + 1) > gap]
        last = int(ends[0]) if ends.size else 0
        if not last:
            break
        row = row + pixel * (last * step + (int(likeness[last].argmax()) - pad) * unit)
    beyond = pixel if pixel > 1 else 0.0  # bars may end anywhere before the next sampled row
    return row + beyond * step


def _sampled(
    grey: np.ndarray,
    across: np.ndarray,
    down: np.ndarray,
    start: np.ndarray,
    size: tuple[int, int],
    border: int,
) -> np.ndarray:
    """Grey levels at steps across and down from a place, float32 [h, w]."""
    how = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    to_image = np.column_stack([across, down, start])
    drawn = cv2.warpAffine(grey, to_image, size, flags=how, borderMode=border)
    return np.asarray(drawn, np.float32)
