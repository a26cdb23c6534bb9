"""The least time that one CPU core allows a training step, and how near ours comes to it.

A step is recorded operation by operation. Three parts are counted:

- products (matrix products and the patch embedding): each by itself, again and again with the same
  operands, which are then in the core's cache as far as they fit; the least time counts;
- attention, in the same way;
- all other operations: the bytes that they read and write, at the rate at which one core copies
  memory of that size. That is what a fused kernel without arithmetic would take for each.

Beside them stand the floating-point operations of the products and what a core reaches in a large
product, with which alone no step is faster. Nothing of Python, allocation or autograd is counted,
nor what fusion over several operations would save: no bound but fusion's is below the sum.
"""

from __future__ import annotations

import time
from bisect import bisect_left
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

import bench_step
import torch
from common import emit
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves
from torch.utils.flop_counter import FlopCounterMode

from anonbench.training.loop.trainer import Trainer

PRODUCTS = ("mm", "addmm", "bmm", "baddbmm", "convolution", "convolution_backward")
FREE = ("empty", "detach", "alias", "_local_scalar_dense", "lift_fresh")
"""Names, or their beginnings, of operations that touch no values."""
SIZES = [2**power for power in range(12, 28, 2)]
"""Bytes at which the rate of copying is measured."""


class Recorded(TorchDispatchMode):
    """What a step does: repeatable operations with their operands, and bytes of the others."""

    def __init__(self) -> None:
        super().__init__()
        self.counts: Counter[tuple[Any, ...]] = Counter()
        self.operands: dict[tuple[Any, ...], tuple[Any, tuple[Any, ...], dict[str, Any]]] = {}
        self.moved: Counter[int] = Counter()

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        """Run an operation, and note it."""
        kwargs = kwargs or {}
        name = func.overloadpacket.__name__
        if name in PRODUCTS or "attention" in name:
            given = list(tensors(args))
            key = (name, *((tuple(each.shape), each.stride()) for each in given))
            self.counts[key] += 1
            if key not in self.operands:
                self.operands[key] = func, copied(args), kwargs
            return func(*args, **kwargs)
        result = func(*args, **kwargs)
        if not name.startswith(FREE) and not is_view(func):
            read = {id(each): each for each in tensors((args, kwargs))}
            for each in [*read.values(), *tensors(result)]:
                self.moved[each.numel() * each.element_size()] += 1
        return result


def tensors(given: Any) -> Iterator[torch.Tensor]:
    return (leaf for leaf in tree_leaves(given) if isinstance(leaf, torch.Tensor))


def copied(args: tuple[Any, ...]) -> tuple[Any, ...]:
    """Return operands that a later step does not write over, with their strides."""
    return tuple(
        torch.empty_strided(each.shape, each.stride(), dtype=each.dtype).copy_(each.detach())
        if isinstance(each, torch.Tensor)
        else each
        for each in args
    )


def is_view(func: Any) -> bool:
    return any(
        part.alias_info is not None and not part.alias_info.is_write
        for part in func._schema.returns
    )


def least(work: Callable[[], object], seconds: float = 0.05) -> float:
    """Return the least time of a call, of as many as fit into some time, three at least."""
    times: list[float] = []
    while len(times) < 3 or sum(times) < seconds:
        began = time.perf_counter()
        work()
        times.append(time.perf_counter() - began)
    return min(times)


def copy_rates() -> list[float]:
    """Return bytes a second, read and written, of copies of `SIZES`."""
    rates = []
    for size in SIZES:
        source, target = torch.ones(size // 4), torch.ones(size // 4)
        rates.append(2 * size / least(lambda: target.copy_(source)))  # noqa: B023
    return rates


def peak() -> float:
    """Return floating-point operations a second of a core's fastest product of large matrices."""
    rates = []
    for side in (512, 1024, 2048):
        left, right, out = (torch.ones(side, side) for _ in range(3))
        rates.append(2 * side**3 / least(lambda: torch.mm(left, right, out=out)))  # noqa: B023
    return max(rates)


def bound(drop_path: float, rates: list[float], most: float) -> dict[str, Any]:
    recipe = bench_step.made(drop_path)
    size = recipe.optimizer.batch_size
    batch, views, local_views = bench_step.tensors(recipe)
    bench_step.use(views, local_views)
    trainer = Trainer(recipe, 0, bench_step.CPU)
    taken = bench_step.median_seconds(lambda: trainer.advance([batch]))
    with FlopCounterMode(display=False) as counted:
        trainer.advance([batch])
    with Recorded() as seen:
        trainer.advance([batch])
    parts = {"products": 0.0, "attention": 0.0}
    with torch.no_grad():
        for key, (func, args, kwargs) in seen.operands.items():
            spent = least(lambda: func(*args, **kwargs))  # noqa: B023
            parts["products" if key[0] in PRODUCTS else "attention"] += seen.counts[key] * spent
    parts["others, by their bytes"] = sum(
        count * moved / rates[min(bisect_left(SIZES, moved), len(SIZES) - 1)]
        for moved, count in seen.moved.items()
    )
    allowed, flops = size / sum(parts.values()), counted.get_total_flops()
    return {
        "gflop_an_image": round(flops / size / 1e9, 2),
        "gigabytes_moved_an_image": round(
            sum(count * moved for moved, count in seen.moved.items()) / size / 1e9, 3
        ),
        "milliseconds_an_image": {
            name: round(1000 * spent / size, 2) for name, spent in parts.items()
        },
        "images_per_cpu_second": {
            "ours": round(size / taken, 2),
            "allowed by the three parts": round(allowed, 2),
            "allowed by the products at the core's peak": round(size * most / flops, 2),
        },
        "share_of_what_is_allowed": round(size / taken / allowed, 2),
    }


def main() -> None:
    torch.set_num_threads(1)
    rates, most = copy_rates(), peak()
    emit(
        {
            "benchmark": "the least time of a training step on one CPU core",
            "model": "that of bench_step.py",
            "gflop_a_second_of_a_large_product": round(most / 1e9, 1),
            "gigabytes_a_second_of_copies_by_bytes": {
                str(size): round(rate / 1e9, 1) for size, rate in zip(SIZES, rates, strict=True)
            },
            "stochastic_depth_0.1": bound(0.1, rates, most),
            "stochastic_depth_0.3": bound(0.3, rates, most),
        }
    )


if __name__ == "__main__":
    main()
