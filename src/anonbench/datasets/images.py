"""Reading and decoding of originals, encoding of anonymized images.

PNG files have 8 bits a value, grey or RGB, and nothing in them but the image. Rows of colour images
are filtered by `Up` (PNG, 9.2), those of grey ones, mostly scans, not at all. ISA-L's first level
takes an eighth to two fifths of the time of OpenCV's encoder, and 0.7 to 1.3 of its space. The same
pixels give the same bytes with SSE, AVX, AVX2 and AVX-512.
"""

import hashlib
import io
import math
import os
import stat
import struct
from pathlib import Path
from typing import Literal

import numpy as np
from PIL import Image, ImageFile, TiffImagePlugin, UnidentifiedImageError
from zlib_ng import zlib_ng

from anonbench.core.errors import ChangedImage, InputError, UnreadableImage
from anonbench.core.libraries.opencv import cv2
from anonbench.core.memory import memory_for
from anonbench.datasets.formats import pages
from anonbench.datasets.formats.pdf import ask, draw_pdf, is_pdf
from anonbench.datasets.formats.pixels import declared_bits, is_deep, orientation, to_array
from anonbench.datasets.formats.whole import HeaderReader, require_filled, require_whole

MAX_PIXELS = 180_000_000
_BYTES_A_PIXEL = 8  # four channels of 16 bits; larger files are not read
_METADATA_BYTES = 2**26

# what Pillow decodes by itself (EPS, for one, runs Ghostscript), beside HEIC where it is installed
FORMATS = ("JPEG", "PNG", "TIFF", "BMP", "DIB", "WEBP", "GIF", "PPM", "JPEG2000")

# Pillow's own limit is one for the whole process, and some of its plugins ask it again while they
# decode. Originals are opened here only, under the limit that the caller gives.
Image.MAX_IMAGE_PIXELS = None

# by EXIF orientation; 1 is upright
_TURNS = "FLIP_LEFT_RIGHT ROTATE_180 FLIP_TOP_BOTTOM TRANSPOSE ROTATE_270 TRANSVERSE ROTATE_90"
_UPRIGHT = {number: Image.Transpose[name] for number, name in enumerate(_TURNS.split(), 2)}
_ON_THEIR_SIDE = (5, 6, 7, 8)
_ORIENTATION = 274
_KIND, _INNER = 254, 330  # TIFF's tags: an odd kind is a smaller copy; images inside this one

MOST_HERE = 32_000_000  # pixels of an image that is decoded in this process, and half of its bytes
_IN_PYTHON = {"ppm", "ppm_plain", "bmp_rle"}  # Pillow's slow decoders
_TIFF = (b"II*\0", b"MM\0*")
_STRANGE_TIFF = (
    "a TIFF file that is damaged, or of a kind that is not read, such as CMYK with transparency or "
    "pages with masks; save it as RGB without them"
)
_NO_FILE = "a device or pipe, not a file"


class SeveralFrames(UnreadableImage):  # a finding about an image, not a failure
    """A file has several images, and no page was requested."""


def read_file(path: Path, max_bytes: int) -> bytes:
    """Return the bytes of a regular file, read once; links are followed.

    UnreadableImage if it is missing, empty, a folder or device, or larger than `max_bytes`.
    """
    try:
        with open(path, "rb", opener=_without_waiting) as file:
            state = os.fstat(file.fileno())
            if not stat.S_ISREG(state.st_mode):  # another file took its place
                raise UnreadableImage(_NO_FILE)
            if state.st_size == 0:
                raise UnreadableImage("empty file")
            if state.st_size > max_bytes:
                raise UnreadableImage(f"more than {max_bytes} bytes")
            data = file.read(state.st_size + 1)
    except FileNotFoundError:
        raise UnreadableImage("file is missing") from None
    except IsADirectoryError:
        raise UnreadableImage("a folder, not a file") from None
    except PermissionError:
        raise UnreadableImage("you may not read the file; change its permissions") from None
    except (OSError, ValueError) as error:
        raise UnreadableImage(f"cannot be opened ({type(error).__name__})") from None
    if len(data) != state.st_size:
        raise UnreadableImage("changes while it is read")
    return data


def _without_waiting(name: str, flags: int) -> int:
    mode = os.stat(name).st_mode  # noqa: PTH116
    if not (stat.S_ISREG(mode) or stat.S_ISDIR(mode)):  # opening a device may have effects
        raise UnreadableImage(_NO_FILE)
    return os.open(name, flags | os.O_NONBLOCK)  # a pipe without a writer would block


def read_original(image_id: str, path: Path, size: int, digest: str) -> bytes:
    """Return the bytes of an original, read once; ChangedImage if the manifest describes others."""
    try:
        data = read_file(path, size)
    except UnreadableImage as error:
        raise ChangedImage.of(image_id, str(error)) from None
    if hashlib.sha256(data).hexdigest() != pages.file_digest_of(digest):
        raise ChangedImage.of(image_id, "other content")
    return data


def max_bytes(max_pixels: int) -> int:
    """Greatest file size in bytes of an image with this number of pixels."""
    return _BYTES_A_PIXEL * max_pixels + _METADATA_BYTES


def open_checked(
    source: Path | bytes, max_pixels: int | None = MAX_PIXELS, page: pages.Page | None = None
) -> ImageFile.ImageFile:
    """Open an image; UnreadableImage if it cannot be read faithfully. Safe in threads.

    Larger images than `max_pixels` are refused; None: the content was checked before. The page is
    one of a TIFF file, or the first frame of an animation; without, a file of several is refused.
    """
    data = source if isinstance(source, bytes) else read_file(source, max_bytes(max_pixels or 0))
    reader, image = HeaderReader(data), None
    try:
        # not by its name: Pillow (13.0) maps uncompressed files into memory, by the upright size,
        # which garbles TIFF files that lie on their side
        image = Image.open(reader, formats=(*FORMATS, *pages.register_heif()))
        if page is not None and isinstance(image, TiffImagePlugin.TiffImageFile):
            frames = pages.tiff_frames(io.BytesIO(data))
            pages.require_page(page.number, len(frames))
            image.seek(frames[page.number - 1])
        elif page is not None and page.number != 1:
            raise UnreadableImage(f"has no page {page.number}")
        _refuse(image, data, max_pixels, page)
    except Exception as error:  # damaged headers make the decoders raise nearly anything
        if image is not None:
            image.close()
        if isinstance(error, UnreadableImage):
            raise
        reason = f"cannot be opened ({type(error).__name__})"
        if isinstance(error, UnidentifiedImageError):
            reason = "not an image, or of an unknown kind"
            if is_pdf(data):
                reason = "a PDF; save its pages as images (the workflow reads them itself)"
        if data.startswith(_TIFF):
            reason = _STRANGE_TIFF
        raise UnreadableImage(reason) from None
    reader.left = math.inf
    return image


def _refuse(
    image: ImageFile.ImageFile, data: bytes, max_pixels: int | None, page: pages.Page | None
) -> None:
    pixels = image.width * image.height
    if isinstance(image, TiffImagePlugin.TiffImageFile):  # a tile may be larger than its image
        tile = [image.tag_v2.get(tag, 0) for tag in (322, 323)]
        pixels = max(pixels, tile[0] * tile[1])
        if page is None and image.tag_v2.get(_KIND, 0) & 1 and _INNER in image.tag_v2:
            raise UnreadableImage("a raw photograph with a preview; convert it to PNG or JPEG")
        if not is_deep(image) and (bits := declared_bits(image)) in range(9, 13):
            raise UnreadableImage(f"colours of {bits} bits; save it with 8 or 16 bits a colour")
    if max_pixels is not None and pixels > max_pixels:
        raise UnreadableImage(f"more than {max_pixels} pixels")
    # MPO is a JPEG with previews behind it, as phones and cameras write it; a HEIC file says which
    # of its images is the one to show, and opens at that
    is_single = page is not None or image.format in ("MPO", pages.HEIF)
    if not is_single and int(getattr(image, "n_frames", 1)) > 1:
        raise SeveralFrames("animated or of several pages")  # no number: reasons are counted
    if max_pixels is not None:
        require_whole(data, image)


def upright_size(image: Image.Image) -> tuple[int, int]:
    """Return width and height in pixels as `read_image` will give them; reads the header only."""
    is_turned = orientation(image) in _ON_THEIR_SIDE
    if is_turned and isinstance(image, TiffImagePlugin.TiffImageFile):
        # by its tag, though not by XMP, a TIFF file reports its upright size from the start
        is_turned = image.tag_v2.get(_ORIENTATION) not in _ON_THEIR_SIDE
    return (image.height, image.width) if is_turned else (image.width, image.height)


def read_image(
    source: Path | bytes, max_pixels: int | None = MAX_PIXELS, page: pages.Page | None = None
) -> np.ndarray:
    """Read an image as uint8, [H, W] where it is grey, else [H, W, 3] RGB, upright by its EXIF.

    See `to_array` for the conversions. The array may be written to. Every reader of originals comes
    here. A page with a resolution is a PDF's, which is drawn. UnreadableImage as `open_checked`,
    and where the data is truncated or damaged.
    """
    data = source if isinstance(source, bytes) else read_file(source, max_bytes(max_pixels or 0))
    if page is not None and page.dpi:
        return draw_pdf(data, page, max_pixels)
    with open_checked(data, max_pixels, page) as image:
        pixels = image.width * image.height
        with memory_for(pixels):
            if not _is_heavy(image, len(data)):
                return _decoded(image, data if max_pixels else b"")
            shape, values = ask("image", data, page, max_pixels, pixels)
            return values.reshape(shape)


def read_here(data: bytes, max_pixels: int | None, page: pages.Page | None) -> np.ndarray:
    """Read as `read_image`, without limits of resources."""
    with open_checked(data, max_pixels, page) as image:
        return _decoded(image, data if max_pixels else b"")


def _is_heavy(image: ImageFile.ImageFile, size: int) -> bool:
    """Whether decoding may take more than some seconds; a child process then does it."""
    decoders = {each.codec_name for each in image.tile}
    is_odd = image.format in ("JPEG2000", pages.HEIF) or bool(decoders & _IN_PYTHON)
    return is_odd or image.width * image.height > MOST_HERE or size > 2 * MOST_HERE


def _decoded(image: Image.Image, data: bytes) -> np.ndarray:
    """Return an opened image upright; `data` is empty if it was checked before."""
    try:
        image.load()
        if data and image.format in ("JPEG", "MPO"):
            require_filled(data, image)
        turn = _UPRIGHT.get(orientation(image))
        pixels = to_array(image if turn is None else image.transpose(turn))
        return np.require(pixels, requirements="W")  # copied if Pillow owns the memory
    except UnreadableImage:
        raise
    except MemoryError:
        raise UnreadableImage("takes too much memory to decode; save it again, smaller") from None
    except Exception:  # damaged data makes the decoders raise nearly anything
        raise UnreadableImage("truncated or damaged") from None


def encode(image: np.ndarray, format: Literal["png", "jpeg"] = "png", quality: int = 95) -> bytes:
    """Code an image ([H, W] or [H, W, 3] RGB uint8) without metadata; PNG is lossless.

    InputError where the format has no room for so large an image.
    """
    try:
        if format == "png":
            return to_png(image)
        pixels = image if image.ndim == 2 else cv2.cvtColor(image, cv2.COLOR_RGB2BGR)
        is_coded, data = cv2.imencode(".jpeg", pixels, [cv2.IMWRITE_JPEG_QUALITY, quality])
        if is_coded:
            return data.tobytes()
    except (ValueError, cv2.error):
        pass
    height, width = image.shape[:2]
    raise InputError(
        f"an image of {width} × {height} pixels cannot be written as {format.upper()}: JPEG takes "
        "65,500 pixels a side, PNG a million; set anonymization.format: png, or leave it out"
    )


def decode(data: bytes) -> np.ndarray:
    """Decode what `encode` wrote: uint8 [H, W] or [H, W, 3] RGB."""
    is_png = data[12:16] == b"IHDR"
    size = struct.unpack(">II", data[16:24]) if is_png else (len(data), _BYTES_A_PIXEL)
    with memory_for(size[0] * size[1]):
        pixels = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
        if pixels is None:
            raise UnreadableImage("damaged data in an image set")
        return pixels if pixels.ndim == 2 else cv2.cvtColor(pixels, cv2.COLOR_BGR2RGB)


LONGEST = 1_000_000  # greatest side in pixels that OpenCV and libpng read
_COLOUR_TYPES = {(): 0, (3,): 2}  # grey and RGB, by the shape of a pixel
_UP = 2  # a row's filter; 0 is none
_LEVEL = 2  # of zlib-ng; ISA-L, twice as fast, gives equal images other bytes now and then


def to_png(image: np.ndarray) -> bytes:
    """Return a PNG file of uint8 [H, W] or [H, W, 3] RGB; ValueError for another array."""
    if image.dtype != np.uint8 or image.ndim < 2 or image.shape[2:] not in _COLOUR_TYPES:
        raise ValueError(f"no image of 8 bits, grey or RGB: {image.dtype} {image.shape}")
    height, width, *channels = image.shape
    depth = math.prod(channels)
    if not 0 < height <= LONGEST or not 0 < width <= LONGEST:
        raise ValueError(f"sides of 1 to {LONGEST} pixels, not {width} × {height}")
    values = image.reshape(height, width * depth)
    rows = np.empty((height, 1 + width * depth), np.uint8)
    rows[:, 0] = _UP if channels else 0
    rows[:, 1:] = values
    if channels:
        rows[1:, 1:] -= values[:-1]
    header = struct.pack(">IIBBBBB", width, height, 8, _COLOUR_TYPES[image.shape[2:]], 0, 0, 0)
    chunks = (b"IHDR", header), (b"IDAT", zlib_ng.compress(rows, _LEVEL)), (b"IEND", b"")
    parts = [b"\x89PNG\r\n\x1a\n"]
    for name, content in chunks:
        check = zlib_ng.crc32(content, zlib_ng.crc32(name))
        parts += [struct.pack(">I", len(content)), name, content, struct.pack(">I", check)]
    return b"".join(parts)
