"""A training step at one batch size: ours, then ours and a plain eager one by turns."""

from __future__ import annotations

import gc
import statistics
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import chain
from typing import Any

import eager
import torch

from anonbench.training.data.batch import Batch
from anonbench.training.loop import trainer as training
from anonbench.training.loop.flops import image_flops, peak_flops, sizes_by_settings
from anonbench.training.loop.trainer import Trainer

from .compiled import Watch, require, uncompiled
from .guard import Report
from .setting import (
    allocated_gb,
    device_of,
    finished,
    forget_peak,
    recipe,
    synchronize,
    timed,
)

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

    began = time.perf_counter()
    losses = compared_losses(trainer, given, views, local_views)
    report(losses=losses)
    require_equal(losses, trainer.recipe.precision)
    own: Step = lambda: trainer.advance([given])  # noqa: E731
    own()
    synchronize(device)
    report(seconds_to_the_first_step=round(time.perf_counter() - began, 1))
    watch.eager = 0
    timed(own, device, warm_up, 0)
    compiled = watch.verdict(trainer, warm_up)
    report(compiled=compiled)
    require(compiled)
    forget_peak(device)
    whole = timed(own, device, 0, steps)
    with crops_given(views, local_views):
        bare = timed(own, device, 1, steps)
        report(
            ours=figures(trainer, batch, bare) | {"memory_gb": round(allocated_gb(device), 2)},
            ours_with_augmentation=figures(trainer, batch, whole),
        )
        peer, masked = eager.EagerStep(trainer), given.masked.to(device)
        other: Step = lambda: peer.step(views, local_views, masked, rate=1e-4)  # noqa: E731
        watch.eager = 0
        sides = by_turns((own, other), device, turns, steps)
    compiled = watch.verdict(trainer, turns * (steps + 2))
    report(compiled=compiled)
    require(compiled)
    ratios = [
        statistics.median(theirs) / statistics.median(ours)
        for ours, theirs in zip(*sides, strict=True)
    ]
    report(
        ours_by_turns=figures(trainer, batch, [*chain(*sides[0])]),
        peer_by_turns=figures(trainer, batch, [*chain(*sides[1])]),
        peer="lightly's parts, eager" if eager.LIGHTLY else "plain PyTorch, eager",
        ratio=spread(ratios),
    )


def compared_losses(
    trainer: Trainer, given: Batch, views: torch.Tensor, local_views: torch.Tensor
) -> dict[str, dict[str, float]]:
    """Return the terms of ours compiled and not, and of ours and the peer before any step.

    The latter without stochastic depth, whose draws differ.
    """
    found = {"compiled": _values(trainer._losses(given, 0))}  # with gradient, as in a step
    peer = eager.EagerStep(trainer)
    for module in peer.student_encoder.modules():
        if hasattr(module, "drop_prob"):
            module.drop_prob = 0.0
    rate = trainer.recipe.backbone.drop_path
    with uncompiled(trainer), torch.no_grad():
        found["not_compiled"] = _values(trainer._losses(given, 0))
        trainer.recipe.backbone.drop_path = 0.0
        found["ours"] = _values(trainer._losses(given, 0))
        trainer.recipe.backbone.drop_path = rate
        masked = given.masked.to(trainer.device)
        found["peer"] = _values(peer.losses(views, local_views, masked))
    del peer
    gc.collect()  # its modules may hold each other
    return found


def _values(terms: dict[str, torch.Tensor]) -> dict[str, float]:
    return {name: float(terms[name].detach()) for name in ("dino", "ibot", "koleo")}


def require_equal(losses: dict[str, dict[str, float]], precision: str) -> None:
    """Raise where two terms that must be equal are not."""
    terms = ("dino", "ibot")  # KoLeo is a logarithm near zero: no relative tolerance fits it
    for one, other in (("compiled", "not_compiled"), ("ours", "peer")):
        for term, value in ((term, losses[one][term]) for term in terms):
            difference = abs(value / losses[other][term] - 1.0)
            if not difference <= TOLERANCES[precision]:
                raise AssertionError(
                    f"the {term} term is {value} ({one}) and {losses[other][term]} ({other}): no "
                    "ratio of steps that do different things"
                )


@contextmanager
def crops_given(views: torch.Tensor, local_views: torch.Tensor) -> Iterator[None]:
    """Let the trainer take crops that are augmented already, as the peer does."""
    plain = training.finish  # type: ignore[attr-defined]
    training.finish = lambda crops, *_: views if len(crops) == len(views) else local_views  # type: ignore[attr-defined]
    try:
        yield
    finally:
        training.finish = plain  # type: ignore[attr-defined]


def by_turns(
    sides: tuple[Step, Step], device: torch.device, turns: int, steps: int
) -> tuple[list[list[float]], list[list[float]]]:
    """Return seconds of both sides' steps by turn; the first two of a turn do not count."""
    taken: tuple[list[list[float]], list[list[float]]] = ([], [])
    for _ in range(turns):
        for side, step in zip(taken, sides, strict=True):
            side.append(timed(step, device, 2, steps))
    return taken


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
