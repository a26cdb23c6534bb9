"""Snakemake logger: a line of progress, failures at the end, and a file for `anonbench status`.

`--logger anonbench` (the default profile sets it). Dry runs, warnings and errors look as Snakemake
makes them; its full log stays in .snakemake/log.
"""

from __future__ import annotations

import atexit
import logging
import os
import shutil
import sys
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from snakemake_interface_logger_plugins.base import LogHandlerBase
from snakemake_interface_logger_plugins.common import LogEvent

from snakemake_logger_plugin_anonbench.run import HEARTBEAT, NAME, Run

__all__ = ["LogHandler", "record_in"]

_run = Run()
"""Run of this process. Snakemake makes the logger before the Snakefile calls `record_in`."""


def record_in(
    results: Path, usual: Mapping[str, float], closing: Callable[[], Iterable[str]] = tuple
) -> None:
    """Record the run that is about to begin in a folder of results.

    What jobs of each rule took before (`usual`, in seconds) serves estimates. The lines that
    `closing` gives are printed when Snakemake exits, with every logger and also with --quiet.
    """
    with suppress(OSError):
        (results / NAME).unlink()
    _run.results, _run.folder, _run.seconds = results, Path.cwd(), dict(usual)
    threading.Thread(target=_renew, args=[results / NAME], daemon=True).start()
    atexit.register(_print_closing, closing)


class LogHandler(LogHandlerBase):
    """Handler that counts jobs and shows how far the run is."""

    # it replaces the terminal's handler; Snakemake's filter (--quiet) and formatter stay
    writes_to_stream = True
    writes_to_file = False
    has_filter = False
    has_formatter = False
    needs_rulegraph = False

    def __post_init__(self) -> None:
        self._terminal = sys.stderr.isatty()
        self._drawn = 0.0
        # with --quiet progress Snakemake does not log that jobs end
        quiet = self.common_settings.quiet or ()
        self._ends_are_logged = all(each.name != "PROGRESS" for each in quiet)

    def handle(self, record: Any) -> bool:
        """Count jobs before Snakemake's filter, so that --quiet hides none."""
        event = getattr(record, "event", None)
        if event and not self.common_settings.dryrun:
            _run.apply(event, record, time.time())
            if self._ends_are_logged:
                _run.write()
        return bool(super().handle(record))

    def emit(self, record: Any) -> None:
        """Show warnings, errors and progress; until jobs are planned also Snakemake's notes."""
        event = getattr(record, "event", None)
        is_note = event is None and not _run.total
        if self.common_settings.dryrun or record.levelno >= logging.WARNING or is_note:
            self._print(self.format(record))
        elif event in (LogEvent.JOB_INFO, LogEvent.PROGRESS) and self._ends_are_logged:
            self._draw(time.time())

    def close(self) -> None:
        """Show the last state and what failed."""
        if _run.began and not _run.ended:  # Snakemake closes its handlers, and Python once more
            _run.ended = time.time()
            if self._ends_are_logged:
                _run.write()
            if self._drawn:
                self._draw(_run.ended)
            self._print(_run.summary())
        super().close()

    def _draw(self, now: float) -> None:
        if _run.ended or now - self._drawn >= (0.2 if self._terminal else 5.0):
            self._drawn = now
            width = shutil.get_terminal_size().columns - 1 if self._terminal else None
            self._print(_run.line(now)[:width], "" if self._terminal and not _run.ended else "\n")

    def _print(self, text: str, end: str = "\n") -> None:
        if text and text != "None":
            clear = "\r\x1b[2K" if self._terminal else ""
            print(f"{clear}{text}", end=end, file=sys.stderr, flush=True)


def _renew(path: Path) -> None:
    while True:
        time.sleep(HEARTBEAT)
        with suppress(OSError):
            os.utime(path)


def _print_closing(closing: Callable[[], Iterable[str]]) -> None:
    for line in closing():
        print(f"anonbench: {line}", file=sys.stderr)
