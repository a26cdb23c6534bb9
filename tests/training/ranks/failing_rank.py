"""A process of a real training that fails as FAIL says: `RANK STEP HOW`, in the middle of the step.

HOW is `kill`, `raise`, or `term` for a signal to the launcher, whose process FAIL names at the end.
"""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path
from typing import Any

from anonbench.training.loop import launch
from anonbench.training.loop.trainer import Trainer

targets = Trainer._targets
read_labels = launch._read_labels


def failing(self: Trainer, *arguments: Any) -> Any:
    rank, step, how, launcher = os.environ["FAIL"].split()
    if (self.ranks.rank, self.step) == (int(rank), int(step)):
        if how == "kill":
            os.kill(os.getpid(), signal.SIGKILL)
        if how == "raise":
            raise ZeroDivisionError("by the test")
        os.kill(int(launcher), signal.SIGTERM)
    return targets(self, *arguments)


def unlabelled(*arguments: Any) -> dict[str, str]:
    return {} if os.environ["RANK"] == "1" else read_labels(*arguments)


if __name__ == "__main__":
    Trainer._targets = failing  # type: ignore[method-assign]
    launch._read_labels = unlabelled
    sys.exit(launch.main(Path(sys.argv[1])))
