"""Snakemake's records of results, stored with the results."""

from __future__ import annotations

import atexit
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path
from typing import Any

from snakemake import workflow as snakemake_workflow
from snakemake.exceptions import WorkflowError
from snakemake.logging import logger
from snakemake.persistence import ParamsChange
from snakemake.persistence.file import FilePersistence

from anonbench.core.errors import InputError
from anonbench.core.jobs.checksums import holds, read_checksum
from anonbench.core.jobs.job_cache import record_benchmark
from anonbench.workflow.refusal import START, refuse
from anonbench.workflow.results_folder import Bucket, Results

Check = Callable[[set[str], set[str], list[str]], Iterable[str]]
"""Function from requested files, those that no rule makes, and all target names to warnings."""

_HERE = "./"
"""Prefix of the names of results in their records."""
_UNRECORDED = "(no record of what it was made with)"


class Metadata(FilePersistence):  # type: ignore[misc]
    """Snakemake's records of results, stored with the results instead of in `.snakemake`.

    They name files relative to the results, so that they stay valid if the results are moved or
    copied. Everything else (locks, environments, logs) stays in `.snakemake`.
    """

    def __init__(
        self, store: Results | Bucket, check: Check = lambda *_: (), **settings: Any
    ) -> None:
        """Open the records of `store`; `settings` are those of Snakemake."""
        super().__init__(**settings)
        self._store = store
        self.is_look: bool = settings["warn_only"]
        self._is_main: bool = self.dag.workflow.is_main_process
        if self._is_main:
            try:
                for text in check(*_asked(self.dag)):
                    logger.warning(f"{START}{text}")
                if not self.dag.workflow.dag_settings.forceall:
                    store.check()
            except InputError as error:
                refuse(error)
        self._metadata_path = str(store.metadata / "metadata")
        self._incomplete_path = str(store.metadata / "incomplete")
        self._max_len = 128  # not the file system's limit: results may move to another one

    async def finished(self, job: Any) -> None:
        """Record a finished job and its benchmark."""
        await super().finished(job)
        if job.benchmark:
            record_benchmark(Path(job.benchmark), Path(job.output[0]))

    def has_metadata(self, job: Any) -> bool:
        """Say yes where jobs are planned: `params_changed` looks for records itself."""
        return self._is_main or bool(super().has_metadata(job))

    def params_changed(self, job: Any, file: Any = None) -> ParamsChange:
        """Changes of parameters since the records of a job's outputs, or of one of them.

        An output without a record counts as changed; Snakemake alone would compare nothing. A job's
        own process has no records where results are in a bucket.
        """
        files = [] if not self._is_main else job.output if file is None else [file]
        unknown = {
            str(each)
            for each in files
            if self._get_key(each).startswith(_HERE) and self.metadata(each) is None
        }
        change = ParamsChange(only_new={_UNRECORDED} if unknown else set(), files=unknown)
        return change | super().params_changed(job, file)

    def backup_output(self, path: Path) -> None:
        """Do nothing: outputs flagged `update` are only read, never modified."""

    def restore_output(self, path: Path) -> bool:
        """Whether a failed job's earlier output is intact and kept; otherwise it is removed."""
        record = read_checksum(path)
        return record is not None and holds(path, record)

    def save_iocache(self) -> None:
        """Do nothing: otherwise a dry run would write its findings for `--trust-io-cache`."""

    def input_checksums(self, job: Any, input_path: Any) -> set[Any]:
        """Checksums of an input in the records of a job's outputs."""
        checksums: set[Any] = super().input_checksums(job, self._relative(input_path))
        return checksums

    def _get_key(self, file: Any) -> str:
        return self._relative(super()._get_key(file))

    def _input(self, job: Any) -> list[str]:
        return sorted(map(self._relative, super()._input(job)))

    def _write_record(self, key: str, record: Any) -> None:
        checksums = record.input_checksums or {}
        record.input_checksums = {self._relative(file): checksums[file] for file in checksums}
        super()._write_record(key, record)

    def _relative(self, file: str) -> str:
        prefix = self._store.prefix
        return f"{_HERE}{file.removeprefix(prefix)}" if file.startswith(prefix) else file


def _asked(dag: Any) -> tuple[set[str], set[str], list[str]]:
    """Arguments of `Check`, which Snakemake knows only once the Snakefile is parsed."""
    files = set(map(str, dag.targetfiles))
    unknown = {
        file
        for file in files
        if not Path(file).exists() and not any(rule.is_producer(file) for rule in dag.rules)
    }
    names = [rule.name for rule in dag.rules if not rule.has_wildcards()]
    return files | {rule.name for rule in dag.targetrules}, unknown, sorted(names)


def metadata_store(workflow: Any, results: str, storage_prefix: str) -> Results | Bucket:
    """Store of Snakemake's records: with the results, on disk or in a bucket."""
    if workflow.storage_settings.default_storage_provider != "s3":
        return Results(Path(results))
    client = workflow.storage_registry.default_storage_provider.s3c
    return Bucket(client, storage_prefix + results, Path(".snakemake/anonbench-s3"))


def keep_metadata_in(store: Results | Bucket, workflow: Any, check: Check) -> None:
    """Store a workflow's metadata in `store`; to be called while its Snakefile is read.

    `check` is called before jobs are planned; its InputError ends the run. Snakemake opens a log
    before it reads the Snakefile; a dry run's log is removed when the process ends.

    Raises:
        WorkflowError: the records would be stored in a database.
    """
    if workflow.workflow_settings.persistence_backend.name != "FILE":
        raise WorkflowError("--persistence-backend: what is known of results is kept with them")
    snakemake_workflow.FilePersistence = partial(Metadata, store, check)
    if workflow.is_main_process:
        atexit.register(_remove_log_of_look, workflow, workflow.logger_manager.get_logfile())


def _remove_log_of_look(workflow: Any, logs: Iterable[str]) -> None:
    for log in logs:
        # --lint opens no metadata
        if log.endswith(".snakemake.log") and getattr(workflow.persistence, "is_look", True):
            Path(log).unlink(missing_ok=True)
