"""Coding blocks of a lossy original, as the audit finds them in the bytes of its file.

The process that draws a page of a PDF reports the places of its images; their blocks are derived
here.
"""

from __future__ import annotations

import io
import struct
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
from PIL import Image

from anonbench.anonymization.audit import Failure
from anonbench.anonymization.audit.regions import Axis, Grid
from anonbench.datasets.formats.pages import Page
from anonbench.datasets.formats.pdf import placed_images


class Source(NamedTuple):
    """File that an original was decoded from."""

    data: bytes
    page: Page | None = None


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
