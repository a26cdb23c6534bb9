"""DINOv2 in plain PyTorch, and random weights in the names of its code and of transformers."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import conv2d, gelu, layer_norm, linear, silu, softmax

WIDTH, HEADS, DEPTH, PATCH = 32, 2, 2, 8
KINDS = [(0, "mlp"), (0, "swiglu"), (4, "mlp"), (4, "swiglu")]
"""Registers and feed-forward part."""


def settings(registers: int, ffn: str, **others: Any) -> dict[str, Any]:
    """The recipe's backbone that the weights below are of."""
    sizes = {"width": WIDTH, "heads": HEADS, "depth": DEPTH, "patch": PATCH}
    return {**sizes, "registers": registers, "ffn": ffn, **others}


def dinov2_weights(registers: int = 0, ffn: str = "mlp", grid: int = 4) -> dict[str, Tensor]:
    """Random weights in the names of torch.hub's models."""
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
    """The same weights in the names of transformers' published models."""
    names = {
        "embeddings.cls_token": "cls_token",
        "embeddings.position_embeddings": "pos_embed",
        "embeddings.mask_token": "mask_token",
        "embeddings.register_tokens": "register_tokens",
        "embeddings.patch_embeddings.projection.weight": "patch_embed.proj.weight",
        "embeddings.patch_embeddings.projection.bias": "patch_embed.proj.bias",
        "layernorm.weight": "norm.weight",
        "layernorm.bias": "norm.bias",
    }
    for block in range(DEPTH):
        there, here = f"encoder.layer.{block}", f"blocks.{block}"
        names[f"{there}.layer_scale1.lambda1"] = f"{here}.ls1.gamma"
        names[f"{there}.layer_scale2.lambda1"] = f"{here}.ls2.gamma"
        for end in ("weight", "bias"):
            names[f"{there}.norm1.{end}"] = f"{here}.norm1.{end}"
            names[f"{there}.norm2.{end}"] = f"{here}.norm2.{end}"
            names[f"{there}.attention.output.dense.{end}"] = f"{here}.attn.proj.{end}"
            names[f"{there}.mlp.fc1.{end}"] = f"{here}.mlp.fc1.{end}"
            names[f"{there}.mlp.fc2.{end}"] = f"{here}.mlp.fc2.{end}"
            names[f"{there}.mlp.weights_in.{end}"] = f"{here}.mlp.w12.{end}"
            names[f"{there}.mlp.weights_out.{end}"] = f"{here}.mlp.w3.{end}"
    renamed = {there: weights[here] for there, here in names.items() if here in weights}
    for block in range(DEPTH):
        for end in ("weight", "bias"):
            qkv = weights[f"blocks.{block}.attn.qkv.{end}"]
            for number, part in enumerate(("query", "key", "value")):
                rows = slice(number * WIDTH, (number + 1) * WIDTH)
                renamed[f"encoder.layer.{block}.attention.attention.{part}.{end}"] = qkv[rows]
    return renamed


def in_memory_names(weights: dict[str, Tensor]) -> dict[str, Tensor]:
    """Published names of transformers as the names that its version 5 has in memory."""
    renamed = {}
    for name, value in weights.items():
        for before, after in (
            ("attention.attention.query", "attention.q_proj"),
            ("attention.attention.key", "attention.k_proj"),
            ("attention.attention.value", "attention.v_proj"),
            ("attention.output.dense", "attention.o_proj"),
            ("mlp.weights_out", "mlp.down_proj"),
        ):
            name = name.replace(before, after)
        if "weights_in" in name:
            half = len(value) // 2
            renamed[name.replace("weights_in", "gate_proj")] = value[:half]
            renamed[name.replace("weights_in", "up_proj")] = value[half:]
        else:
            renamed[name] = value
    return renamed


def dinov2_forward(weights: dict[str, Tensor], images: Tensor) -> Tensor:
    """DINOv2's forward pass on torch.hub's names: [B, 1 + registers + patches, D], normed.

    The grid of the images is that of the position embedding.
    """

    def apply(layer: str, x: Tensor) -> Tensor:
        return linear(x, weights[f"{layer}.weight"], weights[f"{layer}.bias"])

    def norm(layer: str, x: Tensor) -> Tensor:
        return layer_norm(
            x, (WIDTH,), weights[f"{layer}.weight"], weights[f"{layer}.bias"], eps=1e-6
        )

    projection = (weights["patch_embed.proj.weight"], weights["patch_embed.proj.bias"])
    patches = conv2d(images, *projection, stride=PATCH).flatten(2).transpose(1, 2)
    count = len(images)
    x = torch.cat([weights["cls_token"].expand(count, 1, WIDTH), patches], dim=1)
    x = x + weights["pos_embed"]
    if "register_tokens" in weights:
        registers = weights["register_tokens"].expand(count, -1, WIDTH)
        x = torch.cat([x[:, :1], registers, x[:, 1:]], dim=1)
    for block in range(DEPTH):
        here = f"blocks.{block}"
        qkv = apply(f"{here}.attn.qkv", norm(f"{here}.norm1", x))
        q, k, v = qkv.view(count, -1, 3, HEADS, WIDTH // HEADS).permute(2, 0, 3, 1, 4)
        scores = softmax(q @ k.transpose(-1, -2) / (WIDTH // HEADS) ** 0.5, dim=-1)
        mixed = (scores @ v).transpose(1, 2).flatten(2)
        x = x + weights[f"{here}.ls1.gamma"] * apply(f"{here}.attn.proj", mixed)
        normed = norm(f"{here}.norm2", x)
        if f"{here}.mlp.w12.weight" in weights:
            gate, value = apply(f"{here}.mlp.w12", normed).chunk(2, dim=-1)
            fed = apply(f"{here}.mlp.w3", silu(gate) * value)
        else:
            fed = apply(f"{here}.mlp.fc2", gelu(apply(f"{here}.mlp.fc1", normed)))
        x = x + weights[f"{here}.ls2.gamma"] * fed
    return norm("norm", x)


def same(found: dict[str, Tensor], expected: dict[str, Tensor]) -> bool:
    """Whether two sets of weights have the same names and equal values."""
    return found.keys() == expected.keys() and all(
        torch.equal(found[name], expected[name]) for name in expected
    )
