"""Machine-readable zones (ICAO Doc 9303), by reading long lines of text.

What is read is not stored. Lines that make one block are a zone. It is completed by parts that text
detectors miss: whole lines, and fillers at the end of one.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np

from anonbench.core import icao9303
from anonbench.core.boxes import Region, rectangle
from anonbench.core.libraries.opencv import cv2
from anonbench.core.registries.detectors import Detector, DetectorKind, Loading
from anonbench.core.settings import Place
from anonbench.core.vocabulary import Entity
from anonbench.detection.base import PerImage, as_grey, as_rgb, clipped, corners_of
from anonbench.detection.kinds.ppocr import Ppocr
from anonbench.detection.text_recognizer import LineReader, straightened

LEAST_RATIO = (
    9.0  # least width of a line by its height: 13 to 39 in zones, half of it in broken ones
)
PROBE = 0.35  # share of a line that is read first, to reject lines in small letters or with spaces
PROBED = 0.7  # share of capitals, digits and fillers in it from which the whole line is read
LIKELY = 0.7  # smallest similarity of a line to a line of a zone, from 0 to 1
MARGIN = 0.25  # enlargement of a zone on each side, in heights of a line
SURE = 0.95  # mean probability of its characters from which a line is not upside down


class Mrz(DetectorKind):
    """Machine-readable zones (ICAO 9303), by reading the lines of the detector ppocr."""

    name: ClassVar = "mrz"
    label: ClassVar = "MRZ"
    entities: ClassVar = (Entity.MRZ,)
    reads: ClassVar = ("ppocr", "speed")
    install: ClassVar = "pip install onnxruntime"
    seconds_an_image: ClassVar = (0.3, 0.05)

    weights: Place | None = None
    """ONNX file of PP-OCR's recognizer or a folder with inference.onnx; by default that of
    rapidocr_onnxruntime."""

    def load(self, loading: Loading) -> Detector:
        """See `DetectorKind.load`."""
        lines = loading.lines or loading.detection.of(Ppocr).load(loading)
        return MrzDetector(self, lines, loading.threads)


class MrzDetector(PerImage):
    """Machine-readable zones, each as one quadrilateral around its lines."""

    def __init__(self, settings: Mrz, lines: Detector, threads: int) -> None:
        self._lines = lines
        self._reader = LineReader(settings.weights, threads)

    def _search(self, image: np.ndarray, texts: Sequence[Region]) -> Iterator[Region]:
        every = (Line(corners_of(text)) for text in texts)
        lying = (line if line.width >= line.height else line.turned(1) for line in every)
        rgb, read = as_rgb(image), []
        for line in lying:
            if line.width >= LEAST_RATIO * line.height:
                best, sure = self._scored(rgb, line)
                if best.score < LIKELY and sure < SURE:
                    other, _ = self._scored(rgb, line.turned(2))
                    best = max(best, other, key=lambda way: way.score)
                read.append(best)
        for block in blocks(read):
            corners = outline(completed(as_grey(image), block), MARGIN)
            is_verified = icao9303.verified([line.text for line in block])
            score = 1.0 if is_verified else min(0.99, max(line.score for line in block))
            yield from clipped(Entity.MRZ, [corners], [score], image)

    def _scored(self, rgb: np.ndarray, line: Line) -> tuple[Line, float]:
        """A line with its score, and the certainty of the reading of its start.

        The rest is read if it may be a zone's by its start; an empty reading may.
        """
        start, sure = self._reader.read_surely(rgb, line.corners, PROBE)
        plain = sum(c.isascii() and (c.isupper() or c.isdigit()) for c in start)
        if icao9303.FILLER not in icao9303.normalized(start) and plain < PROBED * len(start):
            return line, sure
        text, _ = self._reader.read_surely(rgb, line.corners)
        return replace(line, text=text, score=icao9303.plausibility(text)), sure


MOST_LINES = 3
TURN = 5.0  # greatest angle in degrees between two lines of one zone: short pieces are less exact
HEIGHTS = (0.55, 1.8)  # height of a line as a multiple of its neighbour's
STEP = (0.7, 3.2)
"""Distance between the middles of neighbouring lines, in heights: 3.1 in a passport of 2.4 mm
letters at line spacing 6.35 mm, boxes being higher than letters (Doc 9303, part 4, 4.2.2)."""
ENDS = 2.0  # greatest distance between the ends of two unread lines, in heights
HEIGHT = 16  # height in pixels to which lines are scaled before they are examined
LEAST_INK = 0.4  # least ink of a missed line, as a share of its neighbour's: fillers have half
REACH = 2.5  # greatest length of an extended line, as a multiple of the found one
LONGEST = 50.0  # greatest length of a line, in heights: 44 characters are up to 39 heights of a box


@dataclass(frozen=True)
class Line:
    """One line of text: corners in reading order, float [4, 2], and its score as a zone's line."""

    corners: np.ndarray
    score: float = 0.0
    text: str = ""

    @property
    def kin(self) -> bool:
        """Whether it may be a piece of a zone, though it is not enough to recognize one."""
        return self.score > 0.3 or icao9303.FILLER in icao9303.normalized(self.text)

    @property
    def width(self) -> float:
        """Length in pixels."""
        return float(np.hypot(*self._along))

    @property
    def height(self) -> float:
        """Height in pixels."""
        return float(np.hypot(*(self.corners[[3, 2]] - self.corners[[0, 1]]).mean(axis=0)))

    @property
    def angle(self) -> float:
        """Direction of reading in degrees, clockwise from the image's right."""
        return float(np.degrees(np.arctan2(*self._along[::-1])))

    @property
    def axes(self) -> np.ndarray:
        """Unit vectors along the line and across it, downwards; float64 [2, 2]."""
        turn = np.radians(self.angle)
        x, y = np.cos(turn), np.sin(turn)
        return np.array([(x, y), (-y, x)])

    @property
    def _along(self) -> np.ndarray:
        return np.asarray((self.corners[[1, 2]] - self.corners[[0, 3]]).mean(axis=0))

    def turned(self, quarters: int) -> Line:
        """The same place, with the reading direction turned by quarters clockwise."""
        return replace(self, corners=np.roll(self.corners, -quarters, axis=0))


def blocks(lines: Sequence[Line]) -> list[list[Line]]:
    """Groups of one to three lines that are zones, each from its first line down.

    A zone starts from its best line. Neighbours belong to it if they also look like a zone's, or if
    they begin and end with it.
    """
    rest = sorted(lines, key=lambda line: line.score, reverse=True)
    found = []
    while rest and rest[0].score >= LIKELY:
        block = _grown(rest[0], rest[1:])
        rest = [line for line in rest if not any(line is other for other in block)]
        found.append(block)
    return found


def _grown(best: Line, lines: Sequence[Line]) -> list[Line]:
    """A line with its neighbours: in new rows, three rows at most, or beside a row.

    A new row begins with the block, and ends with it unless it looks like a zone's. A piece beside
    a row lies within the block or looks like a zone's. All have nearly its direction and height.
    """
    (along, across), height = best.axes, best.height
    rest = [
        line
        for line in lines
        if abs((line.angle - best.angle + 180) % 360 - 180) <= TURN
        and HEIGHTS[0] <= line.height / height <= HEIGHTS[1]
    ]
    block, rows, joined = [best], [_middle(best, across)], True
    while joined:
        joined = False
        for line in rest:
            if any(line is other for other in block):
                continue
            middle = _middle(line, across)
            step = min(abs(middle - row) for row in rows) / height
            (start, end), (first, last) = _extent([line], along), _extent(block, along)
            if step < STEP[0] / 2:
                joins = line.kin or (start >= first - height and end <= last + height)
            else:
                joins = STEP[0] <= step <= STEP[1] and len(rows) < MOST_LINES
                joins = joins and abs(start - first) <= ENDS * height
                joins = joins and (line.kin or abs(end - last) <= ENDS * height)
                rows += [middle] if joins else []
            if joins:
                block, joined = [*block, line], True
    return sorted(block, key=lambda line: _middle(line, across))


def _middle(line: Line, axis: np.ndarray) -> float:
    return float(line.corners.mean(axis=0) @ axis)


def _extent(lines: Sequence[Line], axis: np.ndarray) -> tuple[float, float]:
    """Start and end of lines along an axis."""
    at = np.concatenate([line.corners for line in lines]) @ axis
    return float(at.min()), float(at.max())


def outline(block: Sequence[Line], margin: float) -> np.ndarray:
    """The rectangle around a block, float [4, 2], grown by `margin` heights of a line.

    All lines of a zone end at the same column, but a text detector often stops before the last
    fillers of one of them: the longest gives the direction.
    """
    axes = max(block, key=lambda line: line.width).axes
    more = margin * float(np.median([line.height for line in block]))
    (x0, x1), (y0, y1) = (_extent(block, axis) for axis in axes)
    return np.asarray(rectangle(x0 - more, y0 - more, x1 + more, y1 + more) @ axes)


def completed(grey: np.ndarray, block: Sequence[Line]) -> list[Line]:
    """A zone's lines with missed ones added, each as long as its ink.

    A line is missed beyond the outermost one if the format has one and there is ink.
    """
    lines = list(block)
    if icao9303.is_licence(block[0].text):
        return [_lengthened(grey, block[0])]
    if icao9303.has_dates(block[0].text) and len(lines) < MOST_LINES:
        lines += _inked(grey, block[0], -1)
    last = block[-1].text
    single_name = len(lines) == 1 and not icao9303.has_dates(last)
    if (single_name or icao9303.begins_with_dates(last)) and len(lines) < MOST_LINES:
        lines += _inked(grey, block[-1], 1)
    return [_lengthened(grey, line) for line in lines]


def _inked(grey: np.ndarray, line: Line, side: int) -> list[Line]:
    """The position of a similar line above (-1) or below (1) a line, if any."""
    shifts = [side * step * line.height for step in np.arange(*STEP, 0.2)]
    places = [line.corners + shift * line.axes[1] for shift in shifts]
    inks = [_columns(grey, place).mean() for place in places]
    best = int(np.argmax(inks))
    is_inked = inks[best] >= LEAST_INK * _columns(grey, line.corners).mean()
    return [Line(places[best])] if is_inked else []


def _lengthened(grey: np.ndarray, line: Line) -> Line:
    """A line extended to the end of its ink: text detectors stop within fillers."""
    axes = line.axes
    (start, end), (top, bottom) = (_extent([line], axis) for axis in axes)
    reach = min(max(0.0, LONGEST * line.height - (end - start)), REACH * (end - start))
    columns = _columns(grey, rectangle(start, top, end + reach, bottom) @ axes)
    level = cv2.blur(columns[None], (HEIGHT + HEIGHT // 2, 1))[0]
    inside = max(1, round(len(columns) * (end - start) / (end - start + reach)))
    beyond = np.flatnonzero(level[inside:] < LEAST_INK * float(np.median(level[:inside])))
    # without an end, it is the picture's background
    more = int(beyond[0]) / HEIGHT * line.height if len(beyond) else 0.0
    if more <= line.height / 2:
        return line
    return replace(line, corners=rectangle(start, top, end + more, bottom) @ axes)


def _columns(grey: np.ndarray, corners: np.ndarray) -> np.ndarray:
    """Mean change of the grey level along a line, column by column, float32 [W]."""
    middle = straightened(grey, corners, HEIGHT).astype(np.float32)[3:-3]
    return np.asarray(np.abs(np.diff(middle, axis=1, append=middle[:, -1:])).mean(axis=0))
