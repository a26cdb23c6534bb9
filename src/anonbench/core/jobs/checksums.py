"""Checksums of job outputs, in a hidden folder beside each file, and the check against them.

A result is read by a job only when its bytes are those that its own job wrote. Sizes and times do
not tell: a file can be replaced by another of both. So each reader hashes what it reads.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, TypedDict

from anonbench.core.errors import InputError
from anonbench.core.io import read_json, write_json
from anonbench.core.provenance import file_digest

FOLDER = ".checksums"
DIGEST = ".digest"
"""Suffix of the small file that says what a big one holds: the one that Snakemake compares."""
REPLACED = "replaced"
"""Key of a record whose job is being done again, or was killed while it was."""
_CHECKED_IN_PARTS = (".tar",)
"""Suffixes of files whose readers check each part, by the digests in an index beside it."""
_WAY_OUT = (
    "run the same command again, which makes it again (a file of your own belongs outside the "
    "folder of results)"
)


class Checksum(TypedDict):
    """What a job wrote into one file."""

    name: str
    sha256: str
    size: int
    modified: int
    """When the file was last known to hold this, in ns; 0: it is to be looked into."""


def digest_file(path: str) -> str:
    """Return where the digest of a big file is."""
    return path + DIGEST


def record_of(path: Path) -> Path:
    """Return where the checksum of a file is."""
    return path.parent / FOLDER / f"{path.name}.json"


def write_checksum(path: Path, sha256: str | None = None, **more: Any) -> None:
    """Write the checksum of a file.

    Args:
        path: of the file.
        sha256: where it is known already.
        more: what else the record says.

    """
    sha256, stat = sha256 or file_digest(path), path.stat()
    record = Checksum(name=path.name, sha256=sha256, size=stat.st_size, modified=stat.st_mtime_ns)
    write_json(record_of(path), {**record, **more})


def read_checksum(path: Path) -> dict[str, Any] | None:
    """Return the record of a file; None where there is none that can be understood."""
    try:
        record = read_json(record_of(path))
        kinds = {name: type(record[name]) for name in Checksum.__annotations__}
    except (OSError, ValueError, LookupError, TypeError, RecursionError):
        return None
    is_whole = kinds == {"name": str, "sha256": str, "size": int, "modified": int}
    return record if is_whole and record["name"] == path.name else None


def holds(path: Path, record: Mapping[str, Any]) -> bool:
    """Tell whether a file holds what its record says; False where it is gone."""
    try:
        return bool(path.stat().st_size == record["size"] and file_digest(path) == record["sha256"])
    except FileNotFoundError:
        return False


def is_intact(path: Path) -> bool | None:
    """Tell whether a file is as its job wrote it.

    Its content is hashed only where its time is another one than in the record: this is for what is
    cheap to look at, and a reader uses `verify`. Nothing is written.

    Returns:
        None where nothing says what it should be, or its job was killed over it.

    """
    record = read_checksum(path)
    if record is None or REPLACED in record:
        return None
    if not path.exists():  # a link to nowhere
        return False
    stat = path.stat()
    has_its_time = stat.st_size == record["size"] and stat.st_mtime_ns == record["modified"]
    return has_its_time or holds(path, record)


def note_time(path: Path, since: int = 0) -> None:
    """Note the time of a file that is known to be intact, so that its content is not hashed again.

    Args:
        path: of the file.
        since: a record from before then is left as it is, in ns.

    """
    record = read_checksum(path)
    if record is None or REPLACED in record or record["modified"] < since or not path.is_file():
        return
    stat = path.stat()
    if stat.st_size == record["size"] and stat.st_mtime_ns != record["modified"]:
        write_json(record_of(path), record | {"modified": stat.st_mtime_ns})


def verify(path: Path, must_be_known: bool = False) -> None:
    """Check a file before it is read: its size and content, whatever its time.

    Of a file that is read in parts (`.tar`) the size is checked here, and each part by its reader.

    Args:
        path: of the file.
        must_be_known: there has to be a checksum; otherwise a file without one may be anybody's.

    Raises:
        InputError: the file is gone, holds something else than its job wrote, or is not known.

    """
    record = read_checksum(path)
    if record is None:
        if must_be_known:
            raise InputError(f"{path}: nothing says what its job wrote into it; {_WAY_OUT}")
        return
    if not path.exists():
        raise InputError(f"{path} is gone; {_WAY_OUT}")
    in_parts = path.suffix in _CHECKED_IN_PARTS and path.stat().st_size == record["size"]
    if not in_parts and not holds(path, record):
        raise refusal(path)


def verify_against(path: Path, sha256: str, size: int) -> None:
    """Check a file that has no record, by a digest from elsewhere.

    Raises:
        InputError: the file is gone or holds something else.

    """
    if not holds(path, {"sha256": sha256, "size": size}):
        found = f"{path.stat().st_size:,} bytes" if path.exists() else "nothing"
        raise InputError(
            f"{path} is damaged: {found} where {size:,} bytes of another content were written; "
            "get it again, or remove it and run again"
        )


def refusal(path: Path, found: str = "") -> InputError:
    """Return the error of a damaged file, and have the next run look into it, whatever its time.

    Args:
        path: of the file.
        found: what is wrong with it; if empty, the sizes are told.

    """
    record = read_checksum(path)
    if record:
        with suppress(OSError):  # read-only results, looked at by a command
            write_json(record_of(path), record | {"modified": 0})
    if record and not found:
        size = path.stat().st_size
        found = f"{size:,} bytes where its job wrote {record['size']:,} bytes of another content"
    return InputError(f"{path} is damaged: {found}; {_WAY_OUT}")
