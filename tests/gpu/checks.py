"""What must hold on a GPU, as plain functions: needs torch, timm, NumPy and PyYAML alone.

`benchmarks/gpu.py` runs them where nothing else is installed, on the CPU in its test. What a
machine does not have raises `NotApplicable`.
"""

import gc
import weakref
from collections.abc import Callable
from functools import partial
from typing import Any

import torch
from gpu_parts.guard import NotApplicable  # benchmarks/
from synthetic import batch_of, recipe_of  # benchmarks/
from torch.nn.functional import conv2d, linear

from anonbench.training.data.batch import finish
from anonbench.training.distributed import prepare_torch
from anonbench.training.loop.trainer import Trainer

CPU = torch.device("cpu")
Check = Callable[[torch.device], str | None]
"""Raises where the check fails; returns what else there is to tell."""


def small(device: torch.device, **changes: Any) -> Any:
    """Return a recipe of a small model: `small(device, precision="bf16")`."""
    values: dict[str, Any] = {
        "backbone": {
            "width": 64, "depth": 3, "heads": 2, "patch": 8, "layer_scale": 1.0, "drop_path": 0.3,
        },
        "crops": {"global_size": 48, "local_size": 32, "local_count": 3},
        "heads": {"prototypes": 128, "hidden": 96, "bottleneck": 32},
        "optimizer": {"batch_size": 8, "steps": 12, "learning_rate": 1e-3, "scale_rate": False},
        "compile": "off",
        "log_every": 1,
    }  # fmt: skip
    return recipe_of(**(values | {"device": device.type} | changes))


def stepped(recipe: Any, device: torch.device, steps: int) -> Trainer:
    """Return a trainer after some steps on random batches."""
    trainer = Trainer(recipe, 0, device)
    for step in range(steps):
        trainer.advance([batch_of(recipe, recipe.optimizer.batch_size, 6, seed=step)])
    return trainer


def losses(trainer: Trainer) -> torch.Tensor:
    """Return the three terms of each step, [steps, 3]."""
    rows = [[row[term] for term in ("dino", "ibot", "koleo")] for row in trainer.log]
    return torch.tensor(rows)


def same_losses_as_on_the_cpu(device: torch.device) -> None:
    """Two steps in float32: forward, backward, optimizer and moving average agree."""
    here = losses(stepped(small(device), device, 2))
    there = losses(stepped(small(CPU), CPU, 2))
    torch.testing.assert_close(here[0], there[0], rtol=1e-3, atol=1e-3)
    torch.testing.assert_close(here[1], there[1], rtol=2e-2, atol=2e-2)


def bf16_is_near_fp32(device: torch.device) -> None:
    """Autocast changes the first losses by rounding only."""
    half = losses(stepped(small(device, precision="bf16"), device, 1))
    full = losses(stepped(small(device), device, 1))
    torch.testing.assert_close(half, full, rtol=5e-2, atol=5e-2)


def compiled_is_near_eager(device: torch.device) -> None:
    """Compiled blocks give the losses of eager ones."""
    compiled = losses(stepped(small(device, compile="on"), device, 2))
    eager = losses(stepped(small(device), device, 2))
    torch.testing.assert_close(compiled, eager, rtol=2e-2, atol=2e-2)


def activations_computed_again_change_nothing(device: torch.device) -> None:
    """Less memory, the same losses."""
    again = losses(stepped(small(device, checkpoint_activations=True), device, 2))
    kept = losses(stepped(small(device), device, 2))
    torch.testing.assert_close(again, kept, rtol=1e-3, atol=1e-3)


def sinkhorn_stays_finite(device: torch.device) -> None:
    """In bf16, with large scores, through five steps."""
    heads = {"centering": "sinkhorn", "prototypes": 128, "hidden": 96, "bottleneck": 32}
    trainer = stepped(small(device, precision="bf16", heads=heads), device, 5)
    assert losses(trainer).isfinite().all()


def looks_are_those_of_the_cpu(device: torch.device) -> None:
    """Augmentation in batches on the device gives what it gives on the CPU."""
    recipe = small(device)
    batch = batch_of(recipe, 8, 6)
    here = finish(batch.global_crops, batch.global_augmentations, recipe.crops, device)
    there = finish(batch.global_crops, batch.global_augmentations, recipe.crops, CPU)
    assert here.device.type == device.type
    torch.testing.assert_close(here.cpu(), there, rtol=1e-3, atol=1e-3)


def a_state_goes_on(device: torch.device) -> None:
    """A trainer restored from another's state takes its next step."""
    recipe = small(device)
    whole = stepped(recipe, device, 3)
    first = stepped(recipe, device, 2)
    other = Trainer(recipe, 0, device)
    other.restore(first.state())
    other.advance([batch_of(recipe, recipe.optimizer.batch_size, 6, seed=2)])
    torch.testing.assert_close(losses(other), losses(whole), rtol=1e-3, atol=1e-3)


def memory_does_not_grow(device: torch.device) -> None:
    """What is allocated after many steps is what was after a few (CUDA only)."""
    if device.type != "cuda":
        raise NotApplicable("torch does not count a CPU's memory")
    recipe = small(device, optimizer={"batch_size": 8, "steps": 400, "learning_rate": 1e-3})
    trainer = Trainer(recipe, 0, device)
    held = []
    for step in range(200):
        trainer.advance([batch_of(recipe, 8, 6, seed=step % 5)])
        if step in (20, 199):
            held.append(torch.cuda.memory_allocated(device))
    assert held[1] <= 1.02 * held[0], held


def weights_go_with_their_trainer(device: torch.device) -> None:
    """Compiled networks hold no cycles: what a trainer held is free before Python looks for any."""
    gc.collect()
    gc.disable()
    try:
        trainer = stepped(small(device, compile="on"), device, 1)
        networks = trainer.student, trainer.teacher
        held = [weakref.ref(weight) for network in networks for weight in network.parameters()]
        del trainer, networks
        left = sum(weight() is not None for weight in held)
    finally:
        gc.enable()
    assert left == 0, f"{left} of {len(held)} weights are still held"


def float32_is_not_rounded_to_tf32(device: torch.device) -> str:
    """As a float32 training leaves torch, products and convolutions have float32's digits."""
    prepare_torch(small(device))
    random = torch.Generator().manual_seed(0)
    left, right = (torch.randn(256, 1024, generator=random) for _ in range(2))
    images = torch.randn(8, 3, 64, 64, generator=random)
    kernels = torch.randn(64, 3, 16, 16, generator=random)
    errors = {}
    for name, work, given in (
        ("matmul", linear, (left, right)),
        ("conv", partial(conv2d, stride=16), (images, kernels)),  # a patch embedding
    ):
        exact = work(*(each.double() for each in given))
        found = work(*(each.to(device) for each in given)).cpu().double()
        errors[name] = float((found - exact).norm() / exact.norm())
    told = ", ".join(f"{name} {error:.1e}" for name, error in errors.items())
    assert max(errors.values()) < 1e-5, f"relative errors like TF32's (3e-4): {told}"
    if device.type == "cpu":
        raise NotApplicable(f"a CPU has no TF32; relative errors: {told}")
    return f"relative errors: {told}"


def two_runs_are_as_equal_as_documented(device: torch.device) -> str:
    """Equal bytes on a CPU; on a GPU, where the docs promise none, what the difference is."""
    prepare_torch(small(device))
    one, other = (stepped(small(device), device, 3).student.state_dict() for _ in range(2))
    difference = max(float((one[name] - other[name]).abs().max()) for name in one)
    assert device.type == "cuda" or difference == 0.0, f"weights differ by {difference:.1e}"
    return "equal bytes" if difference == 0.0 else f"weights differ by up to {difference:.1e}"


CHECKS: tuple[Check, ...] = (
    same_losses_as_on_the_cpu,
    bf16_is_near_fp32,
    compiled_is_near_eager,
    activations_computed_again_change_nothing,
    sinkhorn_stays_finite,
    looks_are_those_of_the_cpu,
    a_state_goes_on,
    memory_does_not_grow,
    weights_go_with_their_trainer,
    float32_is_not_rounded_to_tf32,
    two_runs_are_as_equal_as_documented,
)
