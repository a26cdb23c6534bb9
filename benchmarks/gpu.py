"""The GPU's checks and benchmark in one command: `python benchmarks/gpu.py --output gpu.json`.

Needs torch, timm, NumPy and this repository, nothing else and no installation; takes less than ten
minutes. Trains ViT-L/16 on 2 x 224 and 8 x 96 pixels with 65,536 prototypes in bf16, ours against
a plain eager implementation of the same recipe (`eager.py`): same weights, crops, masks, batch.
`--tiny` tries the command itself on a CPU.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT / "src"), str(ROOT / "benchmarks"), str(ROOT / "tests" / "gpu")]

import eager  # noqa: E402
import torch  # noqa: E402
from checks import CHECKS  # noqa: E402
from synthetic import batch_of, recipe_of  # noqa: E402

from anonbench.training.data.batch import Batch, finish  # noqa: E402
from anonbench.training.loop import trainer as training  # noqa: E402
from anonbench.training.loop.flops import peak_flops, step_flops  # noqa: E402
from anonbench.training.loop.trainer import Trainer  # noqa: E402

WARM_UP, STEPS = 10, 30
BATCHES = (256, 192, 128, 96, 64, 48, 32, 16)
"""Tried from the largest on."""


def recipe(batch: int, tiny: bool, drop_path: float = 0.3) -> Any:
    if tiny:
        return recipe_of(
            backbone={"width": 64, "depth": 2, "heads": 2, "patch": 8, "drop_path": drop_path},
            crops={"global_size": 48, "local_size": 32, "local_count": 2},
            heads={"prototypes": 64, "hidden": 32, "bottleneck": 16},
            optimizer={"batch_size": batch, "steps": 1000},
        )
    return recipe_of(
        backbone={"name": "vit_large_patch16_224", "drop_path": drop_path},
        precision="bf16",
        optimizer={"batch_size": batch, "steps": 1000},
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--output", type=Path, required=True)
    parser.add_argument("--tiny", action="store_true")
    options = parser.parse_args()
    device = torch.device("cpu" if options.tiny else "cuda")
    found: dict[str, Any] = {
        "device": "cpu" if options.tiny else torch.cuda.get_device_name(),
        "torch": torch.__version__,
        "peer": "lightly's parts, eager" if eager.LIGHTLY else "plain PyTorch, eager",
        "checks": {check.__name__: outcome(check, device) for check in CHECKS},
    }
    found["losses"] = equal_losses(device, options.tiny)
    # at the start all features are near-duplicates, whose distances our KoLeo bounds from below
    found["largest_relative_difference_of_losses"] = max(
        abs(ours / peer - 1.0) for ours, peer in (found["losses"][t] for t in ("dino", "ibot"))
    )
    write(found, options.output)
    batches = (4,) if options.tiny else BATCHES
    found["ours"] = fitting(ours, batches, device, options.tiny)
    write(found, options.output)
    same = [batch for batch in batches if batch <= found["ours"]["batch"]]
    found["peer"] = fitting(peer, same, device, options.tiny)
    same = [found["peer"]["batch"]]
    alike = found["ours"] if same == [found["ours"]["batch"]] else None
    found["ours_at_the_peers_batch"] = alike or fitting(ours, same, device, options.tiny)
    rates = [found[name]["images_per_second"] for name in ("ours_at_the_peers_batch", "peer")]
    found["ratio"] = round(rates[0] / rates[1], 2)
    write(found, options.output)
    print(json.dumps(found, indent=2))
    if any(result != "passed" for result in found["checks"].values()):
        sys.exit(1)


def write(found: dict[str, Any], path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")


def outcome(check: Callable[[torch.device], None], device: torch.device) -> str:
    """Run a check; whatever goes wrong is written down, and the next one runs."""
    try:
        check(device)
    except Exception as error:
        return f"{type(error).__name__}: {error}"
    return "passed"


def equal_losses(device: torch.device, tiny: bool) -> dict[str, tuple[float, float]]:
    """Return the terms of ours and the peer, without stochastic depth, whose draws differ."""
    trainer = Trainer(recipe(8, tiny, drop_path=0.0), 0, device)
    batch, views, local_views = finished(trainer, 8)
    with torch.no_grad():
        own = trainer._losses(batch, 0)
        other = eager.EagerStep(trainer).losses(views, local_views, batch.masked.to(device))
    return {term: (float(own[term]), float(other[term])) for term in ("dino", "ibot", "koleo")}


def finished(trainer: Trainer, size: int) -> tuple[Batch, torch.Tensor, torch.Tensor]:
    """Return a batch, and its crops as the network takes them."""
    crops = trainer.recipe.crops
    batch = batch_of(trainer.recipe, size, trainer.patches_a_side)
    views = finish(batch.global_crops, batch.global_augmentations, crops, trainer.device)
    return batch, views, finish(batch.local_crops, batch.local_augmentations, crops, trainer.device)


def fitting(
    run: Callable[[int, torch.device, bool], dict[str, Any]],
    batches: Sequence[int],
    device: torch.device,
    tiny: bool,
) -> dict[str, Any]:
    """Return the figures at the largest batch that fits."""
    for batch in batches:
        try:
            return {"batch": batch} | run(batch, device, tiny)
        except torch.OutOfMemoryError:
            torch.cuda.empty_cache()
    raise SystemExit("the GPU's memory is too small even for the smallest batch")


def ours(batch: int, device: torch.device, tiny: bool) -> dict[str, Any]:
    trainer = Trainer(recipe(batch, tiny), 0, device)
    given, views, local_views = finished(trainer, batch)
    compiled_since = time.perf_counter()
    trainer.advance([given])
    synchronize(device)
    first = time.perf_counter() - compiled_since
    with_augmentations = seconds(lambda: trainer.advance([given]), device)
    plain = training.finish
    training.finish = lambda crops, *_: views if len(crops) == len(views) else local_views
    try:
        without = seconds(lambda: trainer.advance([given]), device)
    finally:
        training.finish = plain
    return figures(trainer, batch, without, device) | {
        "images_per_second_with_augmentation": round(batch / with_augmentations, 1),
        "first_step_seconds": round(first, 1),
    }


def peer(batch: int, device: torch.device, tiny: bool) -> dict[str, Any]:
    trainer = Trainer(recipe(batch, tiny), 0, device)
    given, views, local_views = finished(trainer, batch)
    step = eager.EagerStep(trainer)
    masked = given.masked.to(device)
    taken = seconds(lambda: step.step(views, local_views, masked, rate=1e-4), device)
    return figures(trainer, batch, taken, device)


def seconds(step: Callable[[], object], device: torch.device) -> float:
    """Return the median time of a step."""
    few = device.type == "cpu"
    for _ in range(1 if few else WARM_UP):
        step()
    taken = []
    for _ in range(2 if few else STEPS):
        synchronize(device)
        began = time.perf_counter()
        step()
        synchronize(device)
        taken.append(time.perf_counter() - began)
    return statistics.median(taken)


def synchronize(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def figures(trainer: Trainer, batch: int, taken: float, device: torch.device) -> dict[str, Any]:
    flops = batch * step_flops(trainer.student.backbone, trainer.recipe) / taken
    peak = None
    memory = None
    if device.type == "cuda":
        peak = peak_flops(torch.cuda.get_device_name(), trainer.recipe.precision)
        memory = round(torch.cuda.max_memory_allocated() / 1e9, 1)
        torch.cuda.reset_peak_memory_stats()
    return {
        "images_per_second": round(batch / taken, 1),
        "tflops": round(flops / 1e12, 3),
        "mfu": None if peak is None else round(flops / peak, 3),
        "memory_gb": memory,
    }


if __name__ == "__main__":
    main()
