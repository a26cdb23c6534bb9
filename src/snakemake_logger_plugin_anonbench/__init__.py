"""Snakemake logger: a progress line, and failures at the end.

`--logger anonbench` (the default profile sets it). Dry runs, warnings and errors look as in
Snakemake; its full log stays in .snakemake/log.
"""

import atexit
import errno
import logging
import os
import re
import shutil
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import nullcontext
from pathlib import Path
from types import FrameType
from typing import Any

from snakemake_interface_logger_plugins.base import LogHandlerBase
from snakemake_interface_logger_plugins.common import LogEvent

from anonbench.core.wording import harmless
from snakemake_logger_plugin_anonbench.run import Run

__all__ = ["LogHandler", "begin_run"]

_run = Run()
"""Run of this process. Snakemake creates the logger before the Snakefile calls `begin_run`."""
_handlers: list["LogHandler"] = []
_SILENT = 60.0  # seconds of silence after which the progress line is repeated
_INTERVAL = 20.0  # seconds between checks for silence
_MOMENT = 0.2  # seconds in which a signal that jobs have received reaches this process too
_INTERRUPTED = 130
_LOCKED = (
    "anonbench: another run is writing to these results. If none is running, one was killed: run "
    "the same command with --unlock added, then without it"
)
_NO_ROOM = re.compile(rf"OSError: \[Errno (?:{errno.ENOSPC}|{errno.EDQUOT}|{errno.EROFS})\] (.+)")
"""The last line of Snakemake's traceback where it cannot write its own records."""
_MAKE_ROOM = (
    "anonbench: {}: make room, or the disk writable, and run the same command again: what is done "
    "is kept"
)
_NO_BACKUP = "no backup found."
"""How Snakemake's warning about each output that stays, and was not there yet, ends."""
_STOPPING = ("Will exit after finishing", "Terminating processes on user request")
"""How Snakemake's messages begin with which it answers SIGTERM, and Ctrl-C."""


def begin_run(
    results: Path,
    usual: Mapping[str, float],
    closing: Callable[[], Iterable[str]] = tuple,
    targets: Iterable[str] = (),
    at_once: float = 1.0,
) -> None:
    """Count the jobs of the run that is about to begin.

    `usual` is the usual time of a job in seconds, by rule, for estimates, and `at_once` how many
    such seconds the plan expects in a second. The lines that `closing` returns are printed when
    Snakemake exits, with every logger and even with --quiet. Jobs of the rules `targets` only
    collect files, and are not counted, as in `anonbench plan`.
    """
    _run.results, _run.folder = results, Path.cwd()
    _run.usual, _run.at_once = dict(usual), at_once
    _run.leave_out(targets)

    def remind() -> None:
        while True:
            time.sleep(_INTERVAL)
            for handler in _handlers:
                handler.remind()

    def close() -> None:
        for line in closing():
            print(harmless(f"anonbench: {line}"), file=sys.stderr)

    threading.Thread(target=remind, daemon=True).start()
    atexit.register(close)


def _interrupt(number: int, frame: FrameType | None) -> None:
    if not _run.interrupted:  # later ones are for the jobs: Snakemake waits for them already
        _run.interrupted = True
        signal.default_int_handler(number, frame)


@atexit.register  # early, so that it is called last
def _leave() -> None:
    """End an interrupted run with 130, as other commands: Snakemake's 1 is that of a failure."""
    if _run.interrupted:
        logging.shutdown()
        sys.stdout.flush()
        os._exit(_INTERRUPTED)


class LogHandler(LogHandlerBase):
    """Handler that counts jobs and shows progress."""

    # replaces the terminal handler; Snakemake's filter (--quiet) and formatter stay
    writes_to_stream = True
    writes_to_file = has_filter = has_formatter = needs_rulegraph = False

    def __post_init__(self) -> None:
        self._is_terminal = sys.stderr.isatty()
        self._drawn = 0.0
        if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
            signal.signal(signal.SIGINT, _interrupt)
        _handlers.append(self)
        # with --quiet progress, Snakemake does not log the end of jobs
        quiet = self.common_settings.quiet or ()
        self._ends_are_logged = all(each.name != "PROGRESS" for each in quiet)

    def handle(self, record: Any) -> bool:
        """Count jobs before Snakemake's filter, so that --quiet does not affect the counts."""
        if record.levelno >= logging.ERROR:  # Ctrl-C ends jobs perhaps before it is known here
            time.sleep(_MOMENT)
        if (event := getattr(record, "event", None)) and not self.common_settings.dryrun:
            _run.apply(event, record, time.time())
        return bool(super().handle(record))

    def emit(self, record: Any) -> None:
        """Show warnings, errors and progress; before planning ends also Snakemake's messages."""
        event = getattr(record, "event", None)
        is_note = event is None and not _run.total
        if _run.running and not _run.is_stopping and record.getMessage().startswith(_STOPPING):
            _run.is_stopping = True
            # in the background of a shell, SIGINT is ignored
            is_heard = signal.getsignal(signal.SIGINT) is _interrupt
            command = "Ctrl-C, or kill -INT" if is_heard else "kill"
            told = f"stopping, and waiting for {_run.at_work()}. To end it at once: {command}"
            self._print(f"{told} -- -{os.getpgrp()}")
        if _run.interrupted and _run.began:
            return  # Ctrl-C has reached the jobs too: what they end with is no error
        if self.common_settings.dryrun or record.levelno >= logging.WARNING or is_note:
            text = self.format(record)
            if text.endswith(_NO_BACKUP):
                return
            if found := _NO_ROOM.match(text.rstrip().rpartition("\n")[2]):
                text = _MAKE_ROOM.format(found[1])
            self._print(_LOCKED if text.startswith("LockException") else text)
            return
        is_due = time.time() - self._drawn >= (0.2 if self._is_terminal else 5.0)
        if is_due and self._ends_are_logged and event in (LogEvent.JOB_INFO, LogEvent.PROGRESS):
            self._draw()

    def remind(self) -> None:
        """Repeat the progress line if no job has started or ended for a while."""
        with self.lock or nullcontext():
            is_silent = 0 < self._drawn <= time.time() - _SILENT
            if is_silent and self._ends_are_logged and not _run.ended:
                self._draw()

    def close(self) -> None:
        """Show the final state and the failed jobs."""
        if _run.began and not _run.ended:  # called by Snakemake, and again by Python at exit
            _run.ended = time.time()
            if self._drawn:
                self._draw()
            self._print(_run.summary())
        super().close()

    def _draw(self) -> None:
        """Show progress; on a terminal the next line overwrites it."""
        self._drawn = time.time()
        width = shutil.get_terminal_size().columns - 1 if self._is_terminal else None
        stays = _run.ended or not self._is_terminal
        self._print(harmless(_run.line(self._drawn))[:width], end="\n" if stays else "")

    def _print(self, text: str, end: str = "\n") -> None:
        if text and text != "None":
            clear = "\r\x1b[2K" if self._is_terminal else ""
            print(f"{clear}{harmless(text)}", end=end, file=sys.stderr, flush=True)
