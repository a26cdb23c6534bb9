"""Log of a training's metrics and speed: speed.csv, TensorBoard, warnings.

Speed differs from run to run, so it stands apart from the training log, whose bytes repeat.
"""

from __future__ import annotations

import csv
import logging
import math
import resource
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from anonbench.core.io import atomic, write_json
from anonbench.training.loop.collapse_metrics import collapse_signs
from anonbench.training.loop.device_setup import describe
from anonbench.training.loop.flops import peak_flops

if TYPE_CHECKING:
    from anonbench.config.training import Recipe

logger = logging.getLogger(__name__)

SPEED_FILE = "speed.csv"
MACHINE_FILE = "machine.json"
SPEED_COLUMNS = ("step", "images_per_second", "tflops", "mfu", "waiting", "memory_gb")
"""`tflops`: 1e12 model FLOPs a second, on all GPUs together; `mfu`: their share of the GPUs' peak,
empty where that is unknown; `waiting`: share of the time in which the loader had no batch ready;
`memory_gb`: 1e9 bytes, on a GPU the peak since the last line, otherwise the process's so far."""


class MetricsLog:
    """Consumer of the training log's lines, on the first process of a training.

    The time of a line is all time since the line before (for the first one, since the log was
    opened), including that of compiling, of checkpoints and of k-NN evaluations.
    """

    def __init__(
        self,
        folder: Path | None,
        recipe: Recipe,
        flops_per_image: float,
        device: torch.device,
        first_step: int,
    ) -> None:
        """Start or go on.

        Args:
            folder: where speed.csv, machine.json and TensorBoard's files go; None writes none.
            recipe: of the training.
            flops_per_image: of a step, see `step_flops`.
            device: of this process.
            first_step: steps taken before; lines beyond it, of a killed run, are dropped.

        """
        self._recipe = recipe
        self._flops = flops_per_image
        self._device = device
        self._peak = _peak(recipe, device)
        self._warned: set[str] = set()
        self._step = first_step
        self._waited = 0.0
        self._since = time.perf_counter()
        self._path = None if folder is None else folder / SPEED_FILE
        if self._path is not None:
            _keep_lines(self._path, first_step)
            write_json(self._path.with_name(MACHINE_FILE), describe(device))
        self._board = _board(folder, first_step) if folder and recipe.tensorboard else None

    def waited(self, seconds: float) -> None:
        """Add a time of waiting for the loader."""
        self._waited += seconds

    def write(self, row: Mapping[str, float]) -> str:
        """Take a line of the training log, and return a short text for a progress bar.

        Args:
            row: with step, loss and the values for `collapse_signs`; NaN for unmeasured ones.

        """
        speed = self._measure(int(row["step"]))
        if self._path is not None:
            with self._path.open("a", encoding="utf-8") as file:
                file.write(",".join(_text(speed[name]) for name in SPEED_COLUMNS) + "\n")
        if self._board is not None:
            for group, values in (("training", row), ("speed", speed)):
                for name, value in values.items():
                    if name != "step" and math.isfinite(value):
                        self._board.add_scalar(f"{group}/{name}", value, int(row["step"]))
        self._warn(row)
        rate = (
            f"{speed['tflops']:.3g} TFLOP/s"
            if math.isnan(speed["mfu"])
            else f"{100 * speed['mfu']:.0f} % MFU"
        )
        return f"loss {row['loss']:.3g}, {speed['images_per_second']:.3g} images/s, {rate}"

    def close(self) -> None:
        """Write TensorBoard's pending data."""
        if self._board is not None:
            self._board.close()

    def _measure(self, step: int) -> dict[str, float]:
        """Return the speed since the last line, and begin the next one."""
        now = time.perf_counter()
        seconds = max(now - self._since, 1e-9)
        images = (step - self._step) * self._recipe.optimizer.batch_size / seconds
        flops = images * self._flops
        speed = {
            "step": float(step),
            "images_per_second": images,
            "tflops": flops / 1e12,
            "mfu": math.nan if self._peak is None else flops / self._peak,
            "waiting": min(self._waited / seconds, 1.0),
            "memory_gb": _peak_memory(self._device) / 1e9,
        }
        self._step, self._since, self._waited = step, now, 0.0
        return speed

    def _warn(self, row: Mapping[str, float]) -> None:
        progress = row["step"] / self._recipe.optimizer.steps
        for kind, text in collapse_signs(row, self._recipe.heads.prototypes, progress).items():
            if kind not in self._warned:
                logger.warning("step %d: %s", row["step"], text)
                self._warned.add(kind)


def _text(value: float) -> str:
    return "" if math.isnan(value) else f"{value:.6g}"


def _peak(recipe: Recipe, device: torch.device) -> float | None:
    """Return the peak of all GPUs of the training in FLOP/s, None where it is not known."""
    if device.type != "cuda":
        return None
    one = peak_flops(torch.cuda.get_device_name(device), recipe.precision)
    return None if one is None else one * recipe.gpus * recipe.nodes


def _peak_memory(device: torch.device) -> float:
    """Return bytes: on a GPU the peak of allocated memory since the last call."""
    if device.type == "cuda":
        most = float(torch.cuda.max_memory_allocated(device))
        torch.cuda.reset_peak_memory_stats(device)
        return most
    unit = 1 if sys.platform == "darwin" else 1024
    return float(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit)


def _keep_lines(path: Path, last_step: int) -> None:
    """Cut speed.csv after a step; a partial line left by a kill is removed, too."""
    kept: list[list[str]] = []
    if last_step and path.is_file():
        with path.open(encoding="utf-8", newline="") as file:
            kept = [row for row in csv.reader(file) if _is_before(row, last_step)]
    with atomic(path) as temporary:
        lines = [",".join(row) + "\n" for row in [list(SPEED_COLUMNS), *kept]]
        temporary.write_text("".join(lines), encoding="utf-8")


def _is_before(row: list[str], last_step: int) -> bool:
    whole = len(row) == len(SPEED_COLUMNS) and row[0].isdigit() and row[-1] != ""
    return whole and int(row[0]) <= last_step


def _board(folder: Path, last_step: int) -> Any:
    """Return TensorBoard's writer, which hides entries of a killed run beyond a step."""
    from torch.utils.tensorboard import SummaryWriter  # not every training uses it

    return SummaryWriter(str(folder), purge_step=last_step + 1)
