"""Transfer of a step's small tensors to the device, by one copy."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

_ALIGNMENT = 16
"""Bytes: a view of the packed bytes as another type must begin at a multiple of its size."""


def to_device(tensors: Sequence[Tensor], device: torch.device) -> list[Tensor]:
    """Return tensors of the CPU on a device, without waiting for pending work of a GPU.

    A GPU gets them packed, by one copy from page-locked memory: every copy from other memory would
    make the CPU wait.

    Args:
        tensors: of any shapes and types, on the CPU.
        device: target; if it is the CPU, they are returned unchanged.

    """
    if device.type == "cpu":
        return list(tensors)
    starts, end = [], 0
    for tensor in tensors:
        starts.append(end)
        end += -(-tensor.nbytes // _ALIGNMENT) * _ALIGNMENT
    packed = torch.empty(end, dtype=torch.uint8, pin_memory=device.type == "cuda")
    for start, tensor in zip(starts, tensors, strict=True):
        _part(packed, start, tensor).copy_(tensor)
    moved = packed.to(device, non_blocking=True)
    return [_part(moved, start, like) for start, like in zip(starts, tensors, strict=True)]


def _part(packed: Tensor, start: int, like: Tensor) -> Tensor:
    """Return the place of a tensor among packed bytes, in its type and shape."""
    return packed[start : start + like.nbytes].view(like.dtype).view(like.shape)
