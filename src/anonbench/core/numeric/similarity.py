"""Similarities in blocks, with reproducible bits, for retrieval and k-NN.

Their order is exact: by value, descending, then by position. Positions are the sorted image ids, so
that no result depends on how a sort treats ties.
"""

import hashlib
import itertools
import os
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from anonbench.core.errors import InputError

# A similarity's last bit shall not depend on the block that it is computed in, nor on threads. But
# BLAS adds up differently at different places of a product (OpenBLAS's Haswell kernel, for one, by
# tiles of 12 rows). So products have a multiple of this number of rows, filled up with zeros; their
# columns come in chunks of one size; and each is computed by one thread, several at a time. Chunks
# are large, because BLAS copies the queries for each; two cores share the paper's sets evenly.
_ROWS, _COLUMNS, _DEPTH = 192, 256, 64
CHUNK = 10_240
_NORM_CHUNK = 128  # rows scaled at once, so that they stay in the cache


def threads() -> int:
    """Number of threads granted by the environment (OMP_NUM_THREADS, else the usable cores)."""
    granted = os.environ.get("OMP_NUM_THREADS", "")
    return int(granted) if granted.isdigit() and int(granted) else len(os.sched_getaffinity(0))


def unit_rows(values: np.ndarray) -> np.ndarray:
    """Vectors [N, D] at length one, as float32; a zero vector stays zero: similar to nothing."""
    units = np.empty(values.shape, dtype=np.float32)
    for start in range(0, len(values), _NORM_CHUNK):
        chunk = values[start : start + _NORM_CHUNK].astype(np.float64)
        norms = np.sqrt(np.square(chunk).sum(axis=1, keepdims=True))
        units[start : start + _NORM_CHUNK] = chunk / np.where(norms, norms, 1.0)
    return units


def require_rankings(ids: Sequence[str], values: np.ndarray, what: str) -> None:
    """Refuse zero vectors of `what`, originals, which by cosine have no ranking: InputError."""
    if blank := [ids[row] for row in np.flatnonzero(~values.any(axis=1))]:
        raise InputError(
            f"{what}: {len(blank)} embeddings of originals are zero, such as that of {blank[0]!r}: "
            "by cosine they are similar to no image; leave these images out, or compare by "
            "euclidean distance (`similarity=euclidean` of the system)"
        )


class ProductBuffer:
    """Buffer for products, shared by several databases: each product overwrites the last."""

    def __init__(self) -> None:
        self._values = np.empty(0, dtype=np.float32)

    def take(self, rows: int, columns: int) -> np.ndarray:
        """An array float32 [rows, columns], contiguous, of any content."""
        if self._values.size < rows * columns:
            self._values = np.empty(rows * columns, dtype=np.float32)
        return self._values[: rows * columns].reshape(rows, columns)


class Similarity:
    """Cosine similarities of blocks of queries to a database, with reproducible bits."""

    def __init__(
        self,
        database: np.ndarray,
        block: int,
        as_queries: Callable[[np.ndarray], np.ndarray] | None = None,
    ) -> None:
        """Prepare a database for blocks of queries.

        Args:
            database: unit vectors [N, D], or rows of a frame (`anonbench.core.numeric.frames`).
            as_queries: turns rows like the database's into queries; None: used as given.
        """
        # imported here: most commands start without it
        from threadpoolctl import ThreadpoolController  # type: ignore[import-untyped]

        self.size, self.depth = database.shape
        self._as_queries = as_queries
        self.block = whole_rows(block)
        # BLAS adds up differently in a narrow last chunk
        columns = self.size + max(_COLUMNS - self.size % CHUNK, 0)
        self._shape = (columns, _round_up(self.depth, _DEPTH))
        self._database = _padded(database, self._shape)
        self._buffer = ProductBuffer()
        self._chunks = blocks(self._shape[0], CHUNK)
        self._again, self._first = repeated(np.ascontiguousarray(database))
        self._blas = ThreadpoolController().select(user_api="blas")
        # number of parts of the queries that keeps all threads busy
        self._parts = -(-threads() // len(self._chunks))
        self._workers = ThreadPoolExecutor(threads())

    def slices(self, queries: int) -> list[slice]:
        """Blocks of this number of queries."""
        return blocks(queries, self.block)

    def __call__(self, queries: np.ndarray, buffer: ProductBuffer | None = None) -> np.ndarray:
        """Similarities [rows, N] of unit vectors [rows, D], rows at most the block.

        Equal vectors of the database have equal similarities. The result is a view that the next
        product in the same buffer, by default the database's own, overwrites.
        """
        rows = whole_rows(len(queries))
        if self._as_queries is not None:
            queries = self._as_queries(queries)
        product = (buffer or self._buffer).take(rows, self._shape[0])
        given = _padded(queries, (rows, self._shape[1]))

        def multiply(tile: tuple[slice, slice]) -> None:
            part, chunk = tile
            np.matmul(given[part], self._database[chunk].T, out=product[part, chunk])

        parts = blocks(rows, whole_rows(-(-rows // self._parts)))
        with self._blas.limit(limits=1):
            list(self._workers.map(multiply, itertools.product(parts, self._chunks)))
        if self._again:
            product[:, self._again] = product[:, self._first]
        return product[: len(queries), : self.size]


def whole_rows(queries: int) -> int:
    """Number of rows in a product with this number of queries; blocks of it waste none."""
    return _round_up(queries, _ROWS)


def blocks(rows: int, block: int) -> list[slice]:
    """Slices of at most `block` rows that cover this number of rows."""
    return [slice(start, min(start + block, rows)) for start in range(0, rows, block)]


def repeated(vectors: Iterable[np.ndarray]) -> tuple[list[int], list[int]]:
    """Positions of vectors that repeat earlier ones, and of the first of each."""
    seen: dict[bytes, int] = {}
    digests = (hashlib.sha256(vector.data).digest()[:16] for vector in vectors)
    first = {row: seen.setdefault(digest, row) for row, digest in enumerate(digests)}
    again = [row for row, earlier in first.items() if earlier != row]
    return again, [first[row] for row in again]


def _round_up(value: int, multiple: int) -> int:
    return -(-value // multiple) * multiple


def _padded(matrix: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    if matrix.shape == shape and matrix.flags.c_contiguous:
        return matrix
    padded = np.zeros(shape, dtype=np.float32)
    padded[: matrix.shape[0], : matrix.shape[1]] = matrix
    return padded


def first(values: np.ndarray, k: int) -> np.ndarray:
    """Positions of the k greatest of values [N], in order, int64 [k]."""
    size = len(values)
    if k >= size:
        return np.asarray(np.argsort(-values, kind="stable"))
    lowest = np.partition(values, size - k)[size - k]
    positions = np.flatnonzero(values >= lowest)
    return np.asarray(positions[np.argsort(-values[positions], kind="stable")][:k])
