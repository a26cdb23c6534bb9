"""What the device can do at the model's sizes: products, attention, optimizer, memory by batch."""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import partial
from typing import Any

import torch
from torch.nn.functional import linear, scaled_dot_product_attention

from anonbench.training.loop.flops import peak_flops
from anonbench.training.loop.trainer import Trainer
from anonbench.training.model.network import clip_gradients

from .guard import Report
from .setting import allocated_gb, device_of, finished, forget_peak, median_seconds, recipe

BF16 = torch.bfloat16
WIDTH, HEADS, HIDDEN = 1024, 16, 4096
"""Of ViT-L."""
TOKENS_AN_IMAGE = 2 * 197 + 8 * 37
"""Of ViT-L/16 on 2 crops of 224 and 8 of 96 pixels."""
PROTOTYPES, BOTTLENECK = 65_536, 256
IMAGES = 64
"""In the products and the attention that are timed."""
KEPT = 0.7
"""Share of the images that stochastic depth keeps."""
MASKED = 59
"""Patches of an image whose scores are compared, about."""
SMALL_BATCHES = (8, 16)
"""Steps whose memory tells what a larger batch needs."""


def measure(report: Report, tiny: bool) -> None:
    """Report the device, and how fast it is at what a step consists of."""
    device = device_of(tiny)
    peak = None if tiny else peak_flops(torch.cuda.get_device_name(), "bf16")
    report(**describe(device), peak_tflops=None if peak is None else peak / 1e12)
    report(products=products(device, 1 if tiny else IMAGES, 64 if tiny else 1))
    report(attention=attention(device, 1 if tiny else IMAGES))
    report(**memory_and_optimizer(device, tiny))


def describe(device: torch.device) -> dict[str, Any]:
    """Return what is measured on."""
    system = {"torch": torch.__version__, "cpu_cores": len(os.sched_getaffinity(0))}
    if device.type == "cpu":
        memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
        return system | {"device": "cpu", "memory_gb": round(memory / 1e9, 1)}
    properties = torch.cuda.get_device_properties(device)
    return system | {
        "device": properties.name,
        "devices": torch.cuda.device_count(),
        "cuda": torch.version.cuda,
        "capability": f"{properties.major}.{properties.minor}",
        "memory_gb": round(torch.cuda.mem_get_info(device)[0] / 1e9, 1),  # free: others' use counts
    }


def products(device: torch.device, images: int, divisor: int) -> dict[str, float]:
    """Return TFLOP/s of the model's matrix products in bf16; sizes over `divisor` on a CPU."""
    tokens = int(images * TOKENS_AN_IMAGE * KEPT)
    sizes = {
        "qkv": (tokens, WIDTH, 3 * WIDTH),
        "attention_output": (tokens, WIDTH, WIDTH),
        "mlp_in": (tokens, WIDTH, HIDDEN),
        "mlp_out": (tokens, HIDDEN, WIDTH),
        "prototypes": (images * (10 + MASKED), BOTTLENECK, PROTOTYPES),
    }
    found = {}
    for name, (rows, inner, columns) in sizes.items():
        shapes = (rows, inner), (columns // divisor, inner)
        work = partial(linear, *(torch.randn(s, device=device, dtype=BF16) for s in shapes))
        found[name] = teraflops(2 * rows * inner * (columns // divisor), work, device)
    return found


def attention(device: torch.device, images: int) -> dict[str, dict[str, float]]:
    """Return TFLOP/s of attention in bf16 at both crop sizes, forward, and with its backward."""
    found = {}
    for name, crops, tokens in (("global", 2, 197), ("local", 8, 37)):
        shape = (int(crops * images * KEPT), HEADS, tokens, WIDTH // HEADS)
        *qkv, given = (torch.randn(shape, device=device, dtype=BF16) for _ in range(4))
        forward = partial(scaled_dot_product_attention, *qkv)
        flops = 4 * shape[0] * tokens**2 * WIDTH
        found[name] = {"forward": teraflops(flops, forward, device)}
        for part in qkv:
            part.requires_grad_()
        both: Any = lambda: torch.autograd.grad(forward(), qkv, given)  # noqa: B023, E731
        # five products backward for two forward, as FlashAttention's authors count
        found[name]["forward_and_backward"] = teraflops(3.5 * flops, both, device)
    return found


def teraflops(flops: float, work: Callable[[], object], device: torch.device) -> float:
    return round(flops / median_seconds(work, device) / 1e12, 3)


def memory_and_optimizer(device: torch.device, tiny: bool) -> dict[str, Any]:
    """Return memory by batch, of uncompiled steps, and what follows a step's backward pass."""
    trainer = Trainer(recipe(SMALL_BATCHES[-1], tiny, compile="off"), 0, device)
    trainer.advance([finished(trainer, 1)[0]])  # makes the optimizer's state
    peaks = []
    for batch in SMALL_BATCHES:
        forget_peak(device)
        trainer.advance([finished(trainer, batch)[0]])
        peaks.append(allocated_gb(device))
    slope = (peaks[1] - peaks[0]) / (SMALL_BATCHES[1] - SMALL_BATCHES[0])
    weights = sum(weight.numel() for weight in trainer.student.parameters())
    step = {
        "clip": partial(clip_gradients, trainer.student, 3.0),
        "adamw": trainer.optimizer.step,
        "moving_average": partial(trainer.teacher.follow, trainer.student, 0.99),
    }
    return {
        "weights_millions": round(weights / 1e6, 1),
        "fixed_gb": round(peaks[0] - slope * SMALL_BATCHES[0], 3),
        "gb_an_image": round(slope, 4),
        "optimizer_ms": {
            name: round(1e3 * median_seconds(work, device), 3) for name, work in step.items()
        },
    }
