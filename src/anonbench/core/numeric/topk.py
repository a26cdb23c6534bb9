"""Exact order of similarities: by value, descending, then by position.

Positions are the sorted image ids, so that no result depends on how a sort treats ties.
"""

from __future__ import annotations

import numpy as np


def first(values: np.ndarray, k: int) -> np.ndarray:
    """Return the positions of the k greatest of values [N], in order, int64 [k]."""
    size = len(values)
    if k >= size:
        return np.asarray(np.argsort(-values, kind="stable"))
    lowest = np.partition(values, size - k)[size - k]
    positions = np.flatnonzero(values >= lowest)
    return np.asarray(positions[np.argsort(-values[positions], kind="stable")][:k])
