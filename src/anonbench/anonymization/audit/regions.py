"""Regions as the audit reads them from a box table, with the pixels they cover.

These include all coding blocks of a lossy original that a region touches, as the bytes of its file
tell them. The process that draws a page of a PDF reports the places of its images; their blocks are
derived here.
"""

from __future__ import annotations

import io
import math
from collections.abc import Mapping, Sequence
from functools import lru_cache
from itertools import product
from operator import attrgetter
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from PIL import Image

from anonbench.anonymization.audit import Failure
from anonbench.datasets.formats.pages import Page, tiff_frames
from anonbench.datasets.formats.pdf import Placed, placed_images

if TYPE_CHECKING:
    import pandas as pd

    from anonbench.config import Anonymization

_BOX = ["x0", "y0", "x0", "y1", "x1", "y1", "x1", "y0"]
_QUAD = [f"q{number}" for number in range(8)]
SLACK = 1 / 256
"""A pixel that a slanted region enters, or misses, by less than this may be hidden or not."""
_WEBP = 16, 16, 16, 16
_ROUNDING = 1e-6  # tolerance in pixels for the ends of coding blocks
Grid = tuple[float, ...]
"""Coding blocks in pixels of the upright original: left, top, right and bottom of the picture; x, y
where a block begins; its width and height; and how far beside and below it, on each side, its
decoding also affects pixels. A file's own numbers are the last four."""


class Source(NamedTuple):
    """File that an original was decoded from."""

    data: bytes
    page: Page | None = None


class Region(NamedTuple):
    """One row of a box table: place in the draw order, corners as float64 [4, 2], coding blocks."""

    entity: str
    rank: int
    corners: np.ndarray  # each y, x
    slanted: bool
    grids: tuple[Grid, ...] = ()


class Area(NamedTuple):
    """Pixels of a region in its method's window."""

    entity: str
    window: tuple[slice, slice]
    cover: np.ndarray
    """uint8 [h, w]: 2 where it certainly covers a pixel, 1 where it may, 0 elsewhere."""


def read_regions(boxes: pd.DataFrame) -> dict[str, list[Region]]:
    """Regions of each image in a box table, in the table's order."""
    found: dict[str, list[Region]] = {}
    for row in boxes.fillna({"blocks": ""}).to_dict("records"):  # of concatenated tables
        found.setdefault(str(row["id"]), []).append(_region(row, int(row["order"])))
    return found


def regions_of(rows: Sequence[Mapping[str, Any]]) -> list[Region]:
    """Regions in draw order, of rows with entity, box, and perhaps `quad` and `blocks`."""
    return [_region(row, rank) for rank, row in enumerate(rows)]


def _region(row: Mapping[Any, Any], rank: int) -> Region:
    quad = row.get("quad") or [row.get(column, np.nan) for column in _QUAD]
    slanted = not np.isnan(quad).any()
    corners = np.array(quad if slanted else [row[side] for side in _BOX], np.float64)
    grids = row.get("blocks") or ()
    if isinstance(grids, str):
        grids = tuple(tuple(map(float, each.split())) for each in grids.split(";"))
    return Region(str(row["entity"]), rank, corners.reshape(4, 2)[:, ::-1], slanted, grids)


def hidden_regions(regions: list[Region], degree: int) -> list[Region]:
    """Regions before which fewer than `degree` percent are drawn: so degrees nest."""
    drawn = sorted(regions, key=attrgetter("rank"))
    if [each.rank for each in drawn] != [*range(len(drawn))]:
        raise Failure("its regions' draw order is not a permutation")
    if not all(np.isfinite(each.corners).all() for each in drawn):
        raise Failure("a region's corner is not a number")
    return [each for each in drawn if 100 * each.rank < degree * len(drawn)]


def area_of(
    region: Region,
    shape: tuple[int, ...],
    settings: Anonymization,
    least: int = 1,
    around: int = 0,
    upright: bool = False,
) -> Area | None:
    """Pixels of a region, or of its `upright` box; None where it lies outside the image.

    The window has sides of `least` pixels at least, and `around` more on each side, as far as the
    image reaches.
    """
    form, size = getattr(settings.shape, region.entity), np.array(shape[:2])
    if form == "image":
        every = np.broadcast_to(np.uint8(2), shape[:2])  # of no size: there may be hundreds
        return Area(region.entity, (slice(0, shape[0]), slice(0, shape[1])), every)
    corners = region.corners
    if settings.margin != 1.0:
        centre = corners.mean(axis=0)
        corners = np.round(corners * settings.margin + centre * (1.0 - settings.margin), 6)
    ends = np.stack([np.floor(corners.min(axis=0)), np.ceil(corners.max(axis=0))])
    ends = np.clip(ends, 0, size).astype(int)
    if (ends[0] >= ends[1]).any():
        return None
    cover = np.full(ends[1] - ends[0], 2, np.uint8)
    if not upright and (region.slanted or form == "ellipse"):
        centres = (np.arange(*each) + 0.5 for each in ends.T)
        cover = (_hull if region.slanted else _ellipse)(corners, *centres)
    if settings.coding_blocks and region.grids:
        cover, ends = whole_blocks(cover, ends, region.grids, shape)
    # widened evenly, an odd pixel at its end, and shifted into the image
    low, high = ends
    length = np.maximum(high - low, np.minimum(least, size))
    low = np.clip(low - (length - high + low) // 2, 0, size - length)
    widened = np.clip([low - around, low + length + around], 0, size)
    rows, columns = map(slice, *widened.tolist())
    return Area(region.entity, (rows, columns), np.pad(cover, np.abs(widened - ends).T))


def whole_blocks(
    cover: np.ndarray, ends: np.ndarray, grids: Sequence[Grid], shape: tuple[int, ...]
) -> tuple[np.ndarray, np.ndarray]:
    """Extend a region to all pixels that are affected by the coding blocks that it touches.

    `ends` are those of its window, int [2, 2]: top and left, bottom and right.
    """
    met, reached, (rows, columns) = [], [ends], map(slice, *ends.tolist())
    for grid in grids:
        (own_y, far_y), (own_x, far_x) = _blocks(grid[1::2], shape[0]), _blocks(grid[::2], shape[1])
        y, x = own_y[:, rows].any(axis=1), own_x[:, columns].any(axis=1)
        if y.any() and x.any():
            met.append((own_y[y], far_y[y], own_x[x], far_x[x]))
            far = (np.flatnonzero(each.any(axis=0))[[0, -1]] for each in met[-1][1::2])
            reached.append(np.add(np.transpose([*far]), [[0], [1]]))
    new = np.stack([np.min(reached, axis=0)[0], np.max(reached, axis=0)[1]])
    cover, (rows, columns) = np.pad(cover, np.abs(new - ends).T), map(slice, *new.tolist())
    touching = np.stack([cover > 0, cover > 1]).astype(np.float32)
    for own_y, far_y, own_x, far_x in met:
        hit = (own_y[:, rows] @ touching @ own_x[:, columns].T > 0).astype(np.float32)
        hidden = far_y[:, rows].T @ hit @ far_x[:, columns] > 0
        cover = np.maximum(cover, hidden.sum(axis=0, dtype=np.uint8))
    return cover, new


@lru_cache(maxsize=8)
def _blocks(axis: Grid, length: int) -> tuple[np.ndarray, np.ndarray]:
    """Pixels in each block along an axis, and those that it affects; bool [n, length]."""
    low, high, corner, step, beyond = axis
    first = math.floor((low - corner) / step + _ROUNDING)
    at = corner + step * np.arange(first, math.ceil((high - corner) / step - _ROUNDING))[:, None]
    start, stop = np.maximum(at, low) + _ROUNDING, np.minimum(at + step, high) - _ROUNDING
    pixel = np.arange(length)
    own = (pixel + 1 > start) & (pixel < stop)
    return own, (pixel + 1 > start - beyond) & (pixel < stop + beyond)


def joined(found: Sequence[Area], shape: tuple[int, ...]) -> list[Area]:
    """Merge regions until no two windows share a pixel: such are hidden together."""
    cover, windows = np.zeros(shape[:2], np.uint8), np.empty((0, 2, 2), int)
    for area in found:
        np.maximum(cover[area.window], area.cover, out=cover[area.window])
        ends = np.transpose([(part.start, part.stop) for part in area.window])
        while (met := ((windows[:, 0] < ends[1]) & (ends[0] < windows[:, 1])).all(axis=1)).any():
            ends[0] = np.minimum(ends[0], windows[met, 0].min(axis=0))
            ends[1] = np.maximum(ends[1], windows[met, 1].max(axis=0))
            windows = windows[~met]
        windows = np.concatenate([windows, ends[None]])
    places = [(slice(top, bottom), slice(left, right)) for (top, left), (bottom, right) in windows]
    return [Area(found[0].entity, place, cover[place]) for place in places]


def _hull(corners: np.ndarray, y: np.ndarray, x: np.ndarray) -> np.ndarray:
    """Cover of pixels, whose centres are given, by the corners' hull.

    They touch it where it covers their centres, if it is drawn with a pen of a pixel's size.
    """
    from scipy.spatial import ConvexHull  # for slanted regions alone

    pen = np.array([*product((-0.5, 0.5), repeat=2)])
    apart = np.full((len(y), len(x)), -np.inf)
    for down, along, offset in ConvexHull((corners[:, None] + pen).reshape(-1, 2)).equations:
        np.maximum(apart, np.add.outer(down * y + offset, along * x), out=apart)
    # corners nearly on one line enclose no area beyond rounding: all of the box may be covered
    flat = np.linalg.svd(corners - corners.mean(axis=0), compute_uv=False)[1] < 4 * SLACK
    return np.add(apart <= (np.inf if flat else SLACK), apart <= -SLACK, dtype=np.uint8)


def _ellipse(corners: np.ndarray, *centres: np.ndarray) -> np.ndarray:
    """The same for the ellipse in a box."""
    low, high = corners.min(axis=0), corners.max(axis=0)
    middle, half = (low + high) / 2, np.maximum((high - low) / 2, 1e-9)
    reach = np.array([[0.5 - SLACK], [0.5 + SLACK]])
    y, x = (
        np.square(np.maximum(np.abs(part - at) - reach, 0) / side)
        for part, at, side in zip(centres, middle, half, strict=True)
    )
    return np.asarray((y[:, :, None] + x[:, None] < 1).sum(axis=0, dtype=np.uint8))


def grids_of(source: Source, shape: tuple[int, ...]) -> tuple[Grid, ...]:
    """Grids of an original in pixels of the upright image; none for a lossless file."""
    data, page = source
    try:
        if page is not None and page.dpi:
            return tuple(map(_grid_on_page, placed_images(data, page)))
        sizes, turn = _coding(data, page)
    except Exception:  # decoders of damaged data may raise nearly anything
        raise Failure("the coding blocks of its original cannot be found") from None
    if sizes is None:
        return ()
    width, height, beside, below = sizes
    if turn > 4:
        sizes = height, width, below, beside
    right, bottom = shape[1], shape[0]
    corner = right * (turn in (2, 3, 6, 7)), bottom * (turn in (3, 4, 7, 8))
    return ((0, 0, right, bottom, *corner, *sizes),)


def _coding(data: bytes, page: Page | None) -> tuple[Grid | None, int]:
    """Blocks of a file, None without loss, and the EXIF orientation that decoding undoes."""
    if data[4:8] == b"ftyp":  # a fine grid with a wide reach is the same in all orientations
        return (8, 8, 72, 72), 1
    if data.startswith((b"\0\0\0\x0cjP  ", b"\xff\x4f\xff\x51")):
        style = data.index(b"\xff\x52", data.index(b"\xff\x4f\xff\x51"))
        reach = 2 ** min(data[style + 9], 32)
        return (8, 8, reach, reach), 1
    if not data.startswith((b"\xff\xd8", b"RIFF", b"II", b"MM")):
        return None, 1
    with Image.open(io.BytesIO(data)) as image:
        if image.format == "TIFF":
            if page is not None:
                image.seek(tiff_frames(io.BytesIO(data))[page.number - 1])
            sizes = _of_tiff(data, image.tag_v2)  # type: ignore[attr-defined]
        elif image.format == "WEBP":
            sizes = None if is_lossless(data) else _WEBP
        else:
            sizes = _of_jpeg(image)
        turn = image.getexif().get(274, 1)  # also where XMP alone says it
    return sizes, turn if turn in range(1, 9) else 1


def is_lossless(webp: bytes) -> bool:
    """Whether the first picture of a WebP file is coded without loss."""
    at = 12
    # chunk by chunk: a colour profile may contain the name of a coding
    while (name := webp[at : at + 4]) not in (b"VP8L", b"VP8 ", b""):
        size = int.from_bytes(webp[at + 4 : at + 8], "little")
        at += 8 + (16 if name == b"ANMF" else size + size % 2)
    return name == b"VP8L"


def _of_jpeg(image: Any) -> Grid:
    factors = [each[1:3] for each in image.layer]
    across, down = map(max, zip(*factors, strict=True)) if len(factors) > 1 else (1, 1)
    return 8 * across, 8 * down, across > 1, down > 1  # colours of fewer pixels reach further


def _of_tiff(data: bytes, tags: Any) -> Grid | None:
    kind, whole = tags.get(259), (tags[256], tags[257])
    first = int((tags.get(273) or tags.get(324) or [0])[0])
    sizes: Grid = (*whole, 0, 0)
    if kind == 6:  # its tags may contradict its data
        return sizes
    if kind == 50001:
        sizes = _WEBP
    elif kind == 7 and data.startswith(b"\xff\xd8", first):
        with Image.open(io.BytesIO(data[first:]), formats=["JPEG"]) as image:
            sizes = _of_jpeg(image)
    elif kind != 7:  # each of the pixels that share a colour may show that of the others
        across, down = tags.get(530, (2, 2)) if tags.get(262) == 6 else (1, 1)
        if max(across, down) == 1:
            return None
        sizes = across, down, across > 1, down > 1
    parts = tags.get(322, whole[0]), tags.get(323, tags.get(278, whole[1]))
    whole_ones = (  # a strip or tile that cuts blocks is one
        part if part < side and part % size else size
        for part, side, size in zip(parts, whole, sizes[:2], strict=True)
    )
    return *whole_ones, *sizes[2:]


def _grid_on_page(image: Placed) -> Grid:
    corner, sides = np.array(image.corner), np.array([image.across, image.down])
    low, high = (corner + part(sides, 0).sum(axis=0) for part in (np.minimum, np.maximum))
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
