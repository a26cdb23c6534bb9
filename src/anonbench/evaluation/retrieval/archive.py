"""Large archives: memory-mapped vectors, normalized part by part for each block of queries.

Memory holds only the similarities of some queries, and the parts of the mapped file that the system
caches. This pays off if few images are queries, such as a sample that estimates the scores of
millions.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from anonbench.core.numeric.similarity import CHUNK, Room, Similarity, blocks, repeated
from anonbench.embedding.store import Embeddings

_PART = 2 * CHUNK
"""Vectors that are normalized at once: a multiple of the columns of a product, so that similarities
round as they do for the whole database."""
_BYTES = 1_500_000_000
"""Approximate memory for the data of a block of queries, in bytes."""
_BYTES_A_PAIR = 16
"""Two similarities, a place and a word for a query and an image."""


class Archive:
    """Embeddings [N, D] in id order, normalized on demand and never copied whole."""

    def __init__(self, embeddings: Embeddings) -> None:
        """Take embeddings in any order, with unique ids."""
        self._values = embeddings.values
        self._order = np.array(
            sorted(range(len(embeddings.ids)), key=embeddings.ids.__getitem__), dtype=np.int64
        )
        self.ids = [embeddings.ids[row] for row in self._order]
        self.size, self.width = embeddings.values.shape

    def units(self, positions: np.ndarray | slice) -> np.ndarray:
        """Return the unit vectors at these positions [...], float32 [..., D]."""
        values = self._values[self._order[positions]].astype(np.float64)
        norms = np.sqrt(np.square(values).sum(axis=-1, keepdims=True))
        values /= np.where(norms, norms, 1.0)  # a zero vector stays zero
        return values.astype(np.float32)

    def slices(self, queries: int, most: int) -> list[slice]:
        """Blocks of this number of queries, as large as memory allows, at most `most` each."""
        return blocks(queries, max(1, min(most, _BYTES // (_BYTES_A_PAIR * self.size))))

    def parts(self) -> Iterator[tuple[slice, np.ndarray]]:
        """Yield all unit vectors in parts, each with its positions."""
        for start in range(0, self.size, _PART):
            positions = slice(start, min(start + _PART, self.size))
            yield positions, self.units(positions)


class Streamed:
    """Database of `anonbench.evaluation.retrieval.scoring.engine` with vectors on disk."""

    def __init__(self, archive: Archive) -> None:
        self.size, self.depth = archive.size, archive.width
        self._archive = archive
        units = (vector for _, part in archive.parts() for vector in part)
        self._again, self._first = repeated(units)

    def __call__(self, queries: np.ndarray, room: Room) -> np.ndarray:
        """Similarities of unit vectors [rows, D], float32 [rows, N], written to the buffer.

        They are those of `anonbench.core.numeric.similarity.Similarity`, bit for bit.
        """
        product = room.take(len(queries), self.size)
        for positions, units in self._archive.parts():
            product[:, positions] = Similarity(units, len(queries))(queries)
        if self._again:
            product[:, self._again] = product[:, self._first]
        return product


def positions_of(queried: Archive, archive: Archive) -> np.ndarray:
    """Return the position of each query's own image in an archive, int64 [Q]."""
    rows = {name: row for row, name in enumerate(archive.ids)}
    return np.array([rows[name] for name in queried.ids], dtype=np.int64)
