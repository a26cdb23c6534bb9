"""How an image is stored in its file, and how an anonymized one is written likewise.

Written files hold upright pixels and, where the original names its colours, a standard colour
profile; nothing else: EXIF, XMP, comments and thumbnails may show what was hidden. An ICC profile
may hold texts and pictures, and words in its very numbers. So nothing of it is copied: it chooses
the nearest of a few standard ones, which are written here.

PDF files (ISO 32000-1) hold an image a page, without loss, and nothing else. The rows of a page's
image are those of a PNG file, which PDF reads too (7.4.4.4).
"""

import io
import operator
import os
import struct
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from PIL import Image, ImageCms, JpegImagePlugin

from anonbench.anonymization.audit import Failure
from anonbench.anonymization.files.places import OF_NAMES, target
from anonbench.anonymization.files.record import Status
from anonbench.core.errors import UnreadableImage
from anonbench.datasets.formats.pixels import BETWEEN, conversions
from anonbench.datasets.formats.whole import is_lossless_webp
from anonbench.datasets.images import SeveralFrames, encode, open_checked

_HEADER_BYTES = 128
_ENTRY = struct.Struct(">4sII")
_TEXT = "colour profile"
_CLASSES = ("mntr", "scnr", "spac")
_MODES = {b"RGB ": "RGB", b"GRAY": "L"}
_LEVELS = {b"RGB ": 6, b"GRAY": 52}  # steps of the colours that profiles are compared by
_WHITE = (0.9642, 1.0, 0.8249)  # D50, which colours of profiles are relative to
_SRGB_TONES = (2.4, 1 / 1.055, 0.055 / 1.055, 1 / 12.92, 0.04045)  # IEC 61966-2-1
_STANDARDS: dict[bytes, tuple[tuple[str, tuple[float, ...]], ...]] = {
    b"RGB ": (  # sRGB, Display P3, Adobe RGB (1998), ProPhoto
        (".43607 .22249 .01392 .38515 .71687 .09708 .14307 .06061 .71410", _SRGB_TONES),
        (".51512 .24120 -.00105 .29198 .69225 .04189 .15710 .06657 .78407", _SRGB_TONES),
        (".60974 .31111 .01947 .20528 .62567 .06087 .14919 .06322 .74457", (563 / 256,)),
        (".79767 .28804 0 .13519 .71188 0 .03134 .00009 .82491", (1.8,)),
    ),
    b"GRAY": (("", _SRGB_TONES), ("", (2.2,)), ("", (1.8,))),
}
"""X, Y, Z of red, green and blue, and the curve's parameters: those of sRGB, or a gamma."""


@lru_cache(maxsize=8)
def standard(profile: bytes, space: bytes) -> bytes:
    """Return the standard profile of nearly the same colours; empty if there is none.

    Args:
        profile: ICC, of anyone's.
        space: `RGB ` or `GRAY`, what the pixels are.
    """
    if profile[16:20] != space:
        return b""
    try:
        given = ImageCms.getOpenProfile(io.BytesIO(profile))
        if given.profile.device_class.strip() not in _CLASSES:
            return b""
        return min(standards(space), key=lambda each: _distance(given, each, space))
    except (ImageCms.PyCMSError, OSError, ValueError):
        return b""


def _distance(given: ImageCms.ImageCmsProfile, other: bytes, space: bytes) -> int:
    """Sum of level differences between two profiles' values of the same colours."""
    levels, mode = np.linspace(0, 255, _LEVELS[space]).astype(np.uint8), _MODES[space]
    grid = np.stack(np.meshgrid(*[levels] * len(mode), indexing="ij"), axis=-1)
    colours = grid.reshape(1, -1) if mode == "L" else grid.reshape(1, -1, 3)
    target = ImageCms.getOpenProfile(io.BytesIO(other))
    relative = ImageCms.Intent.RELATIVE_COLORIMETRIC
    made = ImageCms.profileToProfile(Image.fromarray(colours), given, target, relative, mode)
    return int(np.abs(np.asarray(made, np.int64) - colours).sum())


def standards(space: bytes) -> tuple[bytes, ...]:
    """Return the profiles of a colour space that a copy may have: ICC, version 4."""
    return tuple(_made(space, *each) for each in _STANDARDS[space])


def _made(space: bytes, primaries: str, tones: tuple[float, ...]) -> bytes:
    def fixed(values: Sequence[float]) -> bytes:  # in parts of 65536
        return struct.pack(f">{len(values)}i", *(round(65536 * value) for value in values))

    text = _TEXT.encode("utf-16-be")
    words = b"mluc" + bytes(4) + struct.pack(">II4sII", 1, 12, b"enUS", len(text), 28) + text
    tags = {b"desc": words, b"cprt": words, b"wtpt": b"XYZ " + bytes(4) + fixed(_WHITE)}
    points = [float(value) for value in primaries.split()]
    for number, name in enumerate((b"rXYZ", b"gXYZ", b"bXYZ") if points else ()):
        tags[name] = b"XYZ " + bytes(4) + fixed(points[3 * number : 3 * number + 3])
    kind = 3 if len(tones) > 1 else 0
    curve = b"para" + bytes(4) + struct.pack(">H2x", kind) + fixed(tones)
    tags |= dict.fromkeys((b"rTRC", b"gTRC", b"bTRC") if points else (b"kTRC",), curve)
    at = _HEADER_BYTES + 4 + _ENTRY.size * len(tags)
    table, body, places = b"", b"", dict[bytes, int]()
    for tag, content in tags.items():
        if content not in places:  # equal curves are stored once
            places[content] = at + len(body)
            body += content + bytes(-len(content) % 4)
        table += _ENTRY.pack(tag, places[content], len(content))
    header = bytes(8) + b"\4\x20" + bytes(2) + b"mntr" + space + b"XYZ "
    header = (header + bytes(12) + b"acsp" + bytes(28) + fixed(_WHITE)).ljust(_HEADER_BYTES, b"\0")
    whole = header + len(tags).to_bytes(4, "big") + table + body
    return len(whole).to_bytes(4, "big") + whole[4:]


AS_THEY_ARE = ("JPEG", "PNG", "TIFF", "BMP", "WEBP", "PPM")
"""Formats that are written. Images of all others become PNG, and the names end in `.png`."""
_SAME = {"MPO": "JPEG", "DIB": "BMP"}
_LOSSY = {"HEIF": "JPEG"}
_SUFFIX = {"PNG": ".png", "JPEG": ".jpg"}
SUFFIXES = (*_SUFFIX.values(), ".pdf")  # that a copy's name may have more than its original's
TIFF_DPI = 200  # pixels an inch of a TIFF file's pages in their copy, a PDF
_COMPRESSIONS = ("raw", "tiff_lzw", "tiff_adobe_deflate", "packbits")
"""Of TIFF, without loss and for any depth; others become the third."""
JPEG_QUALITY = 95  # where the original has no tables of its own: CMYK, HEIC
WEBP_QUALITY = 95
_SPACES = {2: b"GRAY", 3: b"RGB "}


@dataclass(frozen=True)
class Stored:
    """Format and options of a file."""

    format: str  # of what is written, as Pillow names it
    suffix: str = ""  # appended to the name where the format is not the original's
    profile: bytes = b""  # ICC, one of the standard ones; empty where the original has none
    options: dict[str, Any] = field(default_factory=dict)  # of Pillow's `save`
    converted: str = ""  # by reading the original (`anonbench.datasets.formats.pixels`)


def stored(data: bytes, pixels: np.ndarray) -> Stored:
    """Storage of an original (format, options, colour profile), from its header.

    Args:
        data: the file, which `read_image` could read.
        pixels: its result, uint8 [H, W] or [H, W, 3].
    """
    with open_checked(data, None) as image:
        given, suffix, profile = str(image.format), "", image.info.get("icc_profile")
        format_ = _SAME.get(given, given)
        if format_ not in AS_THEY_ARE:
            format_ = _LOSSY.get(given, "PNG")
            suffix = _SUFFIX[format_]
        options: dict[str, Any] = {}
        if format_ == "JPEG":
            options = _jpeg(image, pixels)
        elif format_ == "TIFF":
            kept = image.info.get("compression")
            options = {"compression": kept if kept in _COMPRESSIONS else _COMPRESSIONS[2]}
        elif format_ == "WEBP":
            lossless = is_lossless_webp(data)
            options = {"lossless": True} if lossless else {"quality": WEBP_QUALITY}
        is_named = isinstance(profile, bytes) and format_ not in ("BMP", "PPM")
        own = standard(profile, _SPACES[pixels.ndim]) if is_named else b""
        return Stored(format_, suffix, own, options, BETWEEN.join(conversions(image, None)))


def write(pixels: np.ndarray, how: Stored) -> bytes:
    """Return a file of the pixels, uint8 [H, W] or [H, W, 3] RGB.

    Raises:
        InputError: the format has no room for so large an image.
    """
    if how.format == "PNG":
        return with_profile(encode(pixels), how.profile)
    file = io.BytesIO()
    more = {"icc_profile": how.profile} if how.profile else {}
    Image.fromarray(pixels).save(file, how.format, **how.options, **more)
    return file.getvalue()


def with_profile(png: bytes, profile: bytes) -> bytes:
    """Return a PNG file with a colour profile behind its header."""
    if not profile:
        return png
    import zlib

    body = b"iCCP" + b"icc\0\0" + zlib.compress(profile, 1)
    chunk = (len(body) - 4).to_bytes(4, "big") + body + zlib.crc32(body).to_bytes(4, "big")
    end = 8 + 25  # signature and IHDR
    return png[:end] + chunk + png[end:]


def _jpeg(image: Image.Image, pixels: np.ndarray) -> dict[str, Any]:
    """Return tables of the original's quality, so that blocks outside the regions stay."""
    more = {"progressive": True} if image.info.get("progressive") else {}
    bands = 1 if pixels.ndim == 2 else 3
    if not isinstance(image, JpegImagePlugin.JpegImageFile) or image.layers != bands:
        return {"quality": JPEG_QUALITY, "subsampling": 0} | more
    # one for each component, of which the last may stand for those after it; none that is not used
    tables = []
    for component in image.layer:  # the coarsest standard one that is nowhere coarser
        given = tuple(image.quantization[component[3]])
        fine = [each for each in standard_tables() if all(map(operator.le, each, given))]
        tables.append(max(fine, key=lambda each: (each == given, sum(each)), default=(1,) * 64))
    while len(tables) > 1 and tables[-1] == tables[-2]:
        tables.pop()
    found = JpegImagePlugin.get_sampling(image)
    return {"qtables": tables, "subsampling": max(found, 0)} | more


@lru_cache(maxsize=1)
def standard_tables() -> tuple[tuple[int, ...], ...]:
    """Return the tables of all qualities, for brightness and for colour (T.81, annex K)."""
    found: dict[tuple[int, ...], None] = {}
    for quality in range(1, 101):
        file = io.BytesIO()
        Image.new("RGB", (8, 8)).save(file, "JPEG", quality=quality)
        with Image.open(file) as image:
            assert isinstance(image, JpegImagePlugin.JpegImageFile)
            found |= {tuple(table): None for table in image.quantization.values()}
    return tuple(found)


_PNG_HEAD = 33  # bytes of a PNG file's signature and header; one chunk with all rows follows


def write_pdf(file: BinaryIO, count: int, pages: Iterable[tuple[bytes, int]]) -> None:
    """Write a PDF file page by page: so many PNG files of `encode`, and pixels an inch of each."""
    places = list[int]()

    def add(text: str, stream: bytes | memoryview | None = None) -> None:
        """Write an object: a dictionary, or one that is still open and its stream."""
        places.append(file.tell())
        file.write(f"{len(places)} 0 obj\n{text}".encode())
        if stream is not None:
            file.write(f" /Length {len(stream)} >>\nstream\n".encode())
            file.write(stream)
            file.write(b"\nendstream")
        file.write(b"\nendobj\n")

    file.write(b"%PDF-1.4\n%\xe2\xe3\xcf\xd3\n")
    add("<< /Type /Catalog /Pages 2 0 R >>")
    kids = " ".join(f"{3 + 3 * page} 0 R" for page in range(count))
    add(f"<< /Type /Pages /Count {count} /Kids [{kids}] >>")
    for png, dpi in pages:
        width, height, kind = struct.unpack(">IIxB", png[16:26])
        channels, space = (3, "RGB") if kind else (1, "Gray")
        size = int.from_bytes(png[_PNG_HEAD : _PNG_HEAD + 4], "big")
        rows = memoryview(png)[_PNG_HEAD + 8 : _PNG_HEAD + 8 + size]
        right, top = (f"{72 * side / dpi:.4f}" for side in (width, height))
        number = len(places) + 1
        add(
            f"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 {right} {top}] /Contents {number + 1} 0 "
            f"R /Resources << /XObject << /Im {number + 2} 0 R >> >> >>"
        )
        add("<<", f"q {right} 0 0 {top} 0 0 cm /Im Do Q".encode())
        add(
            f"<< /Type /XObject /Subtype /Image /Width {width} /Height {height} /ColorSpace "
            f"/Device{space} /BitsPerComponent 8 /Filter /FlateDecode /DecodeParms << /Predictor "
            f"15 /Colors {channels} /BitsPerComponent 8 /Columns {width} >>",
            rows,
        )
        del png, rows  # before the next page is drawn
    start, number = file.tell(), len(places) + 1
    table = "".join(f"{place:010d} 00000 n \n" for place in places)
    file.write(
        f"xref\n0 {number}\n0000000000 65535 f \n{table}trailer\n<< /Size {number} /Root 1 0 R >>"
        f"\nstartxref\n{start}\n%%EOF\n".encode()
    )


TAKEN = "its copy, with {} added, would have the name of another image or folder; rename it"


class NotPublished(Exception):  # noqa: N818 - a finding about an image
    """An image or page of which there is no copy, with the reason."""

    def __init__(self, reason: str, status: Status = "failed") -> None:
        super().__init__(reason)
        self.status: Status = status


def with_way_out(error: UnreadableImage, max_pixels: int) -> str:
    """Why an image has no copy, and what to do about it."""
    hint = ""
    if isinstance(error, SeveralFrames):
        hint = ", of which no copy is made: save each as an image, or all as a PDF or TIFF file"
    elif str(error).endswith(f"more than {max_pixels} pixels"):
        hint = "; make it smaller, or raise detection.max_pixels"
    elif str(error).endswith((")", "unknown kind")):  # what a decoder finds
        hint = "; save it again in a program that opens it, or leave it out"
    return f"{error}{hint}"


@contextmanager
def published(to: Path, name: str) -> Iterator[Path]:
    """Yield a path to write to; it becomes the copy if the block ends, or is removed."""
    part = to / f".{os.getpid()}.part"  # not beside it: its name may be as long as can be
    try:
        yield part
        part.replace(target(to, name))
    except Failure as failure:
        raise NotPublished(f"its audit fails: {failure}") from None
    except OSError as error:
        if error.errno not in OF_NAMES:
            raise
        reason = f"cannot be written by its name ({error.strerror}); rename it"
        raise NotPublished(reason) from None
    finally:
        part.unlink(missing_ok=True)
