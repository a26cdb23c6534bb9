"""Places where anonymized copies may be written: never where an original is."""

import errno
import os
import unicodedata
from collections.abc import Collection, Iterable, Sequence
from contextlib import suppress
from pathlib import Path, PurePosixPath

from anonbench.anonymization.files.record import audit_file
from anonbench.core.errors import InputError
from anonbench.datasets.inputs import Images, journal_of


def require_apart(images: Images, to: Path) -> None:
    """Raise InputError where the output folder holds originals, or lies in a folder of them.

    Nor may it lie in another output folder: its record, which names originals, would be in there.
    Folders are compared by what they are, not by their names: through links, and on file systems
    where `Photos` and `photos` are one. A tar's folder, and that of one image given alone, are no
    folders of originals.
    """
    holding = _folders(images)
    is_alone = len(images) == 1 and Path(images.place) == images.images[0].file
    in_tars = [image.file.parent for image in images if image.offset is not None]
    apart = set() if is_alone else holding - {Path(os.path.realpath(each)) for each in in_tars}
    place = Path(os.path.realpath(to))
    above = [place, *place.parents]
    if found := _same(above, apart):
        whole = images.folder and _same(above, [images.folder])
        raise InputError(
            f"{to} is in the folder of the originals, {whole or found}: name another one"
        )
    for folder in place.parents[:-1]:  # the last one has no name
        if audit_file(folder).exists() or journal_of(folder).exists():
            raise InputError(
                f"{to} is in {folder}, a folder of copies: the record beside it names originals, "
                "and would be passed on with them; name another one"
            )
    for folder in sorted(holding):
        if to.exists() and _same([folder, *folder.parents], [to]):
            raise InputError(
                f"{to} holds the originals (of {images.folder or folder}): name another folder"
            )


def target(to: Path, name: str) -> Path:
    """Path of an output, whose folder is created; InputError where a link leads out of `to`."""
    path = to / name
    _require_inside(path, to)  # before a folder is made where the link leads
    path.parent.mkdir(parents=True, exist_ok=True)
    return path


def remove(to: Path, name: str) -> None:
    """Remove an output, if it is there; InputError where a link leads out of `to`."""
    path = to / name
    try:
        if os.path.lexists(path):
            _require_inside(path, to)
            path.unlink()
    except OSError as error:
        if error.errno not in OF_NAMES:
            raise


OF_NAMES = (
    *(errno.ENAMETOOLONG, errno.EEXIST, errno.ENOTDIR, errno.EISDIR, errno.ENOTEMPTY),
    *(errno.EINVAL, errno.EILSEQ, errno.ELOOP),
)
"""Errors that are a name's and no fault of the disk's."""


def taken_suffixes(
    names: Sequence[str], others: Iterable[str], suffixes: Sequence[str]
) -> dict[str, tuple[str, ...]]:
    """Suffixes that an image's name cannot get: with one, it is another image's, or a folder's.

    `others` are names of copies of other images, `suffixes` all that a name may get.
    """
    files = {*names, *others}
    folders = {name.rpartition("/")[0] for name in files}
    folders |= {str(each) for folder in folders for each in PurePosixPath(folder).parents}
    keys = {_key(name) for name in files | folders}
    return {name: tuple(each for each in suffixes if _key(name + each) in keys) for name in names}


def count_foreign_files(to: Path, outputs: Collection[str]) -> int:
    """Number of files in the output folder that are not among `outputs`."""
    files = (Path(folder, name) for folder, _, names in os.walk(to) for name in names)
    return sum(file.relative_to(to).as_posix() not in outputs for file in files)


def clashes(to: Path, names: Iterable[str]) -> set[str]:
    """Return the names that the folder's file system takes for an earlier one: case, accents.

    The folder has to exist.
    """
    probe = to / f".anonbench-{os.getpid()}-aä.probe"
    probe.touch()
    try:
        folds = probe.with_name(probe.name.upper()).exists()
        decomposed = probe.with_name(unicodedata.normalize("NFD", probe.name))
        normalizes = decomposed.exists()
    finally:
        probe.unlink()
    if not (folds or normalizes):
        return set()
    seen, second = set[str](), set[str]()
    for name in names:
        key = unicodedata.normalize("NFC", name.casefold() if folds else name)
        if key in seen:
            second.add(name)
        seen.add(key)
    return second


def _folders(images: Images) -> set[Path]:
    """Return the folders that hold the files, and those that hold what links among them mean."""
    files = {image.file for image in images}
    if images.folder is None:  # a list may name what is not there
        files = {file for file in files if os.path.exists(file)}  # noqa: PTH110 - of any name
    links = [file for file in files if os.path.islink(file)]  # noqa: PTH114 - of any name
    found = {file.parent for file in files} | {
        Path(os.path.realpath(each)).parent for each in links
    }
    return {Path(os.path.realpath(each)) for each in (*found, *filter(None, [images.folder]))}


def _same(paths: Iterable[Path], others: Iterable[Path]) -> Path | None:
    """Return the first of the others that is one of the paths, whatever it is called."""

    def identity(path: Path) -> tuple[int, int] | None:
        with suppress(OSError):
            return (found := path.stat()).st_dev, found.st_ino
        return None

    these = {identity(path) for path in paths} - {None}
    return next((each for each in sorted(others) if identity(each) in these), None)


def _key(name: str) -> str:
    """Return one text for all names that some file system takes for the same."""
    return unicodedata.normalize("NFC", name.casefold())


def _require_inside(path: Path, to: Path) -> None:
    place = Path(os.path.realpath(path.parent))
    if path.parent != to and not place.is_relative_to(os.path.realpath(to)):
        raise InputError(f"{path.parent} is a link that leads out of {to}: remove it")
