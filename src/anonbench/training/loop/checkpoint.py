"""Checkpoints: the complete state from which a killed training continues exactly.

A request to end a training early is handled between two steps.
"""

import logging
import os
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from types import FrameType
from typing import Any, Self

import torch

from anonbench.core.io import append_checksum, atomic, read_checksummed

logger = logging.getLogger(__name__)


@dataclass
class Checkpoint:
    """Checkpoint of a training, every some minutes; `seconds` are those of the last writing."""

    path: Path
    identity: str  # digest of the training and its inputs
    minutes: float
    written: float = field(default_factory=time.monotonic)
    step: int = 0
    seconds: float = 0.0

    @property
    def is_due(self) -> bool:
        """Whether it is time to write again."""
        return time.monotonic() - self.written >= 60.0 * self.minutes

    def restore(self, restore: Callable[[dict[str, Any]], None]) -> None:
        """Call a function with the state to go on from, if there is one of the same training."""
        if not self.path.is_file():
            return
        try:
            read_checksummed(self.path)
        except ValueError:
            logger.warning("the checkpoint is damaged: starting from the beginning")
            return
        saved = torch.load(self.path, map_location="cpu", weights_only=True)
        if saved["identity"] != self.identity:
            text = "the checkpoint is of another recipe, seed or data: starting from the beginning"
            logger.warning(text)
            return
        restore(saved["state"])
        self.step = saved["state"]["step"]
        logger.info("going on from step %d", self.step)

    def write(self, state: dict[str, Any], first: bool = True) -> None:
        """Write a state of tensors and plain values with its `step`, on the first rank of all.

        All ranks must call it.
        """
        began = time.monotonic()
        if first:
            with atomic(self.path) as temporary:
                torch.save({"identity": self.identity, "state": state}, temporary)
                append_checksum(temporary)  # not checked by torch, which ignores trailing bytes
        self.written, self.step = time.monotonic(), state["step"]
        self.seconds = self.written - began


SIGNALS = (signal.SIGTERM, signal.SIGUSR1, signal.SIGINT)
TIME_LIMIT = "the time limit"
LEAST_MARGIN = 60.0  # least time in seconds before the end of a job at which a training stops


class Interrupts:
    """Notes the signals of a pre-emption and the end of the job's time, for the loop to ask.

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

    def __exit__(self, *_: object) -> None:
        for number, handler in self._before.items():
            # None: a handler that was not set from Python cannot be restored
            signal.signal(number, signal.SIG_DFL if handler is None else handler)
        self._before.clear()

    def reason(self, checkpoint_seconds: float = 0.0) -> str | None:
        """Reason to end the training now (a signal's name or `TIME_LIMIT`), or None.

        Call it after every step: the time between calls shows how long a step may take, as
        `checkpoint_seconds` does for the checkpoint.
        """
        now = self._clock()
        if self._asked is not None:
            self._slowest_step = max(self._slowest_step, now - self._asked)
        self._asked = now
        if self._signal is not None:
            return self._signal
        margin = max(LEAST_MARGIN, 3.0 * checkpoint_seconds, 2.0 * self._slowest_step)
        return TIME_LIMIT if self._end is not None and self._end - now < margin else None

    def _note(self, number: int, frame: FrameType | None) -> None:
        if number == signal.SIGINT and self._signal is not None:
            raise KeyboardInterrupt
        self._signal = self._signal or signal.Signals(number).name


def end_of_job(environment: Mapping[str, str]) -> float | None:
    """Time at which Slurm ends this job, in seconds since 1970; None outside or without limit."""
    if "SLURM_JOB_ID" not in environment:
        return None
    command = ["squeue", "--noheader", "--jobs", environment["SLURM_JOB_ID"], "--format", "%e"]
    try:
        end = environment.get("SLURM_JOB_END_TIME")
        if not end:  # before Slurm 23.02; a local time
            run = subprocess.run(command, capture_output=True, text=True, check=True, timeout=30)
            end = run.stdout.strip()
        return float(end) if end.isdecimal() else datetime.fromisoformat(end).timestamp()
    except ValueError:  # such as NONE or N/A
        return None
    except (OSError, subprocess.SubprocessError) as error:
        logger.warning("the end of the Slurm job is not known: %s", error)
        return None
