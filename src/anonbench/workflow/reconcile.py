"""Check results against their jobs' checksums before planning, and repair them in a run.

Snakemake compares times and trusts existing files. Therefore the jobs of files that are damaged, of
unknown origin, or missing but needed are planned again. Files are only changed by a run, not by a
dry run.
"""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Callable, Collection, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

from anonbench import __version__
from anonbench.core.errors import InputError
from anonbench.core.io import RESULTS, cannot_be_written_to, make_private, writing_to
from anonbench.core.jobs.checksums import (
    FOLDER,
    digest_file,
    is_intact,
    note_time,
    read_checksum,
)

log = logging.getLogger(__name__)

BY_HAND = ".by-hand"
"""Suffix given to a damaged file, which is renamed instead of deleted."""
_VERSION = ".anonbench-version"
_CLOCK_SECONDS = 2.0
_OTHER_VERSION = (
    f"%s was written by anonbench %s, and this is {__version__}: what it computes otherwise is "
    "made again, in place of what is there. To keep that, give another folder: "
    f"--config results=results/{__version__}"
)
_HALF_KNOWN = (
    "%d files in %s, such as %s, lack a checksum or a record of Snakemake: their jobs check them "
    "or make them again"
)
_AHEAD = (
    "%d files in %s were of the future and are dated now: the clocks of the machines that wrote "
    "them differ"
)


class Results:
    """Results folder with checksums written by its jobs."""

    def __init__(self, folder: Path) -> None:
        """Use the folder as named in the config; it may not exist yet."""
        self._folder = folder
        self.prefix = f"{folder.as_posix()}/"
        """Prefix of the names that Snakemake gives to results."""
        self.metadata = folder / ".snakemake"
        """Folder of Snakemake's records of these results; it may not exist yet."""
        self.damaged: Sequence[Path] = ()
        """Files whose content differs from their checksum, as found by `outdated`."""
        self.unknown: Sequence[Path] = ()
        """Files without a checksum or a record of Snakemake, including the user's own."""

    def before_planning(self, is_look: bool) -> None:
        """Warn of results that another version wrote, or that cannot be written to."""
        version = self._folder / _VERSION
        if version.exists() and (other := version.read_text(encoding="utf-8")) != __version__:
            log.warning(_OTHER_VERSION, self._folder, other)
        if message := cannot_be_written_to(self._folder):
            log.warning("%s", message)

    def outdated(self, is_recorded: Callable[[str], bool]) -> set[str]:
        """Return and report files whose jobs must run again, without writing anything.

        `is_recorded` tells whether Snakemake has a record of a file.
        """
        intact, gone = _checked(self._folder)
        self.damaged = [path for path in intact if intact[path] is False]
        recorded = {path for path in intact if is_recorded(path.as_posix())}
        self.unknown = [path for path in intact if intact[path] is None or path not in recorded]
        for path in self.damaged:
            log.warning("%s is not what its job wrote: a run that needs it makes it again", path)
        # the others are the user's own
        if of_jobs := [path for path in self.unknown if path in recorded or read_checksum(path)]:
            log.warning(_HALF_KNOWN, len(of_jobs), self._folder, of_jobs[0])
        return {path.as_posix() for path in (*self.damaged, *self.unknown, *gone)}

    def begin(self, planned: Collection[str]) -> None:
        """Rename damaged files and correct times, before the first job of a run.

        `planned` are the outputs of all jobs that will run.

        Raises:
            InputError: the results cannot be written to.
        """
        if message := cannot_be_written_to(self._folder):
            raise InputError(message)
        make_private(self._folder)
        with writing_to(self._folder, RESULTS):
            for path in self.damaged:
                # checked again: another run may have made it since
                if path.as_posix() in planned and os.path.lexists(path) and not is_intact(path):
                    aside = path.with_name(path.name + BY_HAND)
                    path.replace(aside)
                    log.warning("%s is put aside as %s", path, aside.name)
            self._correct_times()
            (self._folder / _VERSION).write_text(__version__, encoding="utf-8")

    def _correct_times(self) -> None:
        """Record the times of intact files, and set times in the future to now.

        Otherwise Snakemake rejects outputs made from a file that another machine's clock dated
        ahead.
        """
        intact, _ = _checked(self._folder)
        latest = time.time() + _CLOCK_SECONDS
        ahead = [path for path in intact if path.exists() and path.stat().st_mtime > latest]
        if ahead:
            log.warning(_AHEAD, len(ahead), self._folder)
        for path in ahead:
            with suppress(OSError):  # another user's file
                os.utime(path)
        for path in filter(intact.get, intact):
            note_time(path)

    def end(self) -> None:
        """Do nothing: each job has recorded its own outputs."""

    def unlock(self) -> None:
        """Do nothing: there is no lock other than Snakemake's."""


def _checked(results: Path) -> tuple[dict[Path, bool | None], list[Path]]:
    """Whether each file (except hidden ones) is intact, and the files that are missing.

    Snakemake does not notice missing files while the files made from them exist. A big file with a
    digest file may be deleted to save space, and so may a whole folder.
    """
    files, gone = [], []
    for place, folders, names in os.walk(results):
        folder = Path(place)
        folders[:] = [name for name in folders if not name.startswith(".")]
        files += [folder / name for name in names if not name.startswith(".")]
        recorded = {path.name.removesuffix(".json") for path in (folder / FOLDER).glob("*.json")}
        lost = recorded.difference(names)
        gone += [folder / name for name in lost if digest_file(name) not in recorded]
    files.sort()
    with ThreadPoolExecutor() as pool:
        return dict(zip(files, pool.map(is_intact, files), strict=True)), gone
