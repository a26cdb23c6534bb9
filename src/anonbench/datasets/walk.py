"""Listing and fingerprint of all files below a folder, with reasons for unused ones."""

import hashlib
import os
import re
import stat
from collections import Counter
from collections.abc import Collection, Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from anonbench.datasets.formats.pages import HEIC_EXTRA, reads_heif

_LISTS = (".", "Anno", "Eval", "labels")  # where publishers put their list files
_SUFFIXES = (".txt", ".csv", ".parquet")
_FOLDER = "folder"
HIDDEN = "a hidden file"
FOLLOWED = "a link to a folder whose files are used under this name"
BROKEN = "a link to nowhere"
SPECIAL = "a pipe, socket or device"
LINKED = "a link to a folder that is not looked into"
TWICE = "a folder that is used under another name"
ENCLOSING = "a link to a folder that encloses it"
UNREADABLE = "a folder that cannot be read"


class Entry(NamedTuple):
    """One file."""

    path: str  # relative to the folder walked
    reason: str  # why it is not used; empty for a file that can be opened and is not hidden


def walk(
    root: str,
    only: Collection[str] = (),
    everything: bool = False,
    outside: bool = False,
    hidden: bool = False,
) -> Iterator[Entry]:
    """Yield every file below `root`, in no order.

    Linked folders are followed, each real folder once: under its own name if that is below `root`,
    else under the last of its links; the link then is an entry (`FOLLOWED`) beside its files. A
    folder that is not searched is one entry. Hidden files and folders are left out.

    Args:
        root: the folder; OSError if it cannot be read.
        only: names of the folders in `root` to search; if empty, all of them and the files.
        everything: yield hidden files too, and linked folders as one entry each.
        outside: search all folders except `only` instead, and the files in `root`.
        hidden: yield each hidden file, and each hidden folder as one entry.
    """
    seen = set[tuple[int, int]]()
    _is_new(root, seen)
    folders, links = [""], list[str]()
    while folders or links:
        if not folders:
            # the last first: of a folder linked into train and val, val keeps the images
            links.sort()
            link = links.pop()
            target = Path(f"{root}/{link}").resolve()
            above = Path(f"{root}/{link}").parent.resolve(), Path(root).resolve()
            if any(place.is_relative_to(target) for place in above):
                yield Entry(link, ENCLOSING)
            elif _is_new(f"{root}/{link}", seen):
                yield Entry(link, FOLLOWED)
                folders.append(link + "/")
            else:
                yield Entry(link, TWICE)
            continue
        inside = folders.pop()
        try:
            with os.scandir(f"{root}/{inside}") as entries:
                for entry in entries:
                    path = inside + entry.name
                    is_hidden = path.startswith(".") or "/." in path
                    if not (inside or not only or (path in only) != outside):
                        continue
                    if is_hidden and not everything:
                        if hidden:
                            yield Entry(path, HIDDEN)
                        continue
                    if (kind := _kind(entry)) != _FOLDER:
                        yield Entry(path, HIDDEN if is_hidden else kind)
                    elif entry.is_symlink() and everything:
                        yield Entry(path, LINKED)
                    elif entry.is_symlink():
                        links.append(path)
                    elif _is_new(entry.path, seen):
                        folders.append(path + "/")
                    else:
                        yield Entry(path, TWICE)
        except OSError:
            if not inside:
                raise
            yield Entry(inside[:-1], UNREADABLE)


def files_in(folder: str) -> Iterator[Entry]:
    """Yield the files directly in a folder; none if it cannot be read."""
    with suppress(OSError), os.scandir(folder) as entries:
        for entry in entries:
            if (kind := _kind(entry)) != _FOLDER:
                yield Entry(entry.name, HIDDEN if entry.name.startswith(".") else kind)


def _kind(entry: os.DirEntry[str]) -> str:
    """Return an entry's reason, empty for a file that can be opened."""
    with suppress(OSError):  # a link to itself, or into a folder that cannot be read
        if entry.is_file():
            return ""
        if entry.is_dir():
            return _FOLDER
        if not entry.is_symlink() or Path(entry.path).exists():
            return SPECIAL
    return BROKEN


def _is_new(folder: str, seen: set[tuple[int, int]]) -> bool:
    try:
        state = os.stat(folder)  # noqa: PTH116  many folders
    except OSError:  # removed: its reader reports it
        return True
    known = len(seen)
    seen.add((state.st_dev, state.st_ino))
    return len(seen) > known


def scan(root: Path, paths: Iterable[str], strict: bool = False) -> str:
    """Return a digest of the names, sizes and modification times of a data set's files.

    Of other files in the images' folders the names count. With `strict`, times of status change and
    inode numbers count: a replacement of the same size and time is noticed, but so is a mere copy.
    """
    paths = [*dict.fromkeys(paths)]  # pages share a file
    # one call for all: a call for each file would be as slow as its check
    places = [place for place in _LISTS if (root / place).is_dir()]
    lists = [f"{place}/{name}" for place in places for name in sorted(os.listdir(root / place))]  # noqa: PTH208
    files = (*(file for file in lists if file.endswith(_SUFFIXES)), *paths)
    states = "".join([_state(os.path.join(root, path), path, strict) for path in files])  # noqa: PTH118
    folders = sorted({os.path.dirname(path) for path in paths})  # noqa: PTH120
    states += "".join([_names(os.path.join(root, folder), folder) for folder in folders])  # noqa: PTH118
    return hashlib.sha256(states.encode("utf-8", "surrogateescape")).hexdigest()


def _names(folder: str, shown: str) -> str:
    try:
        entries = [e for e in os.scandir(folder) if not e.is_dir(follow_symlinks=False)]
    except OSError:
        return f"{shown}\0missing\n"
    return "\0".join([shown, *sorted(e.name for e in entries if e.name[0] != ".")]) + "\n"


def _state(file: str, path: str, strict: bool) -> str:
    try:
        stat = os.stat(file)  # noqa: PTH116
    except OSError:
        return f"{path}\0missing\n"
    more = f"\0{stat.st_ctime_ns}\0{stat.st_ino}" if strict else ""
    return f"{path}\0{stat.st_size}\0{stat.st_mtime_ns}{more}\n"


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
SUFFIXES = frozenset(_READ.split())  # that `anonbench.datasets.images` decodes everywhere
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
_KIND_OF = dict.fromkeys(SUFFIXES, "") | {
    suffix: kind for kind, suffixes in _KINDS.items() for suffix in suffixes.split()
}
HEAD = 132  # number of bytes that identify a file's kind
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
    return _suffix(path) in _KIND_OF


def suffix_reason(path: str) -> str:
    """Reason why a file of this name is not used; empty if its format is read."""
    kind = _KIND_OF.get(_suffix(path))
    return NOT_IMAGE if kind is None else _unread(kind)


def name_reason(path: str) -> str:
    """Reason why a file is not used, from its name: its suffix, or that it is not UTF-8."""
    return suffix_reason(path) or ("" if is_text(path) else NOT_UTF8)


def content_reason(file: Path | str) -> str:
    """Reason why a file without the suffix of an image is not used, from its first bytes."""
    try:
        with open(file, "rb", buffering=0, opener=_without_waiting) as opened:
            is_regular = stat.S_ISREG(os.fstat(opened.fileno()).st_mode)
            return head_reason(opened.read(HEAD)) if is_regular else NOT_IMAGE
    except (OSError, ValueError):
        return NOT_IMAGE


def _without_waiting(name: str, flags: int) -> int:
    return os.open(name, flags | os.O_NONBLOCK)  # a pipe may have replaced the file


def head_reason(head: bytes) -> str:
    """Reason why a file without the suffix of an image is not used, given its first bytes."""
    brand = _BRANDS.get(head[8:12]) if head[4:8] == b"ftyp" else None
    if head.startswith(b"BM") and head[6:10] == bytes(4):  # two letters may begin any text
        brand = ""
    found = (kind for offset, start, kind in _SIGNATURES if head.startswith(start, offset))
    kind = next(found, brand)
    return NOT_IMAGE if kind is None else _unread(kind) or RENAMED


def _unread(kind: str) -> str:
    if kind in ("", _PDF) or (kind == _HEIC and reads_heif()):
        return ""
    if kind == _HEIC:
        return f"an image of a kind that is not read without {HEIC_EXTRA} (HEIC); or convert it"
    return f"an image of a kind that is not read ({kind}); convert it to PNG or JPEG"


def _suffix(path: str) -> str:
    return os.path.splitext(path)[1].lower()  # noqa: PTH122  fast, for many files


def is_quiet(path: str, reason: str) -> bool:
    """Check whether a file is left out as the settings or its name say: no warning needed."""
    if reason in (TEST, SUBSET, LIST_FILE, NOT_IMAGE):
        return True
    ordinary = reason in (HIDDEN, UNLISTED, NOT_NAMED) or reason.startswith("outside ")
    return ordinary and not is_image_name(path)


def no_images(left: Iterable[tuple[str, str]]) -> dict[str, int]:
    """Number of unused files (path, reason) that are no images by suffix, most frequent first."""
    found = [Path(path) for path, reason in left if reason == NOT_IMAGE]
    of_systems = ("thumbs.db", "desktop.ini")
    suffixes = (file.suffix.lower() for file in found if file.name.lower() not in of_systems)
    return dict(Counter(suffix or "no suffix" for suffix in suffixes).most_common())


def shown(path: str) -> str:
    """Return a path as text, with invalid UTF-8 bytes written as `\\xff`."""
    return path.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")


def is_text(path: str) -> bool:
    """Check whether a path is UTF-8."""
    return path.isascii() or re.search("[\ud800-\udfff]", path) is None


MOST_BYTES = 1024
CONTROL = "[\x00-\x1f\x7f-\x9f\u2028\u2029]"
_PATTERNS = {
    "is empty": re.compile(r"^$"),
    "has a part `.` or `..`": re.compile(r"^\.\.?$|^\.\.?/|/\.\.?/|/\.\.?$"),
    "starts or ends with `/`, or has an empty part": re.compile(r"^/|//|/$"),
    "has a line break or another control character": re.compile(CONTROL),
}


def id_problem(text: str) -> str:
    """Problem of an id, as text that follows "the id"; empty if it is valid.

    An id is a relative path in its shortest form, without control characters, of at most
    `MOST_BYTES` bytes.
    """
    found = (problem for problem, pattern in _PATTERNS.items() if pattern.search(text))
    is_long = len(text.encode("utf-8", "replace")) > MOST_BYTES
    return next(found, f"is longer than {MOST_BYTES} bytes" if is_long else "")
