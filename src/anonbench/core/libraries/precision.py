"""Precision of torch's float32 products and convolutions on NVIDIA GPUs."""

from __future__ import annotations

import torch


def full_float32() -> None:
    """Let this process compute float32 in float32: never in TF32, whose products have 10 bits.

    cuDNN's convolutions use TF32 unless told not to: a patch embedding would be off by 1e-3, in a
    training that asks for `precision: fp32` as in embeddings. bf16 under autocast is not affected.
    """
    torch.backends.cuda.matmul.allow_tf32 = False
    torch.backends.cudnn.allow_tf32 = False
