"""A training step at one batch size: ours, then ours and a plain eager one by turns."""

from __future__ import annotations

import gc
import statistics
import time
from collections.abc import Callable
from importlib.util import find_spec
from itertools import chain, product
from typing import Any

import torch
from synthetic import Losses, crops_given, values

from anonbench.training.loop.flops import image_flops, peak_flops, sizes_by_settings
from anonbench.training.loop.trainer import Trainer

from .compiled import Watch, require, uncompiled
from .guard import Report
from .setting import allocated_gb, device_of, finished, forget_peak, recipe, synchronize, timed

LIGHTLY = find_spec("lightly") is not None
WARM_UP, TURNS, STEPS = 10, 4, 8
"""Steps before any is timed; turns of each side; timed steps of a turn, after two that are not."""
TOLERANCES = {"fp32": 1e-4, "bf16": 2e-3}
"""Largest relative difference of a term, by what the precision rounds."""
Step = Callable[[], object]


def measure(report: Report, batch: int, tiny: bool) -> None:
    """Report ours at this batch, and, where losses are equal and all blocks compiled, the ratio."""
    device, watch = device_of(tiny), Watch()
    warm_up, turns, steps = (1, 2, 2) if tiny else (WARM_UP, TURNS, STEPS)
    trainer = Trainer(recipe(batch, tiny, compile="on"), 0, device)
    given, views, local_views = finished(trainer, batch)

    def compiled_in(steps: int) -> None:
        compiled = watch.verdict(trainer, steps)
        report(compiled=compiled)
        require(compiled)

    began = time.perf_counter()
    losses = {"compiled": values(trainer._losses(given, 0))}  # with gradient, as in a step
    with uncompiled(trainer):
        with torch.no_grad():
            losses["not_compiled"] = values(trainer._losses(given, 0))
        if LIGHTLY:
            import eager

            losses |= eager.both_losses(trainer, given, views, local_views)
            gc.collect()  # the peer's modules may hold each other
    report(losses=losses)
    require_equal(losses, trainer.recipe.precision)
    own: Step = lambda: trainer.advance([given])  # noqa: E731
    own()
    synchronize(device)
    report(seconds_to_the_first_step=round(time.perf_counter() - began, 1))
    watch.eager = 0
    timed(own, device, warm_up, 0)
    compiled_in(warm_up)
    forget_peak(device)
    whole = timed(own, device, 0, steps)
    with crops_given(views, local_views):
        bare = timed(own, device, 1, steps)
        report(
            ours=figures(trainer, batch, bare) | {"memory_gb": round(allocated_gb(device), 2)},
            ours_with_augmentation=figures(trainer, batch, whole),
            peer="lightly's parts, eager" if LIGHTLY else "lightly is not installed: no ratio",
        )
        if not LIGHTLY:
            return
        peer, masked = eager.EagerStep(trainer), given.masked.to(device)
        other: Step = lambda: peer.step(views, local_views, masked, rate=1e-4)  # noqa: E731
        watch.eager = 0
        # seconds by side and turn; the first two steps of a turn do not count
        taken = [[timed(step, device, 2, steps) for step in (own, other)] for _ in range(turns)]
    compiled_in(turns * (steps + 2))
    ours, theirs = zip(*taken, strict=True)
    report(
        ours_by_turns=figures(trainer, batch, [*chain(*ours)]),
        peer_by_turns=figures(trainer, batch, [*chain(*theirs)]),
        ratio=spread([statistics.median(b) / statistics.median(a) for a, b in taken]),
    )


def require_equal(losses: dict[str, Losses], precision: str) -> None:
    """Raise where two terms that must be equal are not."""
    terms = ("dino", "ibot")  # KoLeo is a logarithm near zero: no relative tolerance fits it
    pairs = (("compiled", "not_compiled"), *([("ours", "peer")] if "peer" in losses else []))
    for (one, other), term in product(pairs, terms):
        value = losses[one][term]
        difference = abs(value / losses[other][term] - 1.0)
        if not difference <= TOLERANCES[precision]:
            raise AssertionError(
                f"the {term} term is {value} ({one}) and {losses[other][term]} ({other}): no "
                "ratio of steps that do different things"
            )


def figures(trainer: Trainer, batch: int, taken: list[float]) -> dict[str, Any]:
    """Return images/s, TFLOP/s and the share of the GPU's peak, from seconds of steps."""
    seconds = statistics.median(taken)
    sizes = sizes_by_settings(trainer.recipe.backbone)
    flops = None if sizes is None else batch * image_flops(sizes, trainer.recipe) / seconds
    peak = None
    if trainer.device.type == "cuda":
        peak = peak_flops(torch.cuda.get_device_name(), trainer.recipe.precision)
    return {
        "images_per_second": spread([batch / each for each in taken]),
        "tflops": None if flops is None else round(flops / 1e12, 4),
        "mfu": None if peak is None or flops is None else round(flops / peak, 3),
    }


def spread(values: list[float]) -> dict[str, float]:
    """Return median and range."""
    summary = {"median": statistics.median(values), "lowest": min(values), "highest": max(values)}
    return {name: round(value, 3) for name, value in summary.items()}
