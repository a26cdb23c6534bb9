"""Atomic and reproducible writing: whole files or none, equal bytes for equal content."""

from __future__ import annotations

import errno
import fcntl
import glob
import hashlib
import json
import mmap
import os
import re
import shutil
import tempfile
import time
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from anonbench.core.errors import InputError
from anonbench.core.wording import CONTROLS

if TYPE_CHECKING:
    import pandas as pd


_SCRATCH = "anonbench-scratch-"
_ARCHIVES = frozenset({".zip", ".gz", ".tgz", ".bz2", ".xz", ".zst", ".7z", ".rar"})
_CHECKSUM_BYTES = hashlib.sha256().digest_size
_NEW_SECONDS = 5.0
_WRITABLE = "{} cannot be written to ({}): make it writable, or name another folder{}"
RESULTS = ", with `results` in the config"  # where to name another folder of results
_LONGEST_NAME = 200  # bytes of a file name that leave room for additions
_STEERING = re.compile(f"[\t\n{CONTROLS}]")
_FULL = (errno.ENOSPC, errno.EDQUOT)
# EFBIG: of `ulimit -f`, or of a file system
_UNWRITABLE = (errno.EROFS, errno.EACCES, errno.EPERM, errno.EFBIG, *_FULL)
_FULL_BYTES = 2**20  # less free space counts as a full disk


@contextmanager
def atomic(path: Path) -> Iterator[Path]:
    """Yield a temporary path beside `path` that becomes `path` if the block ends without error.

    The file's mode is always the umask's. OSError where the disk is full, whatever a library
    reports.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = partial_path(path)
    try:
        temporary.touch()
        mode = temporary.stat().st_mode
        yield temporary
        if temporary.stat().st_mode != mode:  # replaced by a library, such as safetensors
            temporary.chmod(mode)
        temporary.replace(path)
    except Exception as error:
        # libraries written in Rust name the error's number
        is_of_full_disk = f"os error {errno.ENOSPC}" in str(error) or is_full(path.parent)
        if not isinstance(error, OSError) and is_of_full_disk:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path)) from error
        raise
    finally:
        temporary.unlink(missing_ok=True)


def cannot_be_written_to(folder: Path, setting: str = RESULTS) -> str | None:
    """Hint for a folder that is, or would be made in, a read-only place; None for any other."""
    place = existing(folder)
    return None if os.access(place, os.W_OK) else _WRITABLE.format(place, "read-only", setting)


def existing(folder: Path) -> Path:
    """A folder, or the nearest one above it that exists."""
    # not Path.exists, which raises where a folder above may not be entered
    return next(each for each in (folder, *folder.parents) if os.path.exists(each))  # noqa: PTH110


@contextmanager
def writing_to(folder: Path, setting: str = "") -> Iterator[None]:
    """Raise InputError where the block fails, as the folder is read-only or its disk is full.

    `setting` says behind a comma where another folder is named; empty on a command line.
    """
    try:
        yield
    except OSError as error:
        if error.errno not in _UNWRITABLE:
            raise
        if error.errno == errno.EFBIG:
            raise InputError(
                f"no file in {folder} may be that large ({error.strerror}): raise the limit, such "
                f"as `ulimit -f`, and run the same command again, or name another folder{setting}"
            ) from error
        if error.errno in _FULL:
            raise InputError(
                f"the disk of {folder} is full ({error.strerror}): make room and run the same "
                f"command again, which goes on, or name another folder{setting}"
            ) from error
        place = existing(Path(error.filename)) if isinstance(error.filename, str) else folder
        raise InputError(_WRITABLE.format(place, error.strerror, setting)) from error


def is_full(folder: Path) -> bool:
    """Check whether a folder's disk has less than 1 MiB of free space."""
    return shutil.disk_usage(folder).free < _FULL_BYTES


def partial_path(path: Path) -> Path:
    """Temporary path of what is being written; removes what killed jobs left there."""
    name = path.name
    if len(os.fsencode(name)) > _LONGEST_NAME:
        name = hashlib.sha256(os.fsencode(name)).hexdigest()
    own = str(os.getpid())
    for left in path.parent.glob(f".{glob.escape(name)}.*.part"):
        process = left.stem.rpartition(".")[2]
        if process == own or not Path("/proc", process).exists():
            if left.is_dir():
                shutil.rmtree(left, ignore_errors=True)
            else:
                left.unlink(missing_ok=True)
    return path.with_name(f".{name}.{own}.part")


@contextmanager
def scratch_folder() -> Iterator[Path]:
    """Yield a temporary, private folder for the block; see also `remove_left_scratch`."""
    remove_left_scratch()
    with tempfile.TemporaryDirectory(prefix=_SCRATCH) as name, _lock(Path(name)):
        yield Path(name)


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Lock a folder for the block, without a file; InputError if another process or user has it."""
    with _lock(folder) as is_locked:
        if not is_locked:
            raise InputError(
                f"{folder} is in use by another command, such as an open `anonbench review`: end "
                "it or wait; or the folder belongs to someone else"
            )
        yield


def remove_left_scratch() -> None:
    """Remove the scratch folders that killed processes left.

    A folder stays locked while its process, or a fork of it, is running; a new one may not be
    locked yet.
    """
    for left in Path(tempfile.gettempdir()).glob(f"{_SCRATCH}*"):
        with suppress(OSError):  # removed meanwhile
            is_new = time.time() - left.stat().st_mtime < _NEW_SECONDS
            if is_new or not left.is_dir():
                continue
            with _lock(left) as is_locked:
                if is_locked:
                    shutil.rmtree(left, ignore_errors=True)


def make_private(folder: Path) -> None:
    """Create a folder that only its owner may enter; an existing one is left unchanged."""
    if not folder.exists():
        folder.parent.mkdir(parents=True, exist_ok=True)
        folder.mkdir(mode=0o700, exist_ok=True)


def open_private(path: Path) -> BinaryIO:
    """Open a file for writing that only its owner may read."""
    return os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb")


@contextmanager
def _lock(folder: Path) -> Iterator[bool]:
    """Lock a folder for the block; False if another process has the lock, or there is no access."""
    with ExitStack() as stack:
        is_locked = False
        with suppress(OSError):  # in use, removed, or someone else's
            descriptor = os.open(folder, os.O_RDONLY)
            stack.callback(os.close, descriptor)
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            is_locked = True
        yield is_locked


def append_checksum(path: Path) -> None:
    """Append the SHA-256 of a file's content to the file."""
    with path.open("rb+") as file:
        file.write(hashlib.file_digest(file, "sha256").digest())


def read_checksummed(path: Path) -> memoryview:
    """Map a file's content, without the SHA-256 at its end; ValueError if it is damaged."""
    with path.open("rb") as file:
        stored = memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))
    content, checksum = stored[:-_CHECKSUM_BYTES], stored[-_CHECKSUM_BYTES:]
    if hashlib.sha256(content).digest() != checksum:
        raise ValueError(f"{path} is damaged")
    return content


def require_folder_or_tar(path: Path) -> None:
    """Raise InputError for other kinds of archive: a folder would get such a name."""
    if path.suffix.lower() in _ARCHIVES:
        stem = path.name.removesuffix(path.suffix).removesuffix(".tar")
        raise InputError(
            f"{path}: no {path.suffix} is written; name a folder ({stem}) or a tar ({stem}.tar)"
        )


def require_another(output: Path, *inputs: Path) -> None:
    """Raise InputError if a command would overwrite a file that it reads, or cannot write."""
    if hint := cannot_be_written_to(output.parent, " (-o)"):
        raise InputError(hint)
    for path in inputs:
        if output.exists() and path.exists() and output.samefile(path):
            raise InputError(f"{output}: is the same file as {path}, which is read; give another")


def require_new(output: Path) -> None:
    """Raise InputError if a command would write over earlier output: a file or a filled folder."""
    if output.exists() and not (output.is_dir() and not any(output.iterdir())):
        raise InputError(f"{output} is there already: name another place, or remove it")


def files_in(path: Path) -> list[Path]:
    """Return a file, or all files below a folder; empty if there is none."""
    if path.is_file():
        return [path]
    return sorted(file for file in path.rglob("*") if file.is_file())


def write_text(path: Path, text: str) -> None:
    """Write a text file, UTF-8."""
    with atomic(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def write_json(path: Path, value: Any) -> None:
    """Write `value` as JSON with sorted keys."""
    text = json.dumps(value, indent=2, sort_keys=True, ensure_ascii=False, allow_nan=False)
    write_text(path, text + "\n")


def read_json(path: Path) -> Any:
    """Read a JSON file."""
    return json.loads(path.read_text(encoding="utf-8"))


def write_parquet(
    frame: pd.DataFrame, path: Path, metadata: Mapping[str, str] | None = None
) -> None:
    """Write a table without its index; the bytes depend only on content and pyarrow's version."""
    import pyarrow as pa  # imported here: a job with cached outputs needs no table
    import pyarrow.parquet as pq

    table = pa.Table.from_pandas(frame, preserve_index=False).replace_schema_metadata(metadata)
    with atomic(path) as temporary:
        pq.write_table(table, temporary, compression="zstd")


def write_csv(frame: pd.DataFrame, path: Path) -> None:
    """Write a table without its index, numbers in full precision."""
    with atomic(path) as temporary:
        frame.to_csv(temporary, index=False, lineterminator="\n")


def plain_cell(value: object) -> object:
    """Return a value as a safe cell: no formula, no control characters, no reversed text.

    In some languages, spreadsheets also take wide signs for the start of a formula.
    """
    if not isinstance(value, str):
        return value
    plain = _STEERING.sub(lambda found: ascii(found[0])[1:-1], value)
    return f"'{plain}" if plain.startswith(tuple("=+-@\uff1d\uff0b\uff0d\uff20")) else plain


def records(table: pd.DataFrame) -> list[dict[str, Any]]:
    """Return the rows of a table as plain data; missing values are None."""
    rows: list[dict[Any, Any]] = table.astype(object).where(table.notna(), None).to_dict("records")
    return rows


_TEXTS = ("dataset", "method", "adaption", "model", "reference", "a", "b", "verdict", "reason")
"""Columns that are text in every table: `nan`, `true` and `inf` may be names."""


def read_csv(path: Path, columns: Sequence[str], text: Collection[str] = ()) -> pd.DataFrame:
    """Read a table that `write_csv` wrote.

    Columns that are not required are kept. A missing value is the empty string in the columns
    `text` and `_TEXTS`, NaN in other required ones. InputError where a column is missing.
    """
    import pandas as pd  # imported here, as in `write_parquet`

    types = dict.fromkeys([*_TEXTS, *text], str)
    missing_values = {name: ["", "nan"] for name in columns if name not in types}
    table = pd.read_csv(path, dtype=types, keep_default_na=False, na_values=missing_values)
    if missing := [name for name in columns if name not in table]:
        raise InputError(f"{path}: column {missing[0]!r} is missing; make the table again")
    return table
