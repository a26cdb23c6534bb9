"""First results and ranks of relevant images in a row, without sorting the row.

Values are counted into descending bins, and only bins that hold a first or a relevant image are
sorted. The order is exact: by value, ties by position. Precision at the ranks of relevant images is
the mean over the orders of equal values (see `ties`). Compiled by numba: in NumPy each step would
be a pass over memory, and sorting the whole row costs twice as much.
"""

import os
from collections.abc import Callable
from contextlib import suppress
from functools import cache, wraps
from typing import Any

import numpy as np

_MOST_BINS = 1 << 13  # of a row: both their counts stay in a core's cache
_SAMPLED = 512  # about as many values of a row are sampled to guess where its first images end
_SIGN = np.int32(0x7FFFFFFF)
_WORD = np.int64((1 << 29) - 1)
_MIXED, _AMONG_FIRST = 1, 2


class Counting:
    """Ranks rows of N values one by one, reusing its memory; use one object per thread."""

    def __init__(self, size: int, ties: bool = True) -> None:
        """Allocate memory for rows of `size` values; without `ties`, order equals by position."""
        self.size, self._ties = size, ties
        bins = min(_MOST_BINS, 1 << max(4, (size - 1).bit_length() - 1))
        self._step = max(1, size // _SAMPLED)
        self._bins = np.empty(size, dtype=np.uint16)
        self._counts = np.empty((2, bins), dtype=np.int32)
        self._wanted = np.empty(bins, dtype=np.uint8)
        self._picked = np.empty(size + 1, dtype=np.int32)
        self._keys = np.empty(size, dtype=np.int64)

    def rank(
        self,
        values: np.ndarray,
        place: np.ndarray,
        relevant: np.ndarray,
        found: np.ndarray,
        places: np.ndarray,
        precision: np.ndarray,
    ) -> bool:
        """Rank one row; return whether equal values are among the first k or at their end.

        `values` are similarities, float32 [N], without NaN; `place` integers [N], below k exactly
        for the images at `relevant`, int64 [k]. Filled are `found`, int64 [depth ≥ k], with the
        positions of the first images in order, `places` with their `place`, and `precision`,
        float64 [k], with the precision at the ranks of the relevant images.
        """
        top = self._top(values, len(found))
        buffers = self._bins, self._counts, self._wanted, self._picked, self._keys
        count = _pick(values, values.view(np.int32), place, relevant, len(found), top, *buffers)
        keys = self._keys[:count]
        keys.sort()
        left_out = self._counts[0]
        tied = _read(keys, self._bins, left_out, place, found, places, precision)
        if not self._ties:
            return False
        if tied & _MIXED:
            _average(keys, self._bins, left_out, precision)
        return bool(tied & _AMONG_FIRST)

    def _top(self, values: np.ndarray, depth: int) -> np.float32:
        """Estimate a value that about `depth` images exceed; any value gives correct results."""
        sample = values[:: self._step]
        rank = min(len(sample), depth // self._step + 1)
        return np.float32(np.partition(sample, len(sample) - rank)[len(sample) - rank])


def compiled(function: Callable[..., Any]) -> Callable[..., Any]:
    """Compile a function at its first call, or load it from an earlier process's cache.

    It runs without the interpreter's lock, and divides by zero as NumPy does.
    """

    @cache
    def ready() -> Callable[..., Any]:
        # for colours that we never show, colorama would replace sys.stdout and print at exit
        os.environ.setdefault("NUMBA_DISABLE_ERROR_MESSAGE_HIGHLIGHTING", "1")
        from numba import njit
        from numba.core.caching import FunctionCache

        class CompiledCache(FunctionCache):  # type: ignore[misc]
            """Cache of compiled code for later processes; a full disk is ignored."""

            def save_overload(self, *compiled: Any) -> None:
                """Cache the compiled code; ignore write errors."""
                with suppress(OSError):
                    super().save_overload(*compiled)

        result: Callable[..., Any] = njit(nogil=True, error_model="numpy")(function)
        with suppress(RuntimeError):  # no folder for the cache can be written to
            result._cache = CompiledCache(function)  # type: ignore[attr-defined]
        return result

    @wraps(function)
    def call(*arguments: Any) -> Any:
        return ready()(*arguments)

    return call


@compiled
def _pick(values, bits, place, relevant, depth, top, bins, counts, wanted, picked, keys):  # type: ignore[no-untyped-def]
    """Count all values into bins, and write the sort keys of the values in wanted bins.

    Values above `top` share the first bin, values below all relevant images the last one. The upper
    half of a key ascends as values descend; the lower half is twice the position, plus one for a
    relevant image. Sets `counts[0]` to the number of values before each bin that are in no wanted
    bin. Returns the number of keys.
    """
    size, most = values.size, wanted.size
    low = top
    for position in relevant:
        low = min(low, values[position])
    last, steepest = np.float32(most - 1), np.float32(1e30)
    width = top - low
    # the lowest relevant image is in the last bin but one
    scale = min(np.float32(most - 2) / width, steepest) if width > 0 else steepest
    for i in range(size):
        bins[i] = np.uint16(min(max((top - values[i]) * scale, np.float32(0)), last))
    counts[:] = 0
    even_counts, odd_counts = counts
    for i in range(1, size, 2):  # alternate: increments of one bin would wait for each other
        even_counts[bins[i - 1]] += 1
        odd_counts[bins[i]] += 1
    if size % 2:
        even_counts[bins[size - 1]] += 1
    wanted[:] = 0
    for position in relevant:
        wanted[bins[position]] = 1
    before, left_out = 0, 0
    for each in range(most):
        in_bin = even_counts[each] + odd_counts[each]
        if before < depth:
            wanted[each] = 1
        even_counts[each] = left_out
        before += in_bin
        left_out += in_bin * (1 - wanted[each])
    count = 0
    for i in range(size):
        picked[count] = i
        count += wanted[bins[i]]
    for j in range(count):
        i = picked[j]
        value = bits[i]
        if value == -_SIGN - 1:  # minus zero, which ties with zero
            value = np.int32(0)
        ascending = value ^ ((value >> 31) & _SIGN)
        word = 2 * i + (place[i] < relevant.size)
        keys[j] = (np.int64(~ascending) << 32) | word
    return count


@compiled
def _read(keys, bins, left_out, place, found, places, precision):  # type: ignore[no-untyped-def]
    """Read positions and precision from sorted keys; `left_out` counts skipped values by bin.

    Returns the sum of `_MIXED`, if a relevant image has the same value as another image, and
    `_AMONG_FIRST`, if an image of the first k has the same value as the next one.
    """
    for j in range(found.size):
        position = (keys[j] & _WORD) >> 1
        found[j] = position
        places[j] = place[position]
    first_equal = 0
    for j in range(1, min(precision.size + 1, keys.size)):
        first_equal |= (keys[j] ^ keys[j - 1]) >> 32 == 0
    ranked, mixed, last = 0, 0, keys[0]
    for j in range(keys.size):
        key = keys[j]
        # equal values, one of which is relevant
        different = key ^ last
        mixed |= (different >> 32 == 0) & different
        last = key
        if ranked == precision.size:
            break
        word = key & _WORD
        # without a branch on relevance, which the processor would mispredict half of the time
        precision[ranked] = j + 1 + left_out[bins[word >> 1]]
        ranked += word & 1
    for j in range(precision.size):
        precision[j] = (j + 1) / precision[j]
    return (mixed & 1) * _MIXED + first_equal * _AMONG_FIRST


@compiled
def _average(keys, bins, left_out, precision):  # type: ignore[no-untyped-def]
    """Replace precision at tied relevant images by its mean over the orders of the ties."""
    ranked, start = 0, 0
    while ranked < precision.size:
        stop, relevant = start, 0
        while stop < keys.size and (keys[stop] ^ keys[start]) >> 32 == 0:
            relevant += keys[stop] & 1
            stop += 1
        size = stop - start
        if 0 < relevant < size:
            before = start + left_out[bins[(keys[start] & _WORD) >> 1]]
            pace = (relevant - 1) / (size - 1)
            total = 0.0
            for j in range(size):
                total += (ranked + 1 + j * pace) / (before + 1 + j)
            for j in range(ranked, ranked + relevant):
                precision[j] = total / size
        ranked += relevant
        start = stop
