"""Reasons why a file of a data folder is not used: kinds of files, by suffix and content."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from anonbench.datasets.files.walk import HIDDEN
from anonbench.datasets.formats import heif

TEST = "in the test split"
SUBSET = "not in the subset"
LIST_FILE = "list file"
NOT_IMAGE = "not an image by its suffix"
UNLISTED = "in no list of the publisher"
NOT_NAMED = "not named by the table"
NOT_UTF8 = "the file's name is not UTF-8"
COPY = "same content as an image of val (duplicates.csv names it)"
RENAMED = "an image whose suffix is not one of an image; rename it"

_READ = (
    ".jpg .jpeg .jpe .jfif .mpo .png .apng .tif .tiff .bmp .dib .webp .gif "
    ".pbm .pgm .ppm .pnm .pfm .jp2 .j2k .jpc .jpf .jpx .j2c"
)
SUFFIXES = frozenset(_READ.split())
"""Suffixes of the formats that `anonbench.datasets.images` decodes everywhere."""
_HEIC, _PDF = "HEIC", "PDF"

_KINDS = {
    _HEIC: ".heic .heif .heics .heifs .hif",
    "AVIF": ".avif .avifs",
    "JPEG XL": ".jxl",
    _PDF: ".pdf",
    "DICOM": ".dcm .dicom",
    "camera RAW": ".raw .dng .cr2 .cr3 .crw .nef .nrw .arw .sr2 .srf .orf .rw2 .raf .pef .srw .x3f "
    ".3fr .iiq .mrw .erf .kdc .dcr .mef .mos .rwl",
    "SVG": ".svg .svgz",
    "Photoshop": ".psd .psb",
    "EPS": ".eps .ps .ai",
    "DjVu": ".djvu .djv",
    "JBIG2": ".jb2 .jbig2 .jbg",
    "JPEG XR": ".jxr .wdp .hdp",
    "Targa": ".tga",
    "OpenEXR": ".exr",
    "icon": ".ico .cur .icns",
    "PCX": ".pcx .dcx",
    "other raster": ".hdr .dds .sgi .rgb .ras .xbm .xpm .qoi .fits .fit .xcf .wmf .emf .dpx .cin",
    "video": ".mp4 .mov .m4v .avi .mkv .webm .mpg .mpeg .3gp .mts .wmv",
}
_UNREAD = {suffix: kind for kind, suffixes in _KINDS.items() for suffix in suffixes.split()}

HEAD = 132
"""Number of bytes that identify a file's kind."""
_SIGNATURES = (  # offset, bytes, kind; none where the format is read
    (0, b"\xff\xd8\xff", ""),
    (0, b"\x89PNG\r\n\x1a\n", ""),
    (0, b"GIF8", ""),
    (0, b"II*\0", ""),
    (0, b"MM\0*", ""),
    (8, b"WEBP", ""),
    (0, b"\0\0\0\x0cjP  ", ""),
    (0, b"\xff\x4f\xff\x51", ""),
    (0, b"%PDF-", _PDF),
    (128, b"DICM", "DICOM"),
    (0, b"\0\0\0\x0cJXL ", "JPEG XL"),
    (0, b"8BPS", "Photoshop"),
    (0, b"AT&TFORM", "DjVu"),
    (0, b"v/1\x01", "OpenEXR"),
    (0, b"%!PS", "EPS"),
)
_BRANDS = {b"avif": "AVIF", b"avis": "AVIF"} | dict.fromkeys(
    (b"heic", b"heix", b"hevc", b"hevx", b"heim", b"heis", b"mif1", b"msf1"), _HEIC
)


def is_image_name(path: str) -> bool:
    """Check whether a path has the suffix of an image format, readable or not."""
    suffix = _suffix(path)
    return suffix in SUFFIXES or suffix in _UNREAD


def by_suffix(path: str) -> str:
    """Reason why a file of this name is not used; empty if its format is read."""
    suffix = _suffix(path)
    if suffix in SUFFIXES:
        return ""
    return _unread(_UNREAD[suffix]) if suffix in _UNREAD else NOT_IMAGE


def by_content(file: Path | str) -> str:
    """Reason why a file without the suffix of an image is not used, from its first bytes.

    Only regular files are read; a file that cannot be read counts as none of an image.
    """
    try:
        # without blocking if a pipe has replaced the file
        descriptor = os.open(file, os.O_RDONLY | os.O_NONBLOCK)
    except (OSError, ValueError):
        return NOT_IMAGE
    try:
        regular = stat.S_ISREG(os.fstat(descriptor).st_mode)
        head = os.read(descriptor, HEAD) if regular else b""
    except OSError:
        head = b""
    finally:
        os.close(descriptor)
    return by_head(head)


def by_head(head: bytes) -> str:
    """Reason why a file without the suffix of an image is not used, given its first bytes."""
    for offset, signature, kind in _SIGNATURES:
        if head.startswith(signature, offset):
            return _unread(kind) or RENAMED
    kind = _BRANDS.get(head[8:12], "") if head[4:8] == b"ftyp" else ""
    return (_unread(kind) or RENAMED) if kind else NOT_IMAGE


def _unread(kind: str) -> str:
    """Reason why files of a kind are not read here; empty if they are."""
    if kind in ("", _PDF) or (kind == _HEIC and heif.reads_heif()):
        return ""
    if kind == _HEIC:
        return f"an image of a kind that is not read without {heif.EXTRA} (HEIC); or convert it"
    return f"an image of a kind that is not read ({kind}); convert it to PNG or JPEG"


def _suffix(path: str) -> str:
    return os.path.splitext(path)[1].lower()  # noqa: PTH122  fast, for many files


def is_quiet(path: str, reason: str) -> bool:
    """Check whether a file is left out as the settings or its name say: no warning needed."""
    if reason in (TEST, SUBSET, LIST_FILE, NOT_IMAGE):
        return True
    ordinary = reason in (HIDDEN, UNLISTED, NOT_NAMED) or reason.startswith("outside ")
    return ordinary and not is_image_name(path)


def shown(path: str) -> str:
    """Return a path as text, with invalid UTF-8 bytes written as `\\xff`."""
    return path.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")


def is_text(path: str) -> bool:
    """Check whether a path is UTF-8."""
    try:
        path.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True
