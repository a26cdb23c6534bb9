"""Coding blocks of a lossy original, as the audit finds them in the bytes of its file.

The process that draws a page of a PDF reports the places of its images; their blocks are derived
here.
"""

import io
from typing import Any, NamedTuple

import numpy as np
from PIL import Image

from anonbench.anonymization.audit import Failure
from anonbench.anonymization.audit.regions import Grid
from anonbench.datasets.formats.pages import Page, tiff_frames
from anonbench.datasets.formats.pdf import Placed, placed_images

Sizes = tuple[tuple[float, float], tuple[float, float]]
"""Sizes across and down, as stored: of a block, and of its effect on each side."""


class Source(NamedTuple):
    """File that an original was decoded from."""

    data: bytes
    page: Page | None = None


def grids_of(source: Source, shape: tuple[int, ...]) -> tuple[Grid, ...]:
    """Grids of an original in pixels of the upright image; none for a lossless file.

    Raises:
        Failure: the file is damaged.
    """
    data, page = source
    try:
        if page is not None and page.dpi:
            return tuple(map(_grid_on_page, placed_images(data, page)))
        sizes, turn = _coding(data, page)
    except Exception:  # decoders of damaged data may raise nearly anything
        raise Failure("the coding blocks of its original cannot be found") from None
    if sizes is None:
        return ()
    (width, beside), (height, below) = sizes if turn < 5 else sizes[::-1]
    right, bottom = shape[1], shape[0]
    corner = right * (turn in (2, 3, 6, 7)), bottom * (turn in (3, 4, 7, 8))
    return ((0, 0, right, bottom, *corner, width, height, beside, below),)


def _coding(data: bytes, page: Page | None) -> tuple[Sizes | None, int]:
    """Blocks of a file, None without loss, and the EXIF orientation that decoding undoes."""
    if data[4:8] == b"ftyp":  # a fine grid with a wide reach is the same in all orientations
        return ((8, 72), (8, 72)), 1
    if data.startswith((b"\0\0\0\x0cjP  ", b"\xff\x4f\xff\x51")):
        style = data.index(b"\xff\x52", data.index(b"\xff\x4f\xff\x51"))
        reach = 2 ** min(data[style + 9], 32)
        return ((8, reach), (8, reach)), 1
    if not data.startswith((b"\xff\xd8", b"RIFF", b"II", b"MM")):
        return None, 1
    with Image.open(io.BytesIO(data)) as image:
        if image.format == "TIFF":
            if page is not None:
                image.seek(tiff_frames(io.BytesIO(data))[page.number - 1])
            sizes = _of_tiff(data, image.tag_v2)  # type: ignore[attr-defined]
        else:
            sizes = _of_webp(data) if image.format == "WEBP" else _of_jpeg(image)
        turn = image.getexif().get(274, 1)  # also where XMP alone says it
    return sizes, turn if turn in range(1, 9) else 1


def _of_webp(data: bytes) -> Sizes | None:
    start = max(data.find(b"ANMF"), 12)
    lossy, lossless = data.find(b"VP8 ", start), data.find(b"VP8L", start)
    return None if lossless >= 0 and not 0 <= lossy < lossless else ((16, 16), (16, 16))


def _of_jpeg(image: Any) -> Sizes:
    factors = [each[1:3] for each in image.layer]
    across, down = map(max, zip(*factors, strict=True)) if len(factors) > 1 else (1, 1)
    return (8 * across, across > 1), (8 * down, down > 1)  # colours of fewer pixels reach further


def _of_tiff(data: bytes, tags: Any) -> Sizes | None:
    kind, whole = tags.get(259), (tags[256], tags[257])
    first = int((tags.get(273) or tags.get(324) or [0])[0])
    if kind == 6:  # its tags may contradict its data
        return (whole[0], 0), (whole[1], 0)
    sizes: Sizes = (whole[0], 0), (whole[1], 0)
    if kind == 50001:  # WebP
        sizes = (16, 16), (16, 16)
    elif kind == 7 and data.startswith(b"\xff\xd8", first):
        with Image.open(io.BytesIO(data[first:]), formats=["JPEG"]) as image:
            sizes = _of_jpeg(image)
    elif kind != 7:  # each of the pixels that share a colour may show that of the others
        across, down = tags.get(530, (2, 2)) if tags.get(262) == 6 else (1, 1)
        if max(across, down) == 1:
            return None
        sizes = (across, across > 1), (down, down > 1)
    parts = tags.get(322, whole[0]), tags.get(323, tags.get(278, whole[1]))
    x, y = (  # a strip or tile that cuts blocks is one
        (part if part < side and part % size else size, beyond)
        for part, side, (size, beyond) in zip(parts, whole, sizes, strict=True)
    )
    return x, y


def _grid_on_page(image: Placed) -> Grid:
    corner, sides = np.array(image.corner), np.array([image.across, image.down])
    ends = np.array([corner, corner + sides[0], corner + sides[1], corner + sides.sum(axis=0)])
    low, high = ends.min(axis=0), ends.max(axis=0)
    if image.is_slanted:
        corner, steps, beyond = low, high - low, np.array([3.0, 3.0])
    else:
        scale = np.abs(sides).max(axis=1) / (image.width, image.height)
        factors = np.array((1, 1) if image.is_jpeg2000 else image.sampling)
        far = 32.0 if image.is_jpeg2000 else (factors > 1).astype(float)
        steps, beyond = 8 * factors * scale, far * scale + np.maximum(scale, 1) + 1
        if image.is_turned:
            steps, beyond = steps[::-1], beyond[::-1]
    return tuple(np.concatenate([low, high, corner, steps, beyond]).tolist())
