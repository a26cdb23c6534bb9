"""Images passed to a command or function: a folder, a tar, a table, a list of paths, a file."""

import os
import sys
import tarfile
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import dropwhile
from pathlib import Path
from typing import NamedTuple

from anonbench.core.errors import InputError, UnreadableImage, listed
from anonbench.core.io import locked
from anonbench.core.wording import tally
from anonbench.datasets import walk

STANDARD_INPUT = "-"
TABLES = (".csv", ".parquet")
GIVE_IMAGES = "give a folder, or a list of paths"


@dataclass(frozen=True)
class ImageFile:
    """One image, not yet read."""

    id: str
    """The table's own id, or the name without its suffix; with it where several would share one."""
    name: str  # relative path with suffix, parts joined by `/`
    file: Path  # the file, or the tar that it is in
    offset: int | None = None  # of the first byte in the tar; None where `file` is the image
    size: int = 0  # bytes in the tar
    page: int | None = None  # of the file, from 1; None where the file is the image
    key: str = ""
    """The table's own id, else the name, of a page with its number. It depends on no other file."""

    def data(self, max_pixels: int | None = None) -> bytes:
        """Return the file's bytes, read once; their SHA-256 is the image's digest.

        UnreadableImage if it is missing, damaged, or too large for an image of `max_pixels`.
        """
        from anonbench.datasets.images import MAX_PIXELS, max_bytes, read_file

        most = max_bytes(max_pixels or MAX_PIXELS)
        if self.offset is None:
            return read_file(self.file, most)
        if not 0 < self.size <= most:
            raise UnreadableImage(f"more than {most} bytes" if self.size else "empty file")
        try:
            with self.file.open("rb") as tar:
                tar.seek(self.offset)
                data = tar.read(self.size)
        except OSError as error:
            raise UnreadableImage(f"cannot be opened ({type(error).__name__})") from None
        if len(data) != self.size:
            raise UnreadableImage("the tar ends within it")
        return data


class LeftOut(NamedTuple):
    """A file that is not used."""

    name: str
    reason: str

    @property
    def quiet(self) -> bool:
        """Whether nobody would expect it to be used, such as a text file or a hidden one."""
        return walk.is_quiet(self.name, self.reason)


@dataclass(frozen=True)
class Images:
    """Images that were passed, in the order of their names, and files left out."""

    images: tuple[ImageFile, ...]
    left_out: tuple[LeftOut, ...]
    place: str  # as the user gave it, for messages
    folder: Path | None = None  # the folder that was given; None where it was none

    def __iter__(self) -> Iterator[ImageFile]:
        return iter(self.images)

    def __len__(self) -> int:
        return len(self.images)


_Found = Iterable[ImageFile | LeftOut]  # an image's id is empty where none is given


def open_images(
    given: str | Path | Iterable[str | Path], pages: bool = False, documents: bool = False
) -> Images:
    """List images without opening any.

    Args:
        given: a folder, which is walked with all folders in it; an uncompressed tar; a table
            (`.csv`, `.parquet`) with a column `path`, relative to the table's folder, and perhaps
            `id`; one image; `-` for a list of paths on standard input, a line each (or with NUL
            between them); or such a list itself.
        pages: each page of a PDF or TIFF file of several is an image.
        documents: a PDF file is one image. Without either, PDF files are left out.

    Raises:
        InputError: there is no such place, it cannot be read, or it holds no image. A single image
            that is wrong is left out, or says so when it is read.
    """
    folder = None
    if not isinstance(given, str | Path):
        place = "the list"
        paths = listed("images", given, GIVE_IMAGES)
        for number, path in enumerate(paths):
            if not isinstance(path, str | os.PathLike):
                raise InputError(
                    f"images: number {number} is {type(path).__name__}, not a path; only embed and "
                    "evaluate also take arrays (np.asarray(...), uint8), all of one list"
                )
        found = _list_images(map(os.fspath, paths))
    elif str(given) == STANDARD_INPUT:
        place = "the list on standard input"
        if sys.stdin.isatty():
            print("reading paths from standard input, a line each", file=sys.stderr)
        data = sys.stdin.buffer.read()
        lines = data.split(b"\0") if b"\0" in data else data.splitlines()
        found = _list_images(os.fsdecode(line) for line in lines if line)
    else:
        place = str(given)
        folder = Path(given) if Path(given).is_dir() else None
        found = _place_images(Path(given))
    checked = [*_checked(found, pages, documents)]
    files = [each for each in checked if isinstance(each, ImageFile)]
    left = [each for each in checked if isinstance(each, LeftOut)]
    if not files:
        why = f" ({tally(Counter(reason for _, reason in left))})" if left else ""
        raise InputError(f"{place}: no image is there{why}")
    images = sorted(_with_ids(place, files), key=lambda image: image.name)
    if pages:
        images = _with_pages(images, left)
    return Images(tuple(images), tuple(sorted(left)), place, folder)


def require_place(given: str | Path) -> None:
    """Refuse a missing place: commands check it before they load anything slow."""
    if str(given) != STANDARD_INPUT and not Path(given).exists():
        raise InputError(
            f"{given}: there is no such file or folder; give a folder, a tar, a table with a "
            "column `path`, an image, or - for a list of paths on standard input"
        )


def journal_of(folder: Path) -> Path:
    """File beside a folder while `anonbench anonymize` writes copies to it."""
    place = folder.resolve()
    return place.parent / f".{place.name}.journal"


def require_finished(folder: Path) -> None:
    """Refuse copies of a run of `anonbench anonymize` that did not come to its end."""
    if not (journal := journal_of(folder)).is_file():
        return
    try:
        with locked(folder):
            why, way = f"was stopped ({journal.name} is beside it)", "run it again, to its end"
    except InputError:
        why, way = "is writing them", "wait until it ends"
    raise InputError(f"{folder}: copies may be missing: `anonbench anonymize` {why}; {way}")


def _place_images(path: Path) -> _Found:
    if path.is_dir():
        require_finished(path)
        return _folder_images(path)
    require_place(path)
    if path.suffix.lower() in TABLES:
        return _table_images(path)
    # by its content: `photos.tar.gz` is to be told what is wrong with it
    if walk.suffix_reason(path.name) and path.is_file() and tarfile.is_tarfile(path):
        return _tar_images(path)
    return [ImageFile("", path.name, path)]


def _left_out(name: str, why: str) -> LeftOut:
    return LeftOut(walk.shown(name), why)


def _folder_images(folder: Path) -> _Found:
    try:
        for name, reason in walk.walk(str(folder), hidden=True):
            if reason == walk.FOLLOWED:
                continue
            inside = folder / name
            why = reason or walk.name_reason(name)
            if why == walk.NOT_IMAGE:
                why = walk.content_reason(inside)
            yield _left_out(name, why) if why else ImageFile("", name, inside)
            if why == walk.HIDDEN and not inside.is_symlink() and inside.is_dir():
                try:
                    for path, _ in walk.walk(str(inside), everything=True):
                        if walk.is_image_name(path):
                            yield _left_out(f"{name}/{path}", walk.HIDDEN)
                except OSError:
                    yield _left_out(name, walk.UNREADABLE)
    except OSError as error:
        raise InputError(f"{error.filename or folder} cannot be read ({error.strerror})") from None


def _tar_images(path: Path) -> _Found:
    files: dict[str, ImageFile] = {}
    try:
        with tarfile.open(path, "r:") as tar:
            for member in tar:
                vars(tar)["members"].clear()  # tarfile would keep a kilobyte of each otherwise
                name = member.name.removeprefix("./")
                if member.isdir():
                    continue
                why = walk.name_reason(name)
                if not member.isreg() or member.issparse():
                    why = "a link or device in a tar"
                elif any(part[0] == "." and part.strip(".") for part in name.split("/") if part):
                    why = walk.HIDDEN
                elif why == walk.NOT_IMAGE and (file := tar.extractfile(member)):
                    why = walk.head_reason(file.read(walk.HEAD))
                if why:
                    yield _left_out(name, why)
                    continue
                if name in files:
                    yield LeftOut(name, "a later member of the same name takes its place")
                files[name] = ImageFile("", name, path, member.offset_data, member.size)
    except (tarfile.TarError, OSError, EOFError) as error:
        raise InputError(
            f"{path} cannot be read as a tar ({type(error).__name__}); give an uncompressed one "
            "(gunzip, unxz), or the folder that it was made of"
        ) from None
    yield from files.values()


def _table_images(path: Path) -> _Found:
    from anonbench.config import DataSource, Layout, OwnSplit
    from anonbench.datasets.documents import page_numbers
    from anonbench.datasets.layouts import own

    # every row is an image, whatever its column `split` says
    source = DataSource(layout=Layout.TABLE, path=path, split=OwnSplit(validation=0.5))
    try:
        table = own.read_table("images", source, ())
    except InputError as error:
        raise InputError(str(error).removeprefix("datasets.images.path: ")) from None
    rows = table.images
    for image_id, relative, page in zip(rows["id"], rows["path"], page_numbers(rows), strict=True):
        given = str(image_id) if table.has_own_ids else ""
        yield ImageFile(given, _as_name(relative), path.parent / relative, page=page)


def _list_images(paths: Iterable[str]) -> _Found:
    return [ImageFile("", _as_name(path), Path(path)) for path in dict.fromkeys(paths)]


def _as_name(path: str) -> str:
    """Return the name of a listed path: relative, in its shortest form, without leading `..`."""
    parts = [part for part in path.split("/") if part not in ("", ".")]
    return "/".join(dropwhile(lambda part: part == "..", parts))


def _checked(found: _Found, pages: bool, documents: bool) -> _Found:
    """Leave out files with invalid or ambiguous names, and pages unless requested."""
    known = set[tuple[str, int | None]]()
    for image in found:
        if isinstance(image, LeftOut):
            yield image
            continue
        why = "" if walk.is_text(image.name) else walk.NOT_UTF8
        is_pdf = image.name.lower().endswith(".pdf")
        if problem := walk.id_problem(image.name):
            why = f"the file's name {problem}"
        elif (image.name, image.page) in known:
            why = "listed twice"
        elif not pages and is_pdf and not (documents and image.page is None):
            why = "a PDF, of which no copy is written; save its pages as images"
        elif not pages and image.page is not None:
            why = "a page of a file, of which no copy can be written; save it as an image"
        if not why:
            known.add((image.name, image.page))
        yield _left_out(image.name, why) if why else image


def _with_ids(place: str, files: list[ImageFile]) -> Iterator[ImageFile]:
    """Yield the images with an id each; two of the same are the user's own, and an InputError."""
    ids = {image: image.id or os.path.splitext(image.name)[0] for image in files}  # noqa: PTH122
    given = {image.id for image in files}
    counts = Counter(ids.values())
    while shared := [image for image, own in ids.items() if counts[own] > 1]:
        if all(ids[image] in (image.name, *given) for image in shared):
            raise InputError(f"{place}: two images have the id {ids[shared[0]]!r}")
        ids |= {image: image.name for image in shared if ids[image] not in given}
        counts = Counter(ids.values())
    for image in files:
        yield replace(image, id=ids[image], key=image.id or image.name)


def count_pages_of(image: ImageFile) -> int:
    """Number of pages of a PDF or TIFF file, by its suffix; 1 if it is unknown."""
    from anonbench.datasets.documents import count_pages
    from anonbench.datasets.formats.pages import WITH_PAGES

    if image.page is not None or not image.name.lower().endswith(WITH_PAGES):
        return 1
    try:
        source = image.file if image.offset is None else image.data()
    except UnreadableImage:
        return 1
    return count_pages(source, image.name[image.name.rindex(".") :])


def _with_pages(images: list[ImageFile], left: list[LeftOut]) -> list[ImageFile]:
    """Return images, of documents their pages, with the ids of `documents.with_pages`."""
    from anonbench.datasets.formats.pages import WITH_PAGES, page_id

    if not any(image.name.lower().endswith(WITH_PAGES) for image in images):
        return images
    from anonbench.core.workers import in_threads

    found = []
    for image, pages in zip(images, in_threads(count_pages_of, images), strict=True):
        if pages == 1:
            found.append(image)
        elif problem := walk.id_problem(page_id(image.id, pages)):
            left.append(LeftOut(image.name, f"a page's id {problem}"))
        else:
            found += [
                replace(image, id=page_id(image.id, n), key=page_id(image.key, n), page=n)
                for n in range(1, pages + 1)
            ]
    return found
