"""One training step: ours against a plain eager one from lightly's public parts, on the CPU.

Same model, weights, crops, masks, prototypes, centering, stochastic depth and dtype; one thread,
process time. Equal losses are shown first, without stochastic depth, whose draws differ.
"""

from __future__ import annotations

import resource
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import eager
import torch
from common import emit, peak_memory_gb
from synthetic import batch_of, recipe_of

from anonbench.training.data.batch import finish
from anonbench.training.loop import trainer as training
from anonbench.training.loop.trainer import Trainer

WARM_UP, STEPS = 2, 5
CPU = torch.device("cpu")


def made(drop_path: float, compiled: bool = False, precision: str = "fp32") -> Any:
    return recipe_of(
        backbone={
            "width": 192, "depth": 6, "heads": 3, "patch": 8, "layer_scale": 1.0,
            "drop_path": drop_path,
        },
        crops={"global_size": 64, "local_size": 32, "local_count": 4},
        heads={"prototypes": 1024},
        optimizer={"batch_size": 32, "steps": 1000, "learning_rate": 1e-3, "scale_rate": False},
        compile="on" if compiled else "off",
        precision=precision,
        device="cpu",
    )  # fmt: skip


def tensors(recipe: Any) -> tuple[Any, torch.Tensor, torch.Tensor]:
    """Return a batch whose crops are finished already: the loader is another benchmark's matter."""
    batch = batch_of(recipe, recipe.optimizer.batch_size, 8)
    views = finish(batch.global_crops, batch.global_augmentations, recipe.crops, CPU)
    local_views = finish(batch.local_crops, batch.local_augmentations, recipe.crops, CPU)
    return batch, views, local_views


def median_seconds(step: Callable[[], object]) -> float:
    for _ in range(WARM_UP):
        step()
    taken = []
    for _ in range(STEPS):
        began = time.process_time()
        step()
        taken.append(time.process_time() - began)
    return statistics.median(taken)


def use(views: torch.Tensor, local_views: torch.Tensor) -> None:
    """Let the trainer take crops that are finished."""
    training.finish = lambda crops, *_: views if len(crops) == len(views) else local_views  # type: ignore[attr-defined]


def equal_losses() -> dict[str, dict[str, float]]:
    recipe = made(0.0)
    batch, views, local_views = tensors(recipe)
    use(views, local_views)
    ours = Trainer(recipe, 0, CPU)
    peer = eager.EagerStep(ours)
    with torch.no_grad():
        own = ours._losses(batch, 0)
        other = peer.losses(views, local_views, batch.masked)
    return {
        term: {"ours": float(own[term]), "peer": float(other[term])}
        for term in ("dino", "ibot", "koleo")
    }


def rates(drop_path: float, precision: str = "fp32") -> dict[str, Any]:
    recipe = made(drop_path, precision=precision)
    size = recipe.optimizer.batch_size
    batch, views, local_views = tensors(recipe)
    use(views, local_views)
    trainers = {
        "ours": Trainer(recipe, 0, CPU),
        "ours_compiled": Trainer(made(drop_path, True, precision), 0, CPU),
    }
    peer = eager.EagerStep(trainers["ours"])
    found = {
        "peer": size
        / median_seconds(lambda: peer.step(views, local_views, batch.masked, rate=1e-3))
    }
    for name, trainer in trainers.items():
        found[name] = size / median_seconds(lambda: trainer.advance([batch]))  # noqa: B023
    return {
        "images_per_cpu_second": {name: round(rate, 2) for name, rate in found.items()},
        "ratio": round(found["ours"] / found["peer"], 2),
        "ratio_compiled": round(found["ours_compiled"] / found["peer"], 2),
    }


def growth() -> dict[str, Any]:
    """Cost by batch size, and memory over steps: the first linear, the second flat."""
    by_batch = {}
    for size in (16, 32, 64):
        recipe = made(0.3)
        recipe.optimizer.batch_size = size
        batch, views, local_views = tensors(recipe)
        use(views, local_views)
        trainer = Trainer(recipe, 0, CPU)
        by_batch[size] = round(size / median_seconds(lambda: trainer.advance([batch])), 2)  # noqa: B023
    recipe = made(0.1)
    recipe.backbone.depth, recipe.optimizer.batch_size = 1, 8
    batch, views, local_views = tensors(recipe)
    use(views, local_views)
    trainer = Trainer(recipe, 0, CPU)
    held = {}
    for step in range(1, 151):
        trainer.advance([batch])
        if step in (20, 150):
            held[step] = resident_gb()
    return {"images_per_cpu_second_by_batch": by_batch, "memory_gb_after_steps": held}


def resident_gb() -> float:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return round(pages * resource.getpagesize() / 1e9, 3)


def main() -> None:
    torch.set_num_threads(1)
    losses = equal_losses()
    emit(
        {
            "benchmark": "a DINOv2 training step on the CPU",
            "model": "ViT of width 192, depth 6, patch 8; 2 x 64 and 4 x 32 px; batch 32",
            "peer": "lightly's parts, eager" if eager.LIGHTLY else "plain PyTorch, eager",
            "losses": losses,
            "largest_relative_difference": max(
                abs(term["ours"] / term["peer"] - 1.0) for term in losses.values()
            ),
            "stochastic_depth_0.1": rates(0.1),
            "stochastic_depth_0.3": rates(0.3),
            "stochastic_depth_0.3_bf16": rates(0.3, "bf16"),
            "growth": growth(),
            "peak_memory_gb": peak_memory_gb(),
        }
    )


if __name__ == "__main__":
    main()
