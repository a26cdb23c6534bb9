"""Requests to end a training early, handled between two steps."""

from __future__ import annotations

import logging
import os
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Mapping
from datetime import datetime
from types import FrameType, TracebackType
from typing import Self

SIGNALS = (signal.SIGTERM, signal.SIGUSR1, signal.SIGINT)
TIME_LIMIT = "the time limit"
LEAST_MARGIN = 60.0
"""Least time in seconds before the end of a job at which a training stops."""

logger = logging.getLogger(__name__)


class Interrupts:
    """Notes the signals of a pre-emption and the end of the job's time, for the loop to ask.

        with Interrupts() as interrupts:
            for step in steps:
                ...
                if reason := interrupts.reason():
                    ...  # write a checkpoint
                    raise Interrupted(reason, step)

    A second Ctrl-C stops at once. The handlers that were there come back at the end of the block.
    In a thread that is not the main one signals cannot be heard: the time limit alone counts.
    """

    def __init__(self, end: float | None = None, clock: Callable[[], float] = time.time) -> None:
        """Take the end of the job in seconds since 1970; by default, what Slurm says."""
        self._end = end_of_job(os.environ) if end is None else end
        self._clock = clock
        self._signal: str | None = None
        self._before: dict[signal.Signals, signal._HANDLER] = {}
        self._asked: float | None = None
        self._slowest_step = 0.0

    def __enter__(self) -> Self:
        if threading.current_thread() is threading.main_thread():
            for number in SIGNALS:
                self._before[number] = signal.signal(number, self._note)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for number, handler in self._before.items():
            # None: a handler that was not set from Python cannot be restored
            signal.signal(number, signal.SIG_DFL if handler is None else handler)
        self._before.clear()

    def reason(self, checkpoint_seconds: float = 0.0) -> str | None:
        """Reason to end the training now (a signal's name or `TIME_LIMIT`), or None.

        Call it after every step: the time between calls shows how long a step may take.

        Args:
            checkpoint_seconds: time that the last checkpoint took to write.

        """
        now = self._clock()
        if self._asked is not None:
            self._slowest_step = max(self._slowest_step, now - self._asked)
        self._asked = now
        if self._signal is not None:
            return self._signal
        margin = max(LEAST_MARGIN, 3.0 * checkpoint_seconds, 2.0 * self._slowest_step)
        if self._end is not None and self._end - now < margin:
            return TIME_LIMIT
        return None

    def _note(self, number: int, frame: FrameType | None) -> None:
        if number == signal.SIGINT and self._signal is not None:
            raise KeyboardInterrupt
        self._signal = self._signal or signal.Signals(number).name


def end_of_job(environment: Mapping[str, str]) -> float | None:
    """Time at which Slurm ends this job, in seconds since 1970; None outside or without limit."""
    if "SLURM_JOB_ID" not in environment:
        return None
    end = environment.get("SLURM_JOB_END_TIME") or _ask_squeue(environment["SLURM_JOB_ID"])
    try:
        return float(end) if end.isdecimal() else datetime.fromisoformat(end).timestamp()
    except ValueError:  # such as NONE or N/A
        return None


def _ask_squeue(job: str) -> str:
    """Return the end of a job as a local time, or nothing: Slurm before 23.02 sets no variable."""
    command = ["squeue", "--noheader", "--jobs", job, "--format", "%e"]
    try:
        run = subprocess.run(command, capture_output=True, text=True, check=True, timeout=30)
    except (OSError, subprocess.SubprocessError) as error:
        logger.warning("the end of the Slurm job is not known: %s", error)
        return ""
    return run.stdout.strip()
