"""Log of a training's metrics and speed: speed.csv, TensorBoard, warnings.

Speed differs from run to run, so it stands apart from the training log, whose bytes repeat.
"""

from __future__ import annotations

import logging
import math
import resource
import sys
import time
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import pandas as pd
import torch

from anonbench.core.io import write_csv
from anonbench.training.loop.collapse_metrics import collapse_signs

if TYPE_CHECKING:
    from anonbench.config.training import Recipe

logger = logging.getLogger(__name__)
Item = TypeVar("Item")

SPEED_FILE = "speed.csv"
SPEED_COLUMNS = ("step", "images_per_second", "waiting", "memory_gb")
"""`waiting`: share of the time in which the loader had no batch ready; `memory_gb`: 1e9 bytes, on a
GPU the peak since the last line, otherwise the process's so far."""


class MetricsLog:
    """Consumer of the training log's lines, on the first process of a training.

    The time of a line is all time since the line before (for the first one, since the log was
    opened), including that of compiling and of checkpoints.
    """

    def __init__(
        self, folder: Path | None, recipe: Recipe, device: torch.device, first_step: int
    ) -> None:
        """Start or go on, after `first_step` steps: later lines, of a killed run, are dropped.

        speed.csv and TensorBoard's files go to the folder, if there is one.
        """
        self._recipe, self._device, self._step = recipe, device, first_step
        self._warned: set[str] = set()
        self._waited, self._since = 0.0, time.perf_counter()
        self._path = None if folder is None else folder / SPEED_FILE
        self._board: Any = None
        if folder is None or self._path is None:
            return
        kept = pd.DataFrame(columns=list(SPEED_COLUMNS))
        if first_step and self._path.is_file():
            kept = pd.read_csv(self._path)
            kept = kept[kept["step"] <= first_step].dropna()  # the last line may be torn
        write_csv(kept, self._path)
        if recipe.tensorboard:
            from torch.utils.tensorboard import SummaryWriter  # not every training uses it

            self._board = SummaryWriter(str(folder), purge_step=first_step + 1)

    def timed(self, loader: Iterable[Item]) -> Iterator[Item]:
        """Yield what a loader gives, and add up the time of waiting for it."""
        began = time.perf_counter()
        for item in loader:
            self._waited += time.perf_counter() - began
            yield item
            began = time.perf_counter()

    def write(self, row: Mapping[str, float]) -> str:
        """Take a line of the training log, and return a short text for a progress bar.

        The line has step, loss and the values for `collapse_signs`; NaN for unmeasured ones.
        """
        step = int(row["step"])
        now = time.perf_counter()
        seconds = max(now - self._since, 1e-9)
        speed = {
            "step": step,
            "images_per_second": (step - self._step) * self._recipe.optimizer.batch_size / seconds,
            "waiting": min(self._waited / seconds, 1.0),
            "memory_gb": _peak_memory(self._device) / 1e9,
        }
        self._step, self._since, self._waited = step, now, 0.0
        if self._path is not None:
            with self._path.open("a", encoding="utf-8") as file:
                file.write(",".join(f"{speed[name]:.6g}" for name in SPEED_COLUMNS) + "\n")
        if self._board is not None:
            for group, values in (("training", row), ("speed", speed)):
                for name, value in values.items():
                    if name != "step" and math.isfinite(value):
                        self._board.add_scalar(f"{group}/{name}", value, step)
        progress = step / self._recipe.optimizer.steps
        for kind, text in collapse_signs(row, self._recipe.heads.prototypes, progress).items():
            if kind not in self._warned:
                logger.warning("step %d: %s", step, text)
                self._warned.add(kind)
        return f"loss {row['loss']:.3g}, {speed['images_per_second']:.3g} images/s"

    def close(self) -> None:
        """Write TensorBoard's pending data."""
        if self._board is not None:
            self._board.close()


def _peak_memory(device: torch.device) -> float:
    """Return bytes: on a GPU the peak of allocated memory since the last call."""
    if device.type == "cuda":
        most = float(torch.cuda.max_memory_allocated(device))
        torch.cuda.reset_peak_memory_stats(device)
        return most
    unit = 1 if sys.platform == "darwin" else 1024
    return float(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit)
