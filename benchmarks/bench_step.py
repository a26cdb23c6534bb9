"""One training step: ours against a plain eager one from lightly's public parts, on the CPU.

Same model, weights, crops, masks, prototypes, centering, stochastic depth and dtype; one thread,
process time. Equal losses are shown first, without stochastic depth, whose draws differ.
"""

from __future__ import annotations

import statistics
from collections.abc import Callable
from typing import Any

import eager
import torch
from common import emit, measure, peak_memory_gb
from synthetic import batch_of, crops_given, recipe_of

from anonbench.training.data.batch import finish
from anonbench.training.loop.trainer import Trainer

WARM_UP, STEPS = 2, 5
CPU = torch.device("cpu")


def recipe(drop_path: float, precision: str = "fp32", compiled: str = "off") -> Any:
    return recipe_of(
        backbone={
            "width": 192, "depth": 6, "heads": 3, "patch": 8, "layer_scale": 1.0,
            "drop_path": drop_path,
        },
        crops={"global_size": 64, "local_size": 32, "local_count": 4},
        heads={"prototypes": 1024},
        optimizer={"batch_size": 32, "steps": 1000, "learning_rate": 1e-3, "scale_rate": False},
        compile=compiled,
        precision=precision,
        device="cpu",
    )  # fmt: skip


def rate(step: Callable[[], object]) -> float:
    """Return the images that steps take in a CPU second."""
    taken = [measure(step)[1]["cpu_seconds"] for _ in range(WARM_UP + STEPS)]
    return round(32 / statistics.median(taken[WARM_UP:]), 2)


def main() -> None:
    torch.set_num_threads(1)
    plain = recipe(0.0)
    batch = batch_of(plain, 32, 8)
    views = finish(batch.global_crops, batch.global_augmentations, plain.crops, CPU)
    local_views = finish(batch.local_crops, batch.local_augmentations, plain.crops, CPU)

    def rates(precision: str) -> dict[str, Any]:
        ours = Trainer(recipe(0.3, precision), 0, CPU)
        compiled = Trainer(recipe(0.3, precision, "on"), 0, CPU)
        peer = eager.EagerStep(ours)
        found = {
            "peer": rate(lambda: peer.step(views, local_views, batch.masked, rate=1e-3)),
            "ours": rate(lambda: ours.advance([batch])),
            "ours_compiled": rate(lambda: compiled.advance([batch])),
        }
        return {
            "images_per_cpu_second": found,
            "ratio": round(found["ours"] / found["peer"], 2),
            "ratio_compiled": round(found["ours_compiled"] / found["peer"], 2),
        }

    with crops_given(views, local_views):
        trainer = Trainer(plain, 0, CPU)
        losses = eager.both_losses(trainer, batch, views, local_views)
        result = {"stochastic_depth_0.3": rates("fp32"), "stochastic_depth_0.3_bf16": rates("bf16")}
    emit(
        {
            "model": "ViT of width 192, depth 6, patch 8; 2 x 64 and 4 x 32 px; batch 32",
            "peer": "lightly's parts, eager",
            "losses": losses,
            "largest_relative_difference": max(
                abs(value / losses["peer"][term] - 1.0) for term, value in losses["ours"].items()
            ),
            **result,
            "peak_memory_gb": peak_memory_gb(),
        }
    )


if __name__ == "__main__":
    main()
