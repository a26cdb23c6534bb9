"""Random weights in the names of DINOv2's code and of transformers."""

from typing import Any

import torch
from torch import Tensor

from anonbench.training.export import to_dinov2
from anonbench.training.model.formats import read_checkpoint

WIDTH, HEADS, DEPTH, PATCH = 32, 2, 2, 8
KINDS = [(0, "mlp"), (4, "swiglu")]  # registers and feed-forward part


def settings(registers: int, ffn: str, **others: Any) -> dict[str, Any]:
    sizes = {"width": WIDTH, "heads": HEADS, "depth": DEPTH, "patch": PATCH}
    return {**sizes, "registers": registers, "ffn": ffn, **others}


def dinov2_weights(registers: int = 0, ffn: str = "mlp", grid: int = 4) -> dict[str, Tensor]:
    random = torch.Generator().manual_seed(registers + len(ffn))

    def draw(*shape: int) -> Tensor:
        return torch.randn(shape, generator=random) * 0.3

    weights = {
        "cls_token": draw(1, 1, WIDTH),
        "pos_embed": draw(1, 1 + grid * grid, WIDTH),
        "mask_token": draw(1, WIDTH),
        "patch_embed.proj.weight": draw(WIDTH, 3, PATCH, PATCH) * 0.2,
        "patch_embed.proj.bias": draw(WIDTH),
        "norm.weight": 1.0 + draw(WIDTH),
        "norm.bias": draw(WIDTH),
    }
    if registers:
        weights["register_tokens"] = draw(1, registers, WIDTH)
    hidden = 88  # of SwiGLU: int(32 * 4 * 2 / 3) = 85, up to a multiple of 8
    shapes = {"attn.qkv": (3 * WIDTH, WIDTH), "attn.proj": (WIDTH, WIDTH)} | (
        {"mlp.fc1": (4 * WIDTH, WIDTH), "mlp.fc2": (WIDTH, 4 * WIDTH)}
        if ffn == "mlp"
        else {"mlp.w12": (2 * hidden, WIDTH), "mlp.w3": (WIDTH, hidden)}
    )
    for block in range(DEPTH):
        for norm in ("norm1", "norm2"):
            weights[f"blocks.{block}.{norm}.weight"] = 1.0 + draw(WIDTH)
            weights[f"blocks.{block}.{norm}.bias"] = draw(WIDTH)
        for scale in ("ls1", "ls2"):
            weights[f"blocks.{block}.{scale}.gamma"] = 0.5 + draw(WIDTH)
        for layer, shape in shapes.items():
            weights[f"blocks.{block}.{layer}.weight"] = draw(*shape)
            weights[f"blocks.{block}.{layer}.bias"] = draw(shape[0])
    return weights


def huggingface_weights(weights: dict[str, Tensor]) -> dict[str, Tensor]:
    ours = read_checkpoint(weights).weights
    return to_dinov2(ours, weights["mask_token"], class_position=True, kind="huggingface")


def views(side: int = 32) -> Tensor:
    return torch.randn(3, 3, side, side, generator=torch.Generator().manual_seed(0))


def same(found: dict[str, Tensor], expected: dict[str, Tensor]) -> bool:
    return found.keys() == expected.keys() and all(
        torch.equal(found[name], expected[name]) for name in expected
    )
