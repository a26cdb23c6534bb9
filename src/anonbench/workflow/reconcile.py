"""Check of results against the checksums of their jobs, before planning; repair when a run starts.

Snakemake compares times and believes what is there. So files that are damaged, of unknown origin,
or gone while others read them have their jobs planned again. Only a run changes anything.
"""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Callable, Collection, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

from anonbench import __version__
from anonbench.core.errors import InputError
from anonbench.core.io import cannot_be_written_to, make_private, writing_to
from anonbench.core.jobs.checksums import DIGEST, FOLDER, is_intact, note_time, read_checksum
from anonbench.core.jobs.job_cache import IDENTITY
from anonbench.workflow.code_snapshots import keep_codes

log = logging.getLogger(__name__)

METADATA = ".snakemake"
"""Folder in the results of what Snakemake knows of them."""
BY_HAND = ".by-hand"
"""Suffix under which a damaged file is put aside: nothing is lost."""
_VERSION = ".anonbench-version"
_READ = (".csv", ".json", ".npz", ".parquet", DIGEST)
"""Suffixes of files that other jobs read: nobody misses a figure but who asks for it."""
_CLOCK_SECONDS = 2.0
_OF_RUNS = ("benchmarks", "logs")
_AGAIN = "their jobs check them or make them again"


class Results:
    """A folder of results, whose files were recorded by the jobs that wrote them."""

    def __init__(self, folder: Path) -> None:
        """Take the folder, as the config names it; it may be missing."""
        self._folder = folder
        self.prefix = f"{folder.as_posix()}/"
        self.metadata = folder / METADATA
        self.damaged: Sequence[Path] = ()
        """Files that hold something else than their jobs wrote; found by `outdated`."""
        self.gone: Sequence[Path] = ()
        """Files that other jobs read and that are not there."""
        self.unknown: Sequence[Path] = ()
        """Files of which no job, or not Snakemake, says what they hold; those of users included."""

    def before_planning(self, is_look: bool) -> None:
        """Warn of results of another version, or that cannot be written to."""
        for message in (of_another_version(self._folder), cannot_be_written_to(self._folder)):
            if message:
                log.warning("%s", message)

    def outdated(self, is_recorded: Callable[[str], bool]) -> set[str]:
        """Return files whose jobs have to run again; nothing is written.

        Args:
            is_recorded: whether Snakemake knows how a file was made.

        """
        files, self.gone = _files(self._folder), list(_gone(self._folder))
        with ThreadPoolExecutor() as pool:
            intact = dict(zip(files, pool.map(is_intact, files), strict=True))
        recorded = {path for path in files if is_recorded(path.as_posix())}
        self.damaged = [path for path in files if intact[path] is False]
        self.unknown = [path for path in files if intact[path] is None or path not in recorded]
        lost = [path for path in recorded if intact[path] is None and not read_checksum(path)]
        for path in self.damaged:
            log.warning("%s is not what its job wrote: a run that needs it makes it again", path)
        if lost:
            text = "nothing says what %d files hold, such as %s: %s"
            log.warning(text, len(lost), min(lost), _AGAIN)
        if any(map(intact.get, files)) and not recorded:
            log.warning("nothing is known of the files in %s: %s", self._folder, _AGAIN)
        return {path.as_posix() for path in [*self.damaged, *self.gone, *self.unknown]}

    def begin(self, planned: Collection[str]) -> None:
        """Put damaged files aside and correct times, before the first job runs.

        Args:
            planned: the outputs of all jobs that will run.

        Raises:
            InputError: the results cannot be written to.

        """
        if message := cannot_be_written_to(self._folder):
            raise InputError(message)
        make_private(self._folder)
        with writing_to(self._folder):
            for path in self.damaged:
                # looked into again: another run may have made it since
                if path.as_posix() in planned and os.path.lexists(path) and not is_intact(path):
                    aside = path.with_name(path.name + BY_HAND)
                    path.replace(aside)
                    log.warning("%s is put aside as %s", path, aside.name)
            _correct_times(self._folder)
            (self._folder / _VERSION).write_text(__version__, encoding="utf-8")
            keep_codes(self._folder)

    def end(self) -> None:
        """Do nothing: each job has recorded what it made."""

    def unlock(self) -> None:
        """Do nothing: Snakemake's lock is all there is."""


def of_another_version(results: Path) -> str | None:
    """Return what becomes of results that another version of anonbench wrote, else None."""
    path = results / _VERSION
    version = path.read_text(encoding="utf-8") if path.exists() else __version__
    if version == __version__:
        return None
    return (
        f"{results} was written by anonbench {version}, and this is {__version__}: what it "
        "computes otherwise is made again, in place of what is there. To keep that, give another "
        f"folder: --config results=results/{__version__}"
    )


def _folders(results: Path, apart: Collection[str]) -> Iterator[tuple[Path, list[str]]]:
    """Yield each folder with the names of its files, hidden ones left out."""
    for place, folders, names in os.walk(results):
        without = apart if Path(place) == results else ()
        folders[:] = [name for name in folders if not name.startswith(".") and name not in without]
        yield Path(place), [name for name in names if not name.startswith(".")]


def _files(results: Path, apart: Collection[str] = _OF_RUNS) -> list[Path]:
    return sorted(folder / name for folder, names in _folders(results, apart) for name in names)


def _gone(results: Path) -> Iterator[Path]:
    """Yield files that other jobs read and that are gone: their jobs were killed or failed.

    Snakemake would not miss them while what was made from them is there. Of a job that can put its
    outputs back only a digest is missed: that the big file is gone, to save room, is no reason to
    make it again. A folder that is gone as a whole is not missed.
    """
    for folder, names in _folders(results, _OF_RUNS):
        for record in sorted((folder / FOLDER).glob("*.json")):
            path = folder / record.name.removesuffix(".json")
            if path.name in names or path.suffix not in _READ:
                continue
            if path.suffix == DIGEST or IDENTITY not in (read_checksum(path) or {}):
                yield path


def _correct_times(results: Path) -> None:
    """Note the times of intact files, and date those of the future now.

    Snakemake refuses what is made from a file that another machine's clock dated ahead.
    """
    now = time.time()
    with ThreadPoolExecutor() as pool:
        ahead = sum(pool.map(lambda path: _correct_time(path, now), _files(results, ())))
    if ahead:
        log.warning(
            "%d files in %s were of the future and are dated now: the clocks of the machines that "
            "wrote them differ",
            ahead,
            results,
        )


def _correct_time(path: Path, now: float) -> bool:
    """Correct the time of one file; return whether it was of the future."""
    intact, is_ahead = is_intact(path), False
    with suppress(OSError):  # a link to nowhere, or someone else's
        if path.stat().st_mtime > now + _CLOCK_SECONDS:
            is_ahead = True
            os.utime(path, (now, now))
    if intact:
        note_time(path)
    return is_ahead
