"""Chunks of large score matrices, so that temporary tensors stay small."""

from __future__ import annotations

from collections.abc import Iterator

from torch import Tensor

CHUNK = 1 << 25
"""Number of scores processed at once: 128 MB in float32."""


def row_chunks(scores: Tensor) -> Iterator[slice]:
    """Yield slices of the rows of scores [N, K]; a chunk has one row at least."""
    return _chunks(len(scores), scores.shape[1])


def column_chunks(scores: Tensor) -> Iterator[slice]:
    """Yield slices of the columns of scores [N, K]; a chunk has one column at least."""
    return _chunks(scores.shape[1], len(scores))


def _chunks(length: int, width: int) -> Iterator[slice]:
    few = max(CHUNK // max(width, 1), 1)
    for start in range(0, length, few):
        yield slice(start, start + few)
