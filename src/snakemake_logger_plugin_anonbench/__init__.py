"""A Snakemake logger that says in one line what runs, how much is left and how long it will take.

At the end it says what failed, why, and what did not run because of it, then what is in doubt about
the published images. What happens is also
recorded beside the results (`record`), where `anonbench status` reads it.

`--logger anonbench` (the default profile sets it). A dry run, errors and everything that is no
progress look as Snakemake makes them; the full log stays in .snakemake/log.
"""

from __future__ import annotations

import re
import sys
import time
from logging import LogRecord
from typing import Any

from snakemake_interface_logger_plugins.base import LogHandlerBase
from snakemake_interface_logger_plugins.common import LogEvent

from snakemake_logger_plugin_anonbench.progress import Progress
from snakemake_logger_plugin_anonbench.record import current
from snakemake_logger_plugin_anonbench.summary import summary

__all__ = ["LogHandler"]

_COUNTED = {LogEvent.RUN_INFO, LogEvent.JOB_INFO, LogEvent.JOB_STARTED, LogEvent.JOB_FINISHED}
_SILENT = {
    *_COUNTED,
    LogEvent.PROGRESS,
    LogEvent.GROUP_INFO,
    LogEvent.RESOURCES_INFO,
    LogEvent.WORKFLOW_STARTED,
}
_NOISE = (
    "Building DAG",
    "Assuming unrestricted",
    "Using shell",
    "Provided",
    "Rules claiming",
    "host:",
    "Select jobs",
    "Complete log",
    "Using profile",
    "Elapsed time",
    "Conda environments",
    # a line for each job on a cluster
    "Auto-selected partition",
    "SLURM run ID",
    "Cleaning up SLURM log files",
)
_SUBMITTED = re.compile(r"Job \S+ has been submitted with ")
_SECONDS_BETWEEN_LINES = 5.0


class LogHandler(LogHandlerBase):
    """Counts jobs and writes the progress line to standard error."""

    def __post_init__(self) -> None:
        self._progress = Progress()
        self._terminal = sys.stderr.isatty()
        self._shown = 0.0
        self._drawn = False
        self._closed = False

    @property
    def writes_to_stream(self) -> bool:
        """Take the place of Snakemake's own stream handler."""
        return True

    @property
    def writes_to_file(self) -> bool:
        """Snakemake's log file is left as it is."""
        return False

    @property
    def has_filter(self) -> bool:
        """Use Snakemake's filter (--quiet)."""
        return False

    @property
    def has_formatter(self) -> bool:
        """Use Snakemake's formatter for all that is no progress."""
        return False

    @property
    def needs_rulegraph(self) -> bool:
        """Not needed."""
        return False

    def emit(self, record: LogRecord) -> None:
        """Count a job's start or end, or pass the record on."""
        event = getattr(record, "event", None)
        if event == LogEvent.JOB_ERROR:
            self._fail(record)
        if not self.common_settings.dryrun:
            if event in _COUNTED:
                self._count(event, record)
                return
            if event in _SILENT or self._is_noise(record):
                return
        self._write(self.format(record))

    def close(self) -> None:
        """Leave a last line behind."""
        if self._progress.total and not self.common_settings.dryrun and not self._closed:
            self._closed = True  # Snakemake closes its handlers, and at exit Python does
            self._show(force=True)
            if self._drawn:
                print(file=sys.stderr)
            said = summary(self._progress)
            if said:
                print(said, file=sys.stderr, flush=True)
            record = current()
            if record:
                for line in record.closing():
                    print(f"anonbench: {line}", file=sys.stderr, flush=True)
                record.end()
        super().close()

    def _fail(self, record: Any) -> None:
        logs = [str(log) for log in record.log or []]
        self._progress.fail(record.jobid, logs, record.rule_msg or "")
        kept = current()
        if kept:
            kept.failed(record.jobid, logs, record.rule_msg or "")

    def _count(self, event: Any, record: Any) -> None:
        now = time.monotonic()
        kept = current()
        if event == LogEvent.RUN_INFO:
            self._progress.plan(record.stats)
        elif event == LogEvent.JOB_INFO:
            wildcards = dict(record.wildcards or {})
            if kept:
                kept.begin(self._progress.left)
                self._progress.expect(kept.usual)
                logs = [str(log) for log in record.log or []]
                kept.started(record.jobid, record.rule_name, wildcards, logs)
            self._progress.start(record.jobid, record.rule_name, wildcards, now, time.time())
        elif event == LogEvent.JOB_FINISHED:
            if kept:
                kept.done(record.job_id)
            self._progress.finish(record.job_id, now)
        self._show()

    def _is_noise(self, record: LogRecord) -> bool:
        text = record.getMessage().lstrip()
        return text.startswith(_NOISE) or _SUBMITTED.match(text) is not None

    def _show(self, force: bool = False) -> None:
        now = time.monotonic()
        pause = 0.2 if self._terminal else _SECONDS_BETWEEN_LINES
        if not force and now - self._shown < pause:
            return
        self._shown = now
        line = self._progress.line(now)
        if self._terminal:
            print(f"\r\x1b[2K{line[:160]}", end="", file=sys.stderr, flush=True)
            self._drawn = True
        else:
            print(line, file=sys.stderr, flush=True)

    def _write(self, text: str) -> None:
        if not text or text == "None":
            return
        if self._drawn:
            print("\r\x1b[2K", end="", file=sys.stderr)
        print(text, file=sys.stderr, flush=True)
