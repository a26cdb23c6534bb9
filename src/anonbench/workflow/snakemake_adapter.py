"""Adapter to what Snakemake does not document: the only module that uses its private names.

`tests/workflow/test_snakemake_adapter.py` names each of them and fails where Snakemake has another.
"""

from __future__ import annotations

import atexit
import time
from collections.abc import Callable, Collection, Iterable
from functools import partial
from pathlib import Path
from typing import Any, Protocol

from snakemake import api  # noqa: F401 - first: Snakemake's modules import each other
from snakemake import workflow as snakemake_workflow
from snakemake.exceptions import WorkflowError
from snakemake.persistence.file import FilePersistence

from anonbench.core.errors import InputError
from anonbench.core.jobs.checksums import note_time

# --- metadata -------------------------------------------------------------------------------------

_NAME_LENGTH = 128
"""Characters of a record's file name, less one. Snakemake takes what the file system allows, which
is another number on another one, and records would not be found there."""


class Store(Protocol):
    """Where results lie, and what Snakemake knows of them."""

    prefix: str
    """Of the names that Snakemake gives to results, with the slash."""
    metadata: Path
    """Folder of Snakemake's records and marks of these results; it may be missing."""

    def before_planning(self, is_look: bool) -> None:
        """Get ready for planning.

        Args:
            is_look: nothing will run, and nothing may change.

        Raises:
            InputError: nothing can be planned.

        """

    def outdated(self, is_recorded: Callable[[str], bool]) -> Iterable[str]:
        """Return files whose jobs have to run again, by the names that Snakemake gives them.

        Args:
            is_recorded: whether Snakemake knows how a file was made.

        """

    def begin(self, planned: Collection[str]) -> None:
        """Get ready for the first job of a run.

        Args:
            planned: the outputs of all jobs that will run.

        Raises:
            InputError: the results cannot be written to.

        """

    def end(self) -> None:
        """Finish a run."""

    def unlock(self) -> None:
        """Release the results, after a run that was killed."""


class Metadata(FilePersistence):  # type: ignore[misc]
    """Snakemake's records of results, kept with the results instead of in `.snakemake`.

    Files in the results are named relative to them, so that records are still true where the
    results were moved or copied. All else (locks, environments, logs) stays in `.snakemake`.
    """

    def __init__(self, store: Store, **settings: Any) -> None:
        """Open the records of `store`; `settings` are those of Snakemake."""
        super().__init__(**settings)
        self._store = store
        self._began = time.time_ns()
        self.is_look: bool = settings["warn_only"]
        is_main = self.dag.workflow.is_main_process
        if is_main:
            try:
                store.before_planning(self.is_look)
            except InputError as error:
                raise WorkflowError(str(error)) from None
        self._metadata_path = str(store.metadata / "metadata")
        self._incomplete_path = str(store.metadata / "incomplete")
        self._max_len = _NAME_LENGTH
        if is_main:
            # as Snakemake itself does with incomplete files: what is forced need not be a target
            self.dag.forcefiles.update(store.outdated(self.is_recorded))

    def is_recorded(self, file: str) -> bool:
        """Tell whether there is a record of a file."""
        return Path(self._record_path(self._metadata_path, file)).exists()

    async def finished(self, job: Any) -> None:
        """Record a finished job, and the times of its outputs: Snakemake has just touched them."""
        await super().finished(job)
        for file in job.output:
            note_time(Path(file), since=self._began)

    def cleanup_locks(self) -> None:
        """Do what `snakemake --unlock` asks for."""
        super().cleanup_locks()
        try:
            self._store.unlock()
        except InputError as error:
            raise WorkflowError(str(error)) from None

    def save_iocache(self) -> None:
        """Do nothing: a dry run would write what it found for `--trust-io-cache`."""

    def _record_path(self, subject: str, id: str) -> str:
        path: str = super()._record_path(subject, self._relative(id))
        return path

    def _io_write(self, subject: str, json_value: Any, id: str, **mode: Any) -> None:
        super()._io_write(subject, _renamed(json_value, self._relative), id, **mode)

    def _io_read(self, subject: str, id: str) -> Any:
        return _renamed(super()._io_read(subject, id), self._absolute)

    def _relative(self, file: str) -> str:
        prefix = self._store.prefix
        return f"./{file.removeprefix(prefix)}" if file.startswith(prefix) else file

    def _absolute(self, name: str) -> str:
        return self._store.prefix + name[2:] if name.startswith("./") else name


def _renamed(record: dict[str, Any], rename: Callable[[str], str]) -> dict[str, Any]:
    """Return a record with its inputs renamed; marks of incomplete files have none."""
    if not record.get("input"):
        return record
    checksums = record.get("input_checksums") or {}
    return record | {
        "input": sorted(map(rename, record["input"])),
        "input_checksums": {rename(file): checksum for file, checksum in checksums.items()},
    }


def keep_metadata_in(store: Store, workflow: Any) -> None:
    """Have a workflow's metadata kept in `store`; to be called while its Snakefile is read.

    Snakemake opens a log before it reads the Snakefile, also where nothing will run: that of a look
    is removed when the process ends.

    Raises:
        WorkflowError: the records are to be kept in a database.

    """
    if workflow.workflow_settings.persistence_backend.name != "FILE":
        raise WorkflowError("--persistence-backend: what is known of results is kept with them")
    snakemake_workflow.FilePersistence = partial(Metadata, store)
    if workflow.is_main_process:
        atexit.register(_remove_log_of_look, workflow, workflow.logger_manager.get_logfile())


def _remove_log_of_look(workflow: Any, logs: Iterable[str]) -> None:
    metadata = workflow.persistence
    if metadata is None or getattr(metadata, "is_look", False):
        for log in logs:
            if log.endswith(".snakemake.log"):
                Path(log).unlink(missing_ok=True)
