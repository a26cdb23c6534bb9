"""Exact order of similarities: by value, descending, then by position.

Positions are the sorted image ids, so that no result depends on how a sort treats ties.
"""

from __future__ import annotations

import sys

import numpy as np

from anonbench.core.numeric.compiled import compiled

WORD = np.int32((1 << 29) - 1)
"""Of a sort key (`sort_keys`): the bits of its word, as many as float64 has beyond float32."""

_SAMPLED, _DOUBTS = 16, 6.0
"""Every how many values are looked at for a first guess at the k-th (`Order`), and how many
standard deviations lower the guess is."""


class Order:
    """The exact order of one row of float32 values [N]."""

    def __init__(self, values: np.ndarray) -> None:
        self._values = values

    def first(self, k: int) -> np.ndarray:
        """Return the positions [k] of the k first, in order, int64."""
        size = len(self._values)
        if k >= size:
            return sorted_words(self._values, np.arange(size))
        positions = _not_below(self._values, self._low(k))
        if len(positions) < k:
            # all that tie with the last one are sorted, and the rule for ties cuts
            lowest = np.partition(self._values, size - k)[size - k]
            positions = _not_below(self._values, lowest)
        return sorted_words(self._values.take(positions), positions)[:k]

    def _low(self, k: int) -> np.float32:
        """Return a value that the k-th is hardly below: a sample costs less than a partition."""
        sample = self._values[::_SAMPLED]
        expected = k / _SAMPLED
        rank = min(len(sample), int(expected + _DOUBTS * expected**0.5) + 1)
        return np.float32(np.partition(sample, len(sample) - rank)[len(sample) - rank])


@compiled
def _not_below(values, low):  # type: ignore[no-untyped-def]
    """Return the positions of values that are at least `low`, ascending, int64.

    NumPy's `flatnonzero` guesses at each value, wrong where few of them are wanted.
    """
    positions = np.empty(values.size + 1, dtype=np.int64)
    count = 0
    for i in range(values.size):
        positions[count] = i
        count += values[i] >= low
    return positions[:count].copy()


def sort_keys(values: np.ndarray, words: np.ndarray) -> np.ndarray:
    """Return integers that ascend as values descend and, where values are equal, as words ascend.

    One sort of them gives the words in the values' order: it reads memory in one direction, where
    a sort of indices jumps about.

    Args:
        values: float32 [..., N], not NaN.
        words: integers [..., N], at least 0 and at most `WORD`; broadcast to the values.

    Returns:
        int64 [..., N]: the value's bits above the word, which `& WORD` gives back.

    """
    keys = np.empty(values.shape, dtype=np.int64)
    if values.size and values.min() > 0:
        # the bits of positive floats ascend, and a float32 leaves the last 29 of a float64 empty
        keys.view(np.float64)[...] = values
        np.subtract(words, keys, out=keys)
        return keys
    # 0 - x turns both zeros into one, which have to tie. As integers, the bits of positive floats
    # ascend, those of negative floats descend.
    bits = np.subtract(np.float32(0), values).view(np.int32)
    ascending = bits >> 31
    ascending &= np.int32(0x7FFFFFFF)
    low, high = (0, 1) if sys.byteorder == "little" else (1, 0)
    halves = keys.view(np.int32)
    halves[..., low::2] = words
    np.bitwise_xor(ascending, bits, out=halves[..., high::2])
    return keys


def sorted_words(values: np.ndarray, words: np.ndarray) -> np.ndarray:
    """Return the words in the order of `sort_keys`, int64 [..., N]."""
    keys = sort_keys(values, words)
    keys.sort(axis=-1)
    keys &= WORD
    return keys
