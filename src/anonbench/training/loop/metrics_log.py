"""Log of a training's metrics and speed: speed.csv, TensorBoard, early signs of a collapse.

Speed differs from run to run, so it stands apart from the training log, whose bytes repeat.
"""

from __future__ import annotations

import logging
import math
import resource
import time
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import torch
from torch import Tensor

from anonbench.core.io import write_csv

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
        import pandas as pd  # here: benchmarks on GPUs do without

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
        """Take a line of the training log, and return a short text for a progress bar."""
        step = int(row["step"])
        now = time.perf_counter()
        seconds = max(now - self._since, 1e-9)
        speed = {
            "step": step,
            "images_per_second": (step - self._step) * self._recipe.optimizer.batch_size / seconds,
            "waiting": min(self._waited / seconds, 1.0),
            "memory_gb": self._peak_memory() / 1e9,
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

    def _peak_memory(self) -> float:
        if self._device.type == "cuda":
            most = float(torch.cuda.max_memory_allocated(self._device))
            torch.cuda.reset_peak_memory_stats(self._device)
            return most
        return 1024.0 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss

    def close(self) -> None:
        """Write TensorBoard's pending data."""
        if self._board is not None:
            self._board.close()


EPSILON = 1e-7  # added to each share of the singular values, as in RankMe's equation 1

# Where the thresholds come from: trainings of 60 to 240 steps on the tests' and the demo's images,
# 1 to 3 seeds each, from a tenth of the run on:
#                      entropy / ln K   KL (nats)    prototypes used                   rank
#   Sinkhorn            0.37–0.77      0.5–2.1      30 of 32, 51+ of 64, 239+ of 256  10–35
#   no centering        0.00–0.21      0.0003–1.5   9 of 32 down to 4, 1.0 (demo)     9–42
#   softmax centering   0.00–0.21      0.001–1.8    1.0–11, up and down               7–33
#   teacher at T 0.5    0.99–1.00      < 0.04 soon  32 of 32                          2.7–10
#   LayerScale 1e-5     0.93–1.00      0.005–0.9    32 of 32                          1.0–20
# The demo's own recipes gave no sign. Softmax centering gave "few" where most of its targets had
# become one-hot on few prototypes; some of these runs recovered.
_SETTLED = 0.1  # share of the run before which there is no sign: every run starts near one of them
_UNIFORM = 0.98  # share of ln K from which targets count as uniform …
_MATCHED = 0.05  # … if the student has matched them to this many nats
_FEW = 5.0  # greatest number of used prototypes, of 20 or more, that is few; a quarter of fewer
_FLAT = 2.0  # effective rank of the features below which they count as collapsed


@torch.no_grad()
def rank_me(features: Tensor) -> float:
    """Return the effective rank of features [N, D]: RankMe (Garrido et al. 2023, equation 1).

    exp(−Σ p log p) with p = σ / Σσ + ε over the singular values σ, between 1 and min(N, D); 0 where
    all features are zero, NaN where one is not finite. The features are not centred, as in the
    paper: a mean that outweighs their differences is a low rank, too.
    """
    features = features.float()
    if not features.isfinite().all():
        return float("nan")  # LAPACK raises; the trainer reports a loss that is not finite
    values = torch.linalg.svdvals(features)
    total = values.sum()
    return float(torch.special.entr(values / total + EPSILON).sum().exp()) if total else 0.0


@torch.no_grad()
def used_prototypes(targets: Tensor) -> Tensor:
    """Effective number of prototypes that a batch's targets [N, K] use, between 1 and K.

    It is exp of the entropy of the mean target, a scalar that stays on the device.
    """
    return torch.special.entr(targets.mean(dim=0)).sum().exp()  # type: ignore[no-any-return]


def collapse_signs(row: Mapping[str, float], prototypes: int, progress: float) -> dict[str, str]:
    """Return early signs of a collapse in a line of the training log, as sentences by kind.

    There are none before a tenth of the run (`progress`), and NaN is never a sign.
    """
    if progress < _SETTLED:
        return {}
    entropy, rest = row["teacher_entropy"], row["kl"]
    used, rank = row["prototypes_used"], row["feature_rank"]
    signs = {}
    most = math.log(prototypes)
    if entropy >= _UNIFORM * most and rest < _MATCHED:
        signs["uniform"] = (
            f"the teacher's targets are uniform (entropy {entropy:.2f} of at most {most:.2f} "
            "nats) and the student matches them: nothing is left to learn; look at "
            "heads.teacher_temperature (lower), optimizer.ema (faster at the start) and "
            "backbone.layer_scale (larger in a short run)"
        )
    if used < min(_FEW, prototypes / 4):
        signs["few"] = (
            f"a batch's images share {used:.1f} of {prototypes} prototypes: their targets become "
            "the same; look at heads.centering (sinkhorn), heads.center_momentum (lower in a short "
            "run) and optimizer.learning_rate (lower)"
        )
    if rank < _FLAT:
        signs["flat"] = (
            f"the features have an effective rank of {rank:.1f}: they differ in one direction or "
            "none; look at losses.koleo (higher), optimizer.learning_rate (lower) and "
            "backbone.layer_scale"
        )
    return signs
