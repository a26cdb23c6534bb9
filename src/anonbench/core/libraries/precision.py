"""Precision of torch's float32 products and convolutions on NVIDIA GPUs."""

from __future__ import annotations

import torch


def full_float32() -> None:
    """Compute float32 products in float32 in this process: never in TF32, which has 10 bits.

    cuDNN's convolutions use TF32 by default: a patch embedding would be off by 1e-3, both in
    embeddings and in a training with `precision: fp32`. bf16 under autocast is not affected.
    """
    torch.backends.cuda.matmul.allow_tf32 = False
    torch.backends.cudnn.allow_tf32 = False
