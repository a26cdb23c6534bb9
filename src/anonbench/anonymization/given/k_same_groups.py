"""Groups of at least k of the most similar faces (k-same).

Newton, Sweeney and Malin 2005, "Preserving privacy by de-identifying face images", IEEE
Transactions on Knowledge and Data Engineering 17:232-243, algorithm k-Same: a face and its k - 1
nearest of those left are a group, and of fewer than 2k that are left all are the last one. There
the first face of a group is any. Here it is the one farthest from the mean of all, as in MDAV
(Domingo-Ferrer and Mateo-Sanz 2002), so that unusual faces still find others near them.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

MOST_VALUES = 256
"""Values of a vector: of so many levels of 8 bits, products of vectors are exact in float32."""
_ROWS = 4096


def k_same_groups(vectors: np.ndarray, k: int) -> list[np.ndarray]:
    """Return groups of at least k rows; each row is in one of them.

    All distances are whole numbers and computed exactly, so that groups depend on the vectors and
    neither on their order nor on the machine. Of rows that are equal the first come first.

    Args:
        vectors: uint8 [N, D], D at most `MOST_VALUES`, N at least k.
        k: at least 1.

    Returns:
        int64 arrays of k to 2k - 1 rows, each sorted.

    """
    first = np.array(_farthest_first(vectors), dtype=np.int64)
    return [np.sort(first[group]) for group in _nearest(vectors[first].astype(np.float32), k)]


def _farthest_first(vectors: np.ndarray) -> list[int]:
    """Return the rows by their distance from the mean, the farthest first."""
    count = len(vectors)
    total = vectors.sum(axis=0, dtype=np.int64).astype(np.float64)
    off = np.empty(count)
    for start in range(0, count, _ROWS):  # squared distance, times count, less what all share
        rows = vectors[start : start + _ROWS].astype(np.float64)
        off[start : start + _ROWS] = count * np.einsum("nd,nd->n", rows, rows) - 2 * rows @ total
    return sorted(range(count), key=lambda row: (-off[row], vectors[row].tobytes()))


def _nearest(values: np.ndarray, k: int) -> Iterator[np.ndarray]:
    """Yield groups of rows, each begun by the first of those left; float32 [N, D]."""
    numbers = np.arange(len(values))
    squares = np.einsum("nd,nd->n", values, values)
    left = np.ones(len(values), bool)
    count = len(values)
    while count >= 2 * k:
        if count < len(values) / 2:  # those that are taken cost no more time
            values, numbers, squares = values[left], numbers[left], squares[left]
            left = np.ones(count, bool)
        away = squares - 2 * (values @ values[int(left.argmax())])
        away[~left] = np.inf
        farthest = np.partition(away, k - 1)[k - 1]
        near = np.flatnonzero(away < farthest)
        group = np.append(near, np.flatnonzero(away == farthest)[: k - len(near)])
        left[group] = False
        count -= k
        yield numbers[group]
    yield numbers[left]
