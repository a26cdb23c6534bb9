"""Lines of text as drawn by an attacker: over a region, or in a known line's typesetting."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from importlib.util import find_spec
from itertools import chain, product
from operator import add
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from anonbench.anonymization.apply import layers
from anonbench.anonymization.geometry import cover
from anonbench.config import Anonymization
from anonbench.core.boxes import Blocks, Region, rectangle
from anonbench.core.libraries.opencv import cv2
from anonbench.core.vocabulary import Entity, Variant
from anonbench.detection import views
from anonbench.detection.base import as_grey, corners_of

PROPORTIONAL = ("DejaVuSans", "STIXGeneral", "cmss10", "DejaVuSansMono")
FIXED = ("DejaVuSansMono", "cmtt10")
"""Type faces: those that matplotlib ships. Without it the one of Pillow is used."""
_LEAST, _MOST = 12, 48  # pixels of the smallest and the largest type drawn; other lines are scaled
_PITCH = 0.62  # height of a zone's letters by the distance of its lines (ICAO Doc 9303, part 3)


@dataclass(frozen=True)
class Setting:
    """Typesetting of a line in its region: type face, margins as shares of the height."""

    face: str
    side: float
    top: float
    bottom: float


def settings(faces: Sequence[str]) -> list[Setting]:
    """Settings to try: boxes fit their lines more or less tightly."""
    margins = product((0.04, 0.25), (0.06, 0.22), (0.06, 0.22))
    return [Setting(face, *margin) for margin in margins for face in faces]


@lru_cache(maxsize=32)
def strips(texts: tuple[str, ...], face: str, height: int) -> list[np.ndarray]:
    """Lines of text, none blank, in a type face, as ink coverage, uint8 [h, w] each.

    All have the rows between the highest and the lowest letter of all of them, and each the columns
    of its own letters, so that a line's size does not identify it. `height` is an approximate one.
    """
    size = min(max(_LEAST, height), _MOST)
    drawn = [Image.fromarray(_strip(text, face, size)) for text in texts]
    boxes = [image.getbbox() or (0, 0, *image.size) for image in drawn]
    top, bottom = min(box[1] for box in boxes), max(box[3] for box in boxes)
    return [
        np.asarray(image.crop((box[0], top, box[2], bottom)))
        for image, box in zip(drawn, boxes, strict=True)
    ]


def set_in(lines: Sequence[np.ndarray], size: tuple[int, int], setting: Setting) -> np.ndarray:
    """Place lines of `strips` in the full width of a region, as ink coverage, uint8 of `size`."""
    height, width = size
    page = np.zeros(size, np.uint8)
    left = min(round(setting.side * height), (width - 1) // 2)
    top, end = round(setting.top * height), height - round(setting.bottom * height)
    share = _PITCH if len(lines) > 1 else 1.0
    step = (end - top) / (len(lines) - 1 + share)
    for row, line in enumerate(lines):
        start = round(top + row * step)
        rows = min(max(1, round(share * step)), height - start)
        if rows > 0:
            scaled = cv2.resize(line, (width - 2 * left, rows), interpolation=cv2.INTER_AREA)
            page[start : start + rows, left : width - left] = scaled
    return page


@lru_cache(maxsize=256)
def font_of(face: str, size: float) -> ImageFont.FreeTypeFont:
    """Type face from matplotlib's fonts; Pillow's own if there is none, or for an empty name."""
    spec = find_spec("matplotlib") if face else None
    if spec is None or spec.origin is None:
        found = ImageFont.load_default(size)
        assert isinstance(found, ImageFont.FreeTypeFont)
        return found
    file = Path(spec.origin).parent / "mpl-data" / "fonts" / "ttf" / f"{face}.ttf"
    return ImageFont.truetype(str(file), size, layout_engine=ImageFont.Layout.BASIC)


FACES = (
    *("", "DejaVuSans", "DejaVuSans-Bold", "DejaVuSerif", "DejaVuSansMono"),
    *("STIXGeneral", "STIXGeneralBol", "cmss10", "cmr10", "cmtt10"),
)  # type faces that come with Pillow (the empty name) and matplotlib
_TRIED = 100.0  # points at which a type face is measured
_SIZES = np.arange(-2.0, 2.1, 0.5)  # points that a size differs from the one that fits the height
_SHIFTS = (0.0, -0.5, 0.5, -1.0, 1.0)  # pixels that the best settings' place and width are varied
_REFINED = 6
_NARROWEST, _WIDEST = 0.7, 1.4
_WRITTEN = 0.4  # share of a line's darkest ink from which a pixel counts as written on
_SAME_WIDTH = 0.75  # pixels below which a difference of widths is one of rounding


@dataclass(frozen=True)
class Typesetting:
    """Type face, size and place of a line; other texts start at the same point."""

    face: str
    size: float
    stretch: float
    right: float
    down: float

    def drawn(
        self, text: str, shape: tuple[int, ...], onto: np.ndarray | None = None
    ) -> np.ndarray:
        """Draw a line of text as ink coverage, uint8 of `shape`.

        `onto` leads from the upright line to the result, float64 [3, 3]; None: they are the same.
        """
        matrix = np.array([[self.stretch, 0, self.right], [0, 1, self.down], [0, 0, 1]])
        matrix = matrix if onto is None else onto @ matrix
        strip = _strip(text, self.face, self.size)
        return np.asarray(cv2.warpPerspective(strip, matrix, shape[1::-1]))


def upright(region: Region) -> tuple[np.ndarray, tuple[int, int]]:
    """Transformation from an upright line to its image, and the line's width and height."""
    if region.quad is None:
        left, top = np.floor((region.x0, region.y0))
        right, bottom = np.ceil((region.x1, region.y1))
        matrix = np.array([[1, 0, left], [0, 1, top], [0, 0, 1]], np.float64)
        return matrix, (int(right - left), int(bottom - top))
    corners = corners_of(region)
    width, height = _sides(corners)
    # the transformation uses pixel centres as positions
    line = rectangle(0, 0, width, height).astype(np.float32) - 0.5
    onto = cv2.getPerspectiveTransform(line, corners.astype(np.float32) - 0.5)
    return np.asarray(onto, np.float64), (width, height)


def _sides(corners: np.ndarray) -> tuple[int, int]:
    sides = np.linalg.norm(np.roll(corners, -1, axis=0) - corners, axis=1)
    return max(1, round(sides[::2].max())), max(1, round(sides[1::2].max()))


def moved(region: Region, right: float, down: float) -> Region:
    """Shift a region into an image that is cropped on the left and at the top."""
    shift = *(right, down) * 3, *(0.0,) * 4  # of two corners and a block, not of sizes
    blocks = tuple(Blocks(*map(add, each, shift)) for each in region.blocks)
    return replace(views.moved(region, np.array([[1, 0, right], [0, 1, down]])), blocks=blocks)


def typesetting_of(line: np.ndarray, text: str) -> Typesetting | None:
    """Type face, size and place of a text, dark on bright, uint8 [h, w]; None without ink."""
    paper = np.median(line[line >= np.median(line)])
    ink = np.clip(paper - line.astype(np.float32), 0, None)
    if not ink.any():
        return None

    def likeness(one: Typesetting) -> float:
        drawn = one.drawn(text, ink.shape).astype(np.float32)
        drawn -= drawn.mean()
        length = float(np.linalg.norm(drawn))
        return float((drawn * (ink - ink.mean())).sum()) / length if length else 0.0

    rough = sorted(_rough(ink, text), key=likeness, reverse=True)
    tried = rough[:1]
    for one in rough[:_REFINED]:
        start, stop = _extent(_strip(text, one.face, one.size), 0)
        for wider, right, down in product(_SHIFTS, repeat=3):
            more = wider / max(1, stop - start)
            place = one.right + right - start * more, one.down + down
            tried.append(Typesetting(one.face, one.size, one.stretch + more, *place))
    return max(tried, key=likeness, default=None)


def _rough(ink: np.ndarray, text: str) -> Iterator[Typesetting]:
    """Yield settings with about the height and width of the line."""
    (left, right), (top, bottom) = _extent(ink, 0), _extent(ink, 1)
    for face in FACES:
        first, last = _extent(_strip(text, face, _TRIED), 1)
        if first == last:
            continue
        fitting = _TRIED * (bottom - top) / (last - first)
        for size in sorted({max(6.0, round(2 * (fitting + more)) / 2) for more in _SIZES}):
            strip = _strip(text, face, size)
            (start, stop), (first, last) = _extent(strip, 0), _extent(strip, 1)
            wider = (right - left) - (stop - start)
            stretch = 1.0 if abs(wider) < _SAME_WIDTH else 1.0 + wider / max(1, stop - start)
            if _NARROWEST < stretch < _WIDEST:
                for down in sorted({top - first, bottom - last}):
                    yield Typesetting(face, size, stretch, left - start * stretch, down)


def _extent(ink: np.ndarray, axis: int) -> tuple[int, int]:
    """First position with ink, and the position after the last."""
    most = ink.max(axis=axis)
    places = np.flatnonzero(most > _WRITTEN * most.max(initial=0))
    return (int(places[0]), int(places[-1]) + 1) if len(places) else (0, 0)


def _strip(text: str, face: str, size: float) -> np.ndarray:
    """Ink of a text, cached unless it is large: a headline takes megabytes."""
    return (_drawn if size <= _TRIED else _drawn.__wrapped__)(text, face, size)


@lru_cache(maxsize=512)
def _drawn(text: str, face: str, size: float) -> np.ndarray:
    font, around = font_of(face, size), int(size)
    image = Image.new("L", (int(font.getlength(text)) + 2 * around, 3 * around))
    ImageDraw.Draw(image).text((around, 2 * around), text, fill=255, font=font, anchor="ls")
    return np.asarray(image)


_FEW = 8  # candidates for choosing settings; all are then drawn in the best of these
_SOFT = 0.08  # blur of a region that is not hidden, as a share of its height: strokes need not meet
_PAPER, _INK, _CONTRAST = 235.0, 25.0, 100.0
"""Grey levels; where the surroundings are brighter than the sum of the last two, they are paper."""
_APART = 1e-3
"""Length of a candidate's own part (of 1) below which it equals all others up to rounding."""


def fits(
    candidates: Sequence[tuple[str, ...]],
    pixels: np.ndarray,
    region: Region,
    method: str | None,
    hiding: Anonymization,
    tries: int,
) -> np.ndarray:
    """Correlation of each candidate, drawn and hidden, with published pixels, float [N].

    The common part of all candidates (the place of ink and paper) is removed from both sides: it
    does not distinguish between them. The highest of `tries` typesettings counts.

    Args:
        candidates: lines of text, the true ones first; they do not influence the settings tried.
        pixels: of the region and around it, uint8 [H, W] or [H, W, 3].
        region: a horizontal line, or a zone, with at least one pixel in the image.
        method: None: the region is not hidden.
    """
    grey = as_grey(pixels)
    area = cover(region, grey.shape, hiding.margin, 1, getattr(hiding.shape, region.entity))
    assert area is not None
    window, inside = area.window, area.inside
    width, height = _sides(corners_of(region))
    onto, _ = upright(moved(region, -window[1].start, -window[0].start))
    beside = np.ones(grey.shape, bool)
    beside[window] = ~inside
    # dark surroundings are not paper
    paper = float(np.median(grey[beside])) if beside.any() else 0.0
    paper = paper if paper > _INK + _CONTRAST else _PAPER
    levels = np.rint(paper - (paper - _INK) * np.linspace(0.0, 1.0, 256)).astype(np.uint8)

    def vector(page: np.ndarray) -> np.ndarray:
        """Pixels of the region, float32 [P], with mean 0 and length 1 (or 0)."""
        seen: np.ndarray = page[window].astype(np.float32)
        if method is None:
            seen = cv2.GaussianBlur(seen, (0, 0), max(0.5, _SOFT * height))
        return _unit(seen[inside] - seen[inside].mean())

    def vectors(shown: Sequence[tuple[str, ...]], setting: Setting) -> np.ndarray:
        """Candidates as drawn and hidden, float32 [N, P]."""
        count, size = len(shown[0]), inside.shape[::-1]
        drawn = strips(tuple(chain(*shown)), setting.face, height // count)
        found = []
        for start in range(0, len(drawn), count):
            page = grey.copy()
            ink = set_in(drawn[start : start + count], (height, width), setting)
            if region.quad is None:
                ink = np.asarray(cv2.resize(ink, size, interpolation=cv2.INTER_AREA))
            else:
                ink = np.asarray(cv2.warpPerspective(ink, onto, size))
            page[window][inside] = levels[ink][inside]
            if method is not None:
                page = layers(page, [region], Variant(method, 100), hiding)[-1]
            found.append(vector(page))
        return np.stack(found)

    def scores(setting: Setting) -> np.ndarray:
        every = vectors(candidates, setting)
        common = _unit(every.mean(axis=0))
        rest = every - np.outer(every @ common, common)
        left = target - (target @ common) * common
        lengths = np.linalg.norm(rest, axis=1)
        apart = lengths > _APART
        found = rest @ left / np.where(apart, lengths, 1.0) / max(np.linalg.norm(left), _APART)
        return np.asarray(np.where(apart, found, 0.0))

    target = vector(grey)
    if not target.any():
        return np.zeros(len(candidates))
    tried = settings(FIXED if region.entity == Entity.MRZ else PROPORTIONAL)
    few = candidates[1 : 1 + _FEW]
    fit = [float(_unit(vectors(few, setting).mean(axis=0)) @ target) for setting in tried]
    best = np.argsort(-np.array(fit), kind="stable")[:tries]
    return np.asarray(np.max([scores(tried[n]) for n in best], axis=0))


def _unit(vector: np.ndarray) -> np.ndarray:
    length = float(np.linalg.norm(vector))
    return np.asarray(vector / length if length > _APART else np.zeros_like(vector), np.float32)
