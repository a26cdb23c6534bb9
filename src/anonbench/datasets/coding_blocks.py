"""Coding blocks of an original, from the headers of its file: pixels that share their noise.

Effects beyond a format's blocks have a measured reach (docs/explanation/limits.md): the next
block's prediction in WebP and HEIC, and the wavelets of JPEG 2000. Weak ones have no end, see
`shared_coding`.
"""

import hashlib
import io
import re
from collections.abc import Sequence

from PIL import Image, JpegImagePlugin, TiffImagePlugin

from anonbench.core.boxes import Blocks, Region, with_blocks
from anonbench.core.errors import UnreadableImage
from anonbench.datasets.formats.pages import HEIF, Page
from anonbench.datasets.formats.pdf import Placed, ask, placed_images
from anonbench.datasets.formats.pixels import orientation, uses_range
from anonbench.datasets.formats.whole import is_lossless_webp
from anonbench.datasets.images import open_checked, upright_size

_JPEG_BLOCK = 8
_WEBP = (16, 16, 16, 16)  # macroblocks, and the next ones, predicted and smoothed with them
# the largest unit has 64 pixels, filters reach less than 8 further; the units may begin anywhere
_HEIC = (8, 8, 72, 72)
_JPEG2000_LEVELS = 5
# EXIF orientations that mirror columns, mirror rows, and swap both
_MIRRORED_X, _MIRRORED_Y, _ON_THEIR_SIDE = (2, 3, 6, 7), (3, 4, 7, 8), (5, 6, 7, 8)
_PHOTOMETRIC, _STRIPS, _TILES = 262, 273, 324
_ROWS_A_STRIP, _TILE_WIDTH, _TILE_HEIGHT, _SAMPLING = 278, 322, 323, 530
_YCBCR = 6
_OLD_JPEG = "tiff_jpeg"
_LOSSY_FILTER = re.compile(rb"/(?:DCT|JPX)(?:Decode)?\b")  # of PDF, for images coded with loss


def add_coding_blocks(
    regions: Sequence[Region], data: bytes, page: Page | None = None
) -> list[Region]:
    """Return regions with the coding blocks of their image; see `coding_blocks`."""
    return with_blocks(regions, coding_blocks(data, page)) if regions else []


JPEG2000 = "JPEG 2000"


def shared_coding(data: bytes, page: Page | None = None) -> str:
    """Name a coding in which each pixel may depend on all others; empty where it has none.

    Quantizers, prediction, rate control, a palette or a scale are chosen for the whole image. Who
    knows the visible part as it was before may tell what is hidden (docs/explanation/limits.md).
    """
    if page is not None and page.dpi:
        return JPEG2000 if any(each.is_jpeg2000 for each in placed_images(data, page)) else ""
    with open_checked(data, None, page) as image:
        inner = str(image.info.get("compression")) if image.format == "TIFF" else image.format
        named = {"WEBP": "WebP", "webp": "WebP", HEIF: "HEIC", "JPEG2000": JPEG2000}
        if inner in named:
            return named[inner]
        if image.mode in ("P", "PA"):
            return "a palette"
        return "grey levels by the range in use" if uses_range(image) else ""


def inner_images(data: bytes) -> bool:
    """Whether a PDF file has lossy images that `coding_blocks` of no page cover.

    They may be in patterns, glyphs and masks; or unused, or copies of one image in an encrypted
    file.
    """
    streams = set[bytes]()
    for found in _LOSSY_FILTER.finditer(data):
        start = data.find(b"stream", found.end())
        streams.add(hashlib.sha256(data[start : data.find(b"endstream", start)]).digest())
    try:
        return bool(streams) and len(streams) > ask("lossy", data)[0]
    except UnreadableImage:  # in too many pages to be counted
        return True


# blocks as stored in a file: width, height, and the reach of decoding across and down
_Coded = tuple[float, float, float, float]


def _on_its_side(coded: _Coded) -> _Coded:
    width, height, across, down = coded
    return height, width, down, across


def coding_blocks(data: bytes, page: Page | None = None) -> tuple[Blocks, ...]:
    """Return the grids of an image's lossy coding, in pixels of `read_image`.

    It is empty for a lossless file, although its pixels may have been lossy before.
    """
    if page is not None and page.dpi:
        return tuple(_placed_blocks(each) for each in placed_images(data, page))
    with open_checked(data, None, page) as image:
        coded = _coded(image, data)
        if coded is None:
            return ()
        width, height = upright_size(image)
        turn = orientation(image)
    coded = _on_its_side(coded) if turn in _ON_THEIR_SIDE else coded
    corner = (width if turn in _MIRRORED_X else 0, height if turn in _MIRRORED_Y else 0)
    return (Blocks(0, 0, width, height, *corner, *coded),)


def _coded(image: Image.Image, data: bytes) -> _Coded | None:
    if isinstance(image, JpegImagePlugin.JpegImageFile):
        return _jpeg(image)
    if isinstance(image, TiffImagePlugin.TiffImageFile):
        return _tiff(image, data)
    if image.format == "WEBP":
        return None if is_lossless_webp(data) else _WEBP
    if image.format == "JPEG2000":
        reach = 2 ** _levels(data)
        return _JPEG_BLOCK, _JPEG_BLOCK, reach, reach
    return _HEIC if image.format == HEIF else None


def _jpeg(image: JpegImagePlugin.JpegImageFile) -> _Coded:
    """Return the blocks of a JPEG; subsampled colour reaches a pixel further."""
    layers = image.layer if len(image.layer) > 1 else [(0, 1, 1)]
    return _sampling_blocks(max(each[1] for each in layers), max(each[2] for each in layers))


def _sampling_blocks(across: float, down: float) -> _Coded:
    return _JPEG_BLOCK * across, _JPEG_BLOCK * down, int(across > 1), int(down > 1)


def _tiff(image: TiffImagePlugin.TiffImageFile, data: bytes) -> _Coded | None:
    """Return the blocks of a TIFF file; a strip or tile that cuts blocks counts as one."""
    tags, compression = image.tag_v2, str(image.info.get("compression"))
    if compression == "webp":
        coded: _Coded = _WEBP
    elif compression == _OLD_JPEG:  # its tags may contradict its data
        return tags[256], tags[257], 0, 0
    elif compression == "jpeg":
        coded = _jpeg_in_tiff(tags, data)
    else:  # nothing is lost, but pixels may share their colour
        shared = tags.get(_SAMPLING, (2, 2)) if tags.get(_PHOTOMETRIC) == _YCBCR else (1, 1)
        across, down = map(int, shared)
        if max(across, down) <= 1:
            return None
        coded = (across, down, int(across > 1), int(down > 1))
    # a TIFF file on its side has its stored size only in its tags
    width, height = int(tags[256]), int(tags[257])
    tile_width = int(tags.get(_TILE_WIDTH, width))
    tile_height = int(tags.get(_TILE_HEIGHT, tags.get(_ROWS_A_STRIP, height)))
    cuts_columns = tile_width < width and tile_width % coded[0]
    cuts_rows = tile_height < height and tile_height % coded[1]
    sides = tile_width if cuts_columns else coded[0], tile_height if cuts_rows else coded[1]
    return *sides, *coded[2:]


def _jpeg_in_tiff(tags: TiffImagePlugin.ImageFileDirectory_v2, data: bytes) -> _Coded:
    """Return the blocks of the JPEG data in a TIFF file, from its own header; else a single one."""
    starts = tags.get(_STRIPS) or tags.get(_TILES) or (0,)
    try:
        with Image.open(io.BytesIO(data[int(starts[0]) :]), formats=["JPEG"]) as first:
            assert isinstance(first, JpegImagePlugin.JpegImageFile)
            return _jpeg(first)
    except Exception:  # without a header nobody knows the blocks: the strip or tile is one
        return tags[256], tags[257], 0, 0


def _levels(data: bytes) -> int:
    """Number of wavelet levels in a JPEG 2000 file, from its first COD marker."""
    start = data.find(b"\xff\x4f\xff\x51")
    at = data.find(b"\xff\x52", start)
    return min(data[at + 9], 32) if start >= 0 and 0 <= at < len(data) - 9 else _JPEG2000_LEVELS


def _placed_blocks(image: Placed) -> Blocks:
    """Return the blocks of an image on a page: a single one if the image is not upright."""
    (x, y), across, down = image.corner, image.across, image.down
    ends = [x, x + across[0], x + down[0], x + across[0] + down[0]]
    heights = [y, y + across[1], y + down[1], y + across[1] + down[1]]
    bounds = (min(ends), min(heights), max(ends), max(heights))
    if image.is_slanted:
        return Blocks(*bounds, *bounds[:2], bounds[2] - bounds[0], bounds[3] - bounds[1], 3, 3)
    coded = _sampling_blocks(*image.sampling)
    if image.is_jpeg2000:
        coded = (_JPEG_BLOCK, _JPEG_BLOCK, 32, 32)
    scales = [abs(across[0] + across[1]) / image.width, abs(down[0] + down[1]) / image.height]
    if image.is_turned:
        coded = _on_its_side(coded)
        scales.reverse()
    sizes = [size * scale for size, scale in zip(coded[:2], scales, strict=True)]
    # drawing interpolates, over a pixel of the page or of the image, and rounds the image's place
    beyond = [far * by + max(by, 1) + 1 for far, by in zip(coded[2:], scales, strict=True)]
    return Blocks(*bounds, x, y, *sizes, *beyond)
