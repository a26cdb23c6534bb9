"""Before jobs are planned: results are what their records say, and Snakemake's records are theirs.

Snakemake believes what `.snakemake` says and looks at times alone. So what it knows of the results
is kept with the results, and comes back where `.snakemake` is lost or belongs to other results; and
a file that was changed by hand is put aside, so that it is made again.
"""

from __future__ import annotations

import logging
import os
import secrets
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

from anonbench import __version__
from anonbench.core.io import atomic, writing_to
from anonbench.core.jobs.checksums import DIGEST, is_intact, note_touch, read_checksum
from anonbench.core.jobs.job_cache import IDENTITY
from anonbench.workflow.lock import is_locked
from anonbench.workflow.snakemake_metadata import decoded, encoded, forget, pack, records_of, unpack

log = logging.getLogger(__name__)

RECORDS = ".records.json.gz"
BY_HAND = ".by-hand"
"""Suffix under which a damaged file is put aside: nothing is lost."""
_OWNER = "anonbench-owner"
_VERSION = ".anonbench-version"
_READ = (".csv", ".json", ".npz", ".parquet", DIGEST)
"""Suffixes of files that other jobs read: nobody misses a figure but who asks for it."""
_CLOCK_SECONDS = 2.0
_OF_RUNS = ("benchmarks", "logs")
_AGAIN = "their jobs check them or make them again"
_MISSING = "missing: changed by hand, or its job failed\n"


def reconcile(
    results: Path, snakemake: Path, makes: Callable[[str], bool] = lambda path: True
) -> list[Path]:
    """Make results and records agree; return the files that were damaged and put aside.

    A job is done again whose output is damaged, is of unknown origin, or is gone while other jobs
    read it. Nothing is done while a run is going on: a dry run beside it is only to look.

    Args:
        results: folder of all results, as the config names it.
        snakemake: Snakemake's own folder, `.snakemake`.
        makes: whether some job makes a file, by its path.

    Raises:
        InputError: the results have to be written to, and cannot be.

    """
    if not results.is_dir() or is_locked(snakemake):
        return []
    with writing_to(results):
        known = _known(results, snakemake)
        files = _files(results)
        with ThreadPoolExecutor() as pool:
            intact = dict(zip(files, pool.map(is_intact, files), strict=True))
        placeholders = [path for path in files if not intact[path] and is_placeholder(path)]
        damaged = [path for path in files if intact[path] is False and path not in placeholders]
        for path in damaged:
            path.replace(path.with_name(path.name + BY_HAND))
        unknown = [path for path in files if intact[path] is None and makes(path.as_posix())]
        lost = [path for path in unknown if read_checksum(path) is None]
        if lost and known:
            text = "nothing says what %d files hold, such as %s: %s"
            log.warning(text, len(lost), lost[0], _AGAIN)
        if not known and (unknown := [*unknown, *filter(intact.get, files)]):
            log.warning("nothing is known of the files in %s: %s", results, _AGAIN)
        missed = [path for path in _missed(results, snakemake) if makes(path.as_posix())]
        again = {*damaged, *placeholders, *unknown, *missed}
        _begin_again(sorted(again), snakemake)
        _take_from_the_future(results)
    return damaged


def is_placeholder(path: Path) -> bool:
    """Tell whether a file only stands where one is missing, so that its job is done again."""
    if not path.is_file() or path.stat().st_size != len(_MISSING):
        return False
    return path.read_bytes() == _MISSING.encode()


def remember(results: Path, snakemake: Path, began: int) -> None:
    """Keep what Snakemake knows of the results with them; to be called at the end of a run.

    Args:
        results: folder of all results.
        snakemake: Snakemake's own folder.
        began: when the run did, in ns.

    """
    if not results.is_dir():
        return
    try:
        with ThreadPoolExecutor() as pool:
            for _ in pool.map(lambda path: note_touch(path, began), _files(results)):
                pass
        _remember(results, snakemake)
    except OSError as error:  # a full disk, which has failed the run: that is said already
        log.warning("what is known of the files in %s is not kept there: %s", results, error)


def _remember(results: Path, snakemake: Path) -> None:
    with atomic(results / RECORDS) as temporary:
        packed = pack(_prefixes(results, snakemake), snakemake)
        temporary.write_bytes(packed)
    owner = _owner(results) or secrets.token_hex(8)
    (results / f".{_OWNER}").write_text(owner, encoding="utf-8")
    (snakemake / _OWNER).write_text(owner, encoding="utf-8")
    (results / _VERSION).write_text(__version__, encoding="utf-8")


def of_another_version(results: Path) -> str | None:
    """Say what becomes of results that another version of anonbench wrote; else None."""
    version = _read(results / _VERSION)
    if version in ("", __version__):
        return None
    return (
        f"{results} was written by anonbench {version}, and this is {__version__}: what it "
        "computes otherwise is made again, in place of what is there. To keep that, give another "
        f"folder: --config results=results/{__version__}"
    )


def _restore_records(results: Path, snakemake: Path) -> bool:
    """Replace Snakemake's records of the results by those kept with them; tell if there are any."""
    if not (results / RECORDS).exists():
        return False
    try:
        unpack((results / RECORDS).read_bytes(), _prefixes(results, snakemake), snakemake)
    except ValueError:
        log.warning("%s is damaged and not used", results / RECORDS)
        return False
    (snakemake / _OWNER).write_text(_owner(results) or "")
    return True


def _known(results: Path, snakemake: Path) -> bool:
    """Bring Snakemake's records of the results back where they are lost or of other results.

    Returns:
        Whether there are any.

    """
    is_ours = _owner(results) == _read(snakemake / _OWNER)
    if is_ours and any(True for _ in _records(results, snakemake)):
        return True
    if _restore_records(results, snakemake):
        return True
    forget(_prefixes(results, snakemake), snakemake)
    return False


def _files(results: Path) -> list[Path]:
    """Return all files but hidden ones, logs and benchmarks."""
    found = []
    for folder, folders, names in os.walk(results):
        apart = _OF_RUNS if Path(folder) == results else ()
        folders[:] = [name for name in folders if not name.startswith(".") and name not in apart]
        found += [Path(folder, name) for name in names if not name.startswith(".")]
    return sorted(found)


def _missed(results: Path, snakemake: Path) -> list[Path]:
    """Return files that other jobs read and that are gone: their jobs were killed or failed.

    Snakemake would not miss them while what was made from them is there. Of a job that can put its
    outputs back only a digest is missed: that the big file is gone, to save room, is no reason to
    make it again. A folder that is gone as a whole is not missed.
    """
    known = dict(_records(results, snakemake)) | dict(_records(results, snakemake, "incomplete"))
    paths = (Path(decoded(name)) for name in known)
    return [
        path
        for path in paths
        if path.suffix in _READ
        and not (at := snakemake.parent / path).exists()
        and at.parent.is_dir()
        and (path.suffix == DIGEST or IDENTITY not in (read_checksum(at) or {}))
    ]


def _begin_again(paths: Iterable[Path], snakemake: Path) -> None:
    """Have the jobs of these files done again.

    Snakemake does a job again whose output is there and marked as incomplete.
    """
    for path in paths:
        at = snakemake.parent / path
        if not at.exists():
            at.write_text(_MISSING, encoding="utf-8")
        mark = snakemake / "incomplete" / encoded(path.as_posix())
        mark.parent.mkdir(parents=True, exist_ok=True)
        mark.touch()


def _take_from_the_future(results: Path) -> None:
    """Give files that another machine's clock dated ahead the time that it is now.

    Snakemake refuses what is made from them, as older than they are.
    """
    now = time.time()
    ahead = 0
    for folder, _, names in os.walk(results):
        for name in names:
            path = os.path.join(folder, name)  # noqa: PTH118 - results have very many files
            with suppress(OSError):  # a link to nowhere, or someone else's
                if os.stat(path).st_mtime > now + _CLOCK_SECONDS:  # noqa: PTH116
                    os.utime(path, (now, now))
                    ahead += 1
    if ahead:
        log.warning(
            "%d files in %s were of the future and are dated now: the clocks of the machines that "
            "wrote them differ",
            ahead,
            results,
        )


def _records(results: Path, snakemake: Path, kind: str = "metadata") -> Iterator[tuple[str, Path]]:
    return records_of(_prefixes(results, snakemake), snakemake, kind)


def _prefixes(results: Path, snakemake: Path) -> tuple[str, ...]:
    # as the config names the folder: from where Snakemake runs, or whole
    places = (os.path.relpath(results, snakemake.parent), os.path.abspath(results))  # noqa: PTH100
    return tuple(place + os.sep for place in places)


def _owner(results: Path) -> str:
    return _read(results / f".{_OWNER}")


def _read(path: Path) -> str:
    return path.read_text() if path.exists() else ""
