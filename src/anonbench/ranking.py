"""Similarities block by block and their exact order: what retrieval and k-NN both stand on.

The order of a row is by similarity, descending, and by position where similarities are equal;
positions are the sorted image ids, so that no result depends on how a sort treats ties. No full
sort is needed for it: a histogram of the row tells how many images lie before each bin, and only
the bins that matter are sorted.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from threadpoolctl import ThreadpoolController  # type: ignore[import-untyped]

from anonbench.embeddings import Embeddings
from anonbench.errors import InputError

# A similarity's last bit shall not depend on the block that it is computed in, nor on threads. But
# BLAS adds up differently at different places of a product (OpenBLAS's Haswell kernel, for one, by
# tiles of 12 rows). So products have a multiple of so many rows, filled up with zeros; their
# columns come in chunks of one size; and each is computed by one thread, several at a time.
_ROWS, _COLUMNS, _DEPTH = 192, 256, 64
_CHUNK = 4096
_NORM_CHUNK = 4096
_MAX_BINS_LOG2 = 18


def threads() -> int:
    """Return how many threads the environment grants (OMP_NUM_THREADS, else the usable cores)."""
    granted = os.environ.get("OMP_NUM_THREADS", "")
    return int(granted) if granted.isdigit() and int(granted) else len(os.sched_getaffinity(0))


def unit_rows(embeddings: Embeddings, what: str) -> np.ndarray:
    """Return the embeddings [N, D] at length one, as float32.

    Raises:
        InputError: an embedding is zero and so has no cosine similarity; `what` names the set.

    """
    values = embeddings.values
    units = np.empty(values.shape, dtype=np.float32)
    for start in range(0, len(values), _NORM_CHUNK):
        chunk = values[start : start + _NORM_CHUNK].astype(np.float64)
        norms = np.sqrt(np.square(chunk).sum(axis=1))
        if not norms.all():
            name = embeddings.ids[start + int(np.flatnonzero(norms == 0)[0])]
            raise InputError(
                f"{what}: the embedding of {name!r} is zero and has no cosine similarity; "
                "leave the image out or embed it again"
            )
        units[start : start + _NORM_CHUNK] = chunk / norms[:, None]
    return units


class Similarity:
    """Cosine similarities of blocks of queries to a database, with reproducible bits."""

    def __init__(self, database: np.ndarray, block: int) -> None:
        """Take unit vectors [N, D] and the number of queries in a block."""
        self.size, self.depth = database.shape
        self.block = _round_up(block, _ROWS)
        shape = (max(self.size, _COLUMNS), _round_up(self.depth, _DEPTH))
        self._database = _padded(database, shape)
        self._queries = np.zeros((self.block, shape[1]), dtype=np.float32)
        self._product = np.empty((self.block, shape[0]), dtype=np.float32)
        self._chunks = [slice(i, i + _CHUNK) for i in range(0, shape[0], _CHUNK)]
        self._again, self._first = _repeated(database)
        self._blas = ThreadpoolController().select(user_api="blas")
        self._workers = ThreadPoolExecutor(min(threads(), len(self._chunks)))

    def slices(self, queries: int) -> list[slice]:
        """Return the blocks of so many queries."""
        return [slice(i, min(i + self.block, queries)) for i in range(0, queries, self.block)]

    def __call__(self, queries: np.ndarray) -> np.ndarray:
        """Return the similarities [rows, N] of unit vectors [rows, D], rows at most the block.

        Equal vectors of the database have equal similarities. The result is a view that the next
        call overwrites.
        """
        rows = len(queries)
        self._queries[:rows, : self.depth] = queries
        self._queries[rows:] = 0
        with self._blas.limit(limits=1):
            list(self._workers.map(self._multiply, self._chunks))
        self._product[:, self._again] = self._product[:, self._first]
        return self._product[:rows, : self.size]

    def _multiply(self, chunk: slice) -> None:
        np.matmul(self._queries, self._database[chunk].T, out=self._product[:, chunk])


def _repeated(vectors: np.ndarray) -> tuple[list[int], list[int]]:
    """Return the rows of [N, D] that are equal to earlier ones, and the first such of each."""
    seen: dict[bytes, int] = {}
    again, first = [], []
    for row, vector in enumerate(np.ascontiguousarray(vectors)):
        earlier = seen.setdefault(hashlib.sha256(vector).digest(), row)
        if earlier != row:
            again.append(row)
            first.append(earlier)
    return again, first


def _round_up(value: int, multiple: int) -> int:
    return -(-value // multiple) * multiple


def _padded(matrix: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    if matrix.shape == shape and matrix.flags.c_contiguous:
        return matrix
    padded = np.zeros(shape, dtype=np.float32)
    padded[: matrix.shape[0], : matrix.shape[1]] = matrix
    return padded


class Order:
    """The exact order of one row of float32 values [N] in a histogram, sorted only where asked."""

    def __init__(self, values: np.ndarray) -> None:
        self._values = values
        self._bins = _bins(values)
        self._reached = np.cumsum(np.bincount(self._bins))

    def first(self, k: int) -> np.ndarray:
        """Return the positions [k] of the k first, in order."""
        last = int(np.searchsorted(self._reached, k))
        return self._sorted(np.flatnonzero(self._bins <= last))[:k]

    def first_and_ranks(self, k: int, wanted: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the positions [k] of the k first, and the ranks of `wanted`, ascending from 1."""
        needed = np.zeros(len(self._reached), dtype=bool)
        needed[: int(np.searchsorted(self._reached, k)) + 1] = True
        needed[self._bins.take(wanted)] = True
        order = self._sorted(np.flatnonzero(needed.take(self._bins)))
        is_wanted = np.zeros(len(self._values), dtype=bool)
        is_wanted[wanted] = True
        places = np.flatnonzero(is_wanted.take(order))
        # Every needed bin is sorted whole: a rank is what the bin and all before it hold, less
        # what is sorted behind it in its own bin.
        bins = self._bins.take(order)
        found = bins.take(places)
        behind = np.searchsorted(bins, found, side="right") - places - 1
        return order[:k], self._reached.take(found) - behind

    def _sorted(self, positions: np.ndarray) -> np.ndarray:
        # + 0 turns -0.0 into 0.0, which has to tie with it. As integers, the bits of positive
        # floats ascend, those of negative floats descend; the position breaks ties.
        bits = (self._values.take(positions) + np.float32(0)).view(np.int32)
        ascending = bits ^ ((bits >> 31) & np.int32(0x7FFFFFFF))
        keys: np.ndarray = ((~ascending).astype(np.int64) << 32) | positions
        keys.sort()
        keys &= 0xFFFFFFFF
        return keys


def _bins(values: np.ndarray) -> np.ndarray:
    # About as many bins as values. Rounding keeps every step monotone, so that a higher value is
    # never in a later bin; where the values spread too little for float32, one bin holds them all.
    top = values.max()
    spread = float(top) - float(values.min())
    count = 1 << min(len(values).bit_length() - 1, _MAX_BINS_LOG2)
    if spread * float(np.finfo(np.float32).max) <= count:
        return np.zeros(len(values), dtype=np.intp)
    bins = np.empty(len(values), dtype=np.intp)
    np.multiply(top - values, np.float32((count - 1) / spread), out=bins, casting="unsafe")
    return bins


def row_chunks(rows: int, parts: int) -> Iterator[range]:
    """Yield at most `parts` ranges that cover so many rows."""
    step = max(1, -(-rows // parts))
    for start in range(0, rows, step):
        yield range(start, min(start + step, rows))
