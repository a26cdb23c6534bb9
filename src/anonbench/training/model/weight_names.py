"""Weight names of other programs' ViTs beside ours; see `formats`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from torch import Tensor

Format = Literal["timm", "dinov2", "huggingface"]
Weights = Mapping[str, Tensor]
Names = tuple[tuple[str, str], ...]
"""Pairs of (theirs, ours); `#` stands for a block's number, a dot at the end for weight or bias."""

TITLES: dict[Format, str] = {
    "timm": "timm's format",
    "dinov2": "DINOv2's format",
    "huggingface": "Hugging Face's format",
}

MASK_TOKEN = "mask_token"

DINOV2: Names = (
    ("cls_token", "cls_token"),
    ("register_tokens", "reg_token"),
    ("pos_embed", "pos_embed"),
    ("mask_token", MASK_TOKEN),
    ("patch_embed.proj.", "patch_embed.proj."),
    ("blocks.#.norm1.", "blocks.#.norm1."),
    ("blocks.#.attn.qkv.", "blocks.#.attn.qkv."),
    ("blocks.#.attn.proj.", "blocks.#.attn.proj."),
    ("blocks.#.ls1.gamma", "blocks.#.ls1.gamma"),
    ("blocks.#.norm2.", "blocks.#.norm2."),
    ("blocks.#.ls2.gamma", "blocks.#.ls2.gamma"),
    ("norm.", "norm."),
)
DINOV2_MLP: Names = (
    ("blocks.#.mlp.fc1.", "blocks.#.mlp.fc1."),
    ("blocks.#.mlp.fc2.", "blocks.#.mlp.fc2."),
)
DINOV2_SWIGLU: Names = (
    ("blocks.#.mlp.w12.", "blocks.#.mlp.fc1."),
    ("blocks.#.mlp.w3.", "blocks.#.mlp.fc2."),
)
HUGGINGFACE: Names = (
    ("embeddings.cls_token", "cls_token"),
    ("embeddings.register_tokens", "reg_token"),
    ("embeddings.position_embeddings", "pos_embed"),
    ("embeddings.mask_token", MASK_TOKEN),
    ("embeddings.patch_embeddings.projection.", "patch_embed.proj."),
    ("encoder.layer.#.norm1.", "blocks.#.norm1."),
    ("encoder.layer.#.attention.attention.query.", "blocks.#.attn.qkv[0]."),
    ("encoder.layer.#.attention.attention.key.", "blocks.#.attn.qkv[1]."),
    ("encoder.layer.#.attention.attention.value.", "blocks.#.attn.qkv[2]."),
    ("encoder.layer.#.attention.output.dense.", "blocks.#.attn.proj."),
    ("encoder.layer.#.layer_scale1.lambda1", "blocks.#.ls1.gamma"),
    ("encoder.layer.#.norm2.", "blocks.#.norm2."),
    ("encoder.layer.#.layer_scale2.lambda1", "blocks.#.ls2.gamma"),
    ("layernorm.", "norm."),
)
HUGGINGFACE_MLP: Names = (
    ("encoder.layer.#.mlp.fc1.", "blocks.#.mlp.fc1."),
    ("encoder.layer.#.mlp.fc2.", "blocks.#.mlp.fc2."),
)
HUGGINGFACE_SWIGLU: Names = (
    ("encoder.layer.#.mlp.weights_in.", "blocks.#.mlp.fc1."),
    ("encoder.layer.#.mlp.weights_out.", "blocks.#.mlp.fc2."),
)
HUGGINGFACE_IN_MEMORY: Names = (
    ("encoder.layer.#.attention.q_proj.", "blocks.#.attn.qkv[0]."),
    ("encoder.layer.#.attention.k_proj.", "blocks.#.attn.qkv[1]."),
    ("encoder.layer.#.attention.v_proj.", "blocks.#.attn.qkv[2]."),
    ("encoder.layer.#.attention.o_proj.", "blocks.#.attn.proj."),
    ("encoder.layer.#.mlp.gate_proj.", "blocks.#.mlp.fc1[0]."),
    ("encoder.layer.#.mlp.up_proj.", "blocks.#.mlp.fc1[1]."),
    ("encoder.layer.#.mlp.down_proj.", "blocks.#.mlp.fc2."),
)
TABLES: dict[Format, Names] = {
    "timm": (),
    "dinov2": DINOV2 + DINOV2_MLP + DINOV2_SWIGLU,
    "huggingface": HUGGINGFACE + HUGGINGFACE_MLP + HUGGINGFACE_SWIGLU + HUGGINGFACE_IN_MEMORY,
}
PARTS = {"qkv": 3, "fc1": 2}
"""Into how many equal parts, one below the other, transformers cuts our tensors."""
