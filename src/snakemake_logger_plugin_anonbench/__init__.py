"""Snakemake logger: one line of progress, failures at the end, and a record for `anonbench status`.

`--logger anonbench` (the default profile sets it). Dry runs, warnings and errors look as Snakemake
makes them; its full log stays in .snakemake/log.
"""

from __future__ import annotations

import logging
import sys
import time
from typing import Any

from snakemake_interface_logger_plugins.base import LogHandlerBase
from snakemake_interface_logger_plugins.common import LogEvent

from snakemake_logger_plugin_anonbench.record import Record, current
from snakemake_logger_plugin_anonbench.run import Run

__all__ = ["LogHandler"]

_HIDDEN = {
    LogEvent.RUN_INFO,
    LogEvent.JOB_INFO,
    LogEvent.JOB_STARTED,
    LogEvent.JOB_FINISHED,
    LogEvent.PROGRESS,
    LogEvent.GROUP_INFO,
    LogEvent.RESOURCES_INFO,
    LogEvent.WORKFLOW_STARTED,
}
"""Events that the progress line stands for."""
_LINE = 160
_SECONDS_BETWEEN_LINES = 5.0
_SECONDS_ON_TERMINAL = 0.2


class LogHandler(LogHandlerBase):
    """Handler that turns Snakemake's events into those of a `Run`, and shows that."""

    # properties of Snakemake's interface: it replaces the handler of the terminal, and keeps
    # Snakemake's filter (--quiet), formatter and log file
    writes_to_stream = True
    writes_to_file = False
    has_filter = False
    has_formatter = False
    needs_rulegraph = False

    def __post_init__(self) -> None:
        self._run = Run()
        self._record: Record | None = None
        self._jobs: dict[str, int] = {}
        self._terminal = sys.stderr.isatty()
        self._shown = 0.0

    def emit(self, record: Any) -> None:
        """Count a job's start or end, or show what Snakemake says."""
        event = getattr(record, "event", None)
        if not self.common_settings.dryrun:
            match event:
                case LogEvent.RUN_INFO:
                    self._jobs = dict(record.stats)
                case LogEvent.JOB_INFO:
                    self._start(record)
                case LogEvent.JOB_FINISHED:
                    self._note("done", job=record.job_id)
                case LogEvent.JOB_ERROR:
                    logs = [str(log) for log in record.log or []]
                    self._note("failed", job=record.jobid, logs=logs, message=_message(record))
        if self._is_shown(event, record.levelno):
            self._print(self.format(record))

    def close(self) -> None:
        """Show the last state, what failed, and what is to be known of the results."""
        if self._run.began is not None and self._run.ended is None:
            self._note("end")  # Snakemake closes its handlers, and when it exits Python does
            self._print(self._run.summary())
            for line in self._record.closing() if self._record else ():
                self._print(f"anonbench: {line}")
        super().close()

    def _is_shown(self, event: Any, level: int) -> bool:
        """Return whether a message is shown: once jobs are planned, no mere notes of Snakemake."""
        if self.common_settings.dryrun or level >= logging.WARNING:
            return True
        return event not in _HIDDEN if event else not self._jobs

    def _start(self, record: Any) -> None:
        if self._run.began is None:
            self._record = current()
            usual = self._record.usual if self._record else {}
            self._note("run", jobs=self._jobs, usual=usual)
        self._note(
            "started",
            job=record.jobid,
            rule=record.rule_name,
            wildcards=[str(value) for value in dict(record.wildcards or {}).values()],
            logs=[str(log) for log in record.log or []],
        )

    def _note(self, event: str, **facts: Any) -> None:
        now = time.time()
        facts |= {"event": event, "at": round(now, 3)}
        self._run.apply(facts)
        if self._record:
            self._record.write(facts)
        pause = _SECONDS_ON_TERMINAL if self._terminal else _SECONDS_BETWEEN_LINES
        if self._run.began is None:  # with --quiet rules, jobs are not seen to begin
            return
        if event == "end" or now - self._shown >= pause:
            self._shown = now
            end = "\n" if event == "end" or not self._terminal else ""
            self._print(self._run.line(now)[: _LINE if self._terminal else None], end)

    def _print(self, text: str, end: str = "\n") -> None:
        if text and text != "None":
            clear = "\r\x1b[2K" if self._terminal else ""
            print(f"{clear}{text}", end=end, file=sys.stderr, flush=True)


def _message(record: Any) -> str:
    lines = str(record.rule_msg or "").strip().splitlines()
    return lines[0] if lines else ""
