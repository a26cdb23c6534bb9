"""Coding blocks of a lossy original, as the audit finds them in the bytes of its file.

The process that draws a page of a PDF reports the places of its images; their blocks are derived
here.
"""

from __future__ import annotations

import io
import math
import struct
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import cv2
import numpy as np
from PIL import Image

from anonbench.anonymization.audit.errors import Failure
from anonbench.datasets.formats.pages import Page
from anonbench.datasets.formats.pdf import placed_images

Box = tuple[tuple[int, int], tuple[int, int]]
"""Rows and columns, half-open."""
Masks = tuple[np.ndarray, np.ndarray]
_ROUNDING = 1e-6


class Source(NamedTuple):
    """File that an original was decoded from."""

    data: bytes
    page: Page | None = None


class Axis(NamedTuple):
    """Blocks along rows or columns, in pixels of the upright original."""

    low: float
    high: float
    """Ends of the picture."""
    corner: float
    """Coordinate at which some block begins."""
    step: float
    beyond: float
    """Pixels on each side of a block that its decoding also affects."""

    def spans(self, start: int, stop: int, length: int) -> np.ndarray:
        """Blocks that contain pixels, int64 [n, 4]: their own and the affected pixels, half-open.

        Args:
            start: first pixel.
            stop: one past the last pixel.
            length: of the image.

        """
        spans = []
        if min(stop, self.high) > max(start, self.low):
            number = math.floor((max(start, self.low) - self.corner) / self.step + _ROUNDING)
            end = min(stop, self.high) - self.step * _ROUNDING
            while (at := self.corner + number * self.step) < end:
                ends = max(at, self.low) + _ROUNDING, min(at + self.step, self.high) - _ROUNDING
                own = math.floor(ends[0]), math.ceil(ends[1])
                far = math.floor(ends[0] - self.beyond), math.ceil(ends[1] + self.beyond)
                spans.append([min(max(each, 0), length) for each in (*own, *far)])
                number += 1
        return np.array(spans, np.int64).reshape(-1, 4)


Grid = tuple[Axis, Axis]
"""Rows and columns."""


def read_grids(text: object) -> tuple[Grid, ...]:
    """Grids that a box table names."""
    if not isinstance(text, str) or not text:
        return ()
    numbers = [[float(value) for value in each.split()] for each in text.split(";")]
    return tuple(
        (Axis(top, bottom, y, height, below), Axis(left, right, x, width, beside))
        for left, top, right, bottom, x, y, width, height, beside, below in numbers
    )


def whole_blocks(
    box: Box, masks: Masks, grids: Sequence[Grid], shape: tuple[int, ...]
) -> tuple[Box, Masks]:
    """Extend a box, and pixels in it, to all pixels affected by the blocks that they touch.

    Args:
        box: rows and columns.
        masks: two of bool [h, w], in the box.
        grids: of the image's file.
        shape: the image's.

    """
    every = ([a.spans(*e, n) for a, e, n in zip(grid, box, shape, strict=False)] for grid in grids)
    spans = [pair for pair in every if len(pair[0]) and len(pair[1])]
    if not spans:
        return box, masks
    (top, bottom), (left, right) = (
        (
            min(start, *(int(pair[axis][:, 2].min()) for pair in spans)),
            max(stop, *(int(pair[axis][:, 3].max()) for pair in spans)),
        )
        for axis, (start, stop) in enumerate(box)
    )
    frame = ((box[0][0] - top, bottom - box[0][1]), (box[1][0] - left, right - box[1][1]))

    def extended(mask: np.ndarray) -> np.ndarray:
        own = framed(mask, frame)
        each = [own, *(_reached(own, y - top, x - left) for y, x in spans)]
        return np.asarray(np.logical_or.reduce(each))

    required = extended(masks[0])
    may = required if masks[1] is masks[0] else extended(masks[1])
    return ((top, bottom), (left, right)), (required, may)


def framed(mask: np.ndarray, frame: Sequence[tuple[int, int]]) -> np.ndarray:
    """Put a border of pixels that do not belong to it around a mask."""
    no = cv2.BORDER_CONSTANT
    return cv2.copyMakeBorder(mask.view(np.uint8), *frame[0], *frame[1], no).view(bool)


def _reached(own: np.ndarray, rows: np.ndarray, columns: np.ndarray) -> np.ndarray:
    """Pixels affected by blocks that contain some pixel of a mask, bool [h, w].

    Args:
        own: bool [h, w], the mask.
        rows: of blocks, as `Axis.spans` returns them.
        columns: the same.

    """
    count = cv2.integral(own.view(np.uint8))
    (y0, y1, top, bottom), (x0, x1, left, right) = rows.T[..., None], columns.T
    touched = count[y1, x1] - count[y0, x1] - count[y1, x0] + count[y0, x0] > 0
    corners = np.zeros(count.shape, np.int32)
    for y, x, sign in ((top, left, 1), (top, right, -1), (bottom, left, -1), (bottom, right, 1)):
        np.add.at(corners, (y, x), sign * touched)
    for axis in (0, 1):
        np.cumsum(corners, axis, np.int32, out=corners)
    return np.asarray(corners[:-1, :-1] > 0)


def grids_of(source: Source, shape: tuple[int, ...]) -> tuple[Grid, ...]:
    """Grids of an original; empty for a lossless file.

    Args:
        source: its file.
        shape: of the upright image.

    """
    data, page = source
    try:
        if page is not None and page.dpi:
            return tuple(_page_grids(data, page))
        sizes = _sizes(data, page)
        turn = _exif_orientation(data, page) if sizes else 1
    except Failure:
        raise
    except Exception:  # decoders of damaged data may raise nearly anything
        raise Failure("the coding blocks of its original cannot be found") from None
    if sizes is None:
        return ()
    across, down = sizes if turn < 5 else sizes[::-1]
    rows = Axis(0, shape[0], shape[0] * (turn in (3, 4, 7, 8)), *down)
    columns = Axis(0, shape[1], shape[1] * (turn in (2, 3, 6, 7)), *across)
    return ((rows, columns),)


Sizes = tuple[tuple[float, float], tuple[float, float]]
"""Sizes across and down, as stored: of a block, and of its effect on each side."""


def _sizes(data: bytes, page: Page | None) -> Sizes | None:
    if data.startswith(b"\xff\xd8"):
        return _jpeg_units(data)
    if data[:4] in (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+"):
        return _tiff_units(data, page)
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        start = max(data.find(b"ANMF"), 12)
        lossy, lossless = data.find(b"VP8 ", start), data.find(b"VP8L", start)
        return None if lossless >= 0 and not 0 <= lossy < lossless else ((16, 16), (16, 16))
    if _is_heif(data):
        return ((8, 72), (8, 72))
    if data.startswith((b"\0\0\0\x0cjP  ", b"\xff\x4f\xff\x51")):
        style = data.index(b"\xff\x52", data.index(b"\xff\x4f\xff\x51"))
        reach = 2 ** min(data[style + 9], 32)
        return ((8, reach), (8, reach))
    return None


def _is_heif(data: bytes) -> bool:
    return data[4:8] == b"ftyp"


def _jpeg_units(data: bytes) -> Sizes:
    """Size of the units of a JPEG file, by the first frame header in it."""
    at = 2
    while True:
        at = data.index(b"\xff", at)  # decoders skip bytes between segments
        while data[at] == 0xFF:
            at += 1
        marker = data[at]
        if 0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC):
            break
        at += 1
        if marker > 1 and marker not in range(0xD0, 0xD8):  # such a segment has a length
            at += struct.unpack_from(">H", data, at)[0]
    factors = [divmod(data[at + 10 + 3 * number], 16) for number in range(data[at + 8])]
    if len(factors) == 1:
        factors = [(1, 1)]
    across, down = (max(each) for each in zip(*factors, strict=True))
    return ((8 * across, across > 1), (8 * down, down > 1))


def _tiff_units(data: bytes, page: Page | None) -> Sizes | None:
    tags = _tags(data, page)
    kind = tags.get(259)
    if kind not in (6, 7, 50001):
        return None
    if kind == 50001:
        sizes: Sizes = ((16, 16), (16, 16))
    elif data[(first := int((tags.get(273) or tags.get(324))[0])) :].startswith(b"\xff\xd8"):
        sizes = _jpeg_units(data[first:])
    else:
        sampling = tags.get(530, (2, 2)) if tags.get(262) == 6 else (1, 1)
        sizes = ((8 * sampling[0], sampling[0] > 1), (8 * sampling[1], sampling[1] > 1))
    parts = tags.get(322, tags[256]), tags.get(323, tags.get(278, tags[257]))
    (across, right), (down, below) = (
        (part if part < side and part % size else size, beyond)
        for part, side, (size, beyond) in zip(parts, (tags[256], tags[257]), sizes, strict=True)
    )
    return ((across, right), (down, below))


def _exif_orientation(data: bytes, page: Page | None) -> int:
    """EXIF orientation that decoding undoes, 1 for none."""
    if _is_heif(data):
        return 1  # a fine grid with a wide reach is the same in all orientations
    if data[:2] in (b"II", b"MM"):
        found = _tags(data, page).get(274, 1)
    else:
        with Image.open(io.BytesIO(data)) as image:
            found = image.getexif().get(274, 1)
    return found if found in range(1, 9) else 1


def _tags(data: bytes, page: Page | None) -> Any:
    """Tags of a TIFF file's page."""
    with Image.open(io.BytesIO(data), formats=["TIFF"]) as image:
        if page is not None:
            from anonbench.datasets.formats.pages import tiff_frames

            image.seek(tiff_frames(io.BytesIO(data))[page.number - 1])
        return image.tag_v2  # type: ignore[attr-defined]


def _page_grids(data: bytes, page: Page) -> Iterator[Grid]:
    """Grids of images on a page of a PDF."""
    for image in placed_images(data, page):
        corner = np.array(image.corner)
        sides = np.array([image.across, image.down])
        ends = np.array([corner, corner + sides[0], corner + sides[1], corner + sides.sum(axis=0)])
        (left, top), (right, bottom) = ends.min(axis=0), ends.max(axis=0)
        if image.is_slanted:
            yield Axis(top, bottom, top, bottom - top, 3), Axis(left, right, left, right - left, 3)
            continue
        scale = np.abs(sides).max(axis=1) / (image.width, image.height)
        factors = np.array((1, 1) if image.is_jpeg2000 else image.sampling)
        far = np.array([32.0, 32.0]) if image.is_jpeg2000 else (factors > 1).astype(float)
        steps, beyond = 8 * factors * scale, far * scale + np.maximum(scale, 1) + 1
        if image.is_turned:
            steps, beyond = steps[::-1], beyond[::-1]
        yield (
            Axis(top, bottom, corner[1], steps[1], beyond[1]),
            Axis(left, right, corner[0], steps[0], beyond[0]),
        )
