"""Queries to score: a random sample, a job's part of it, and its division into blocks.

The last bits of a matrix product depend on the row of a vector: OpenBLAS's Haswell kernel, for
example, works on tiles of 12 rows and adds up differently in the upper and the lower half of a
tile. The row of a query is therefore determined by its image, and its scores are the same bit for
bit for any set of queries: all, a sample, or a shard.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from anonbench.core.numeric.seeding import hash_ints


def draw(ids: Sequence[str], count: int | None) -> np.ndarray:
    """Positions of at most `count` drawn ids, ascending, int64; of all ids if it is None.

    The ids with the lowest hashes are drawn. This is a simple random sample that does not depend on
    any order or other setting; a larger count only adds ids to it.
    """
    if count is None or count >= len(ids):
        return np.arange(len(ids), dtype=np.int64)
    hashes = hash_ints(("retrieval query",), ids)
    return np.sort(np.lexsort((np.asarray(ids), hashes))[:count]).astype(np.int64)


def shard_of_queries(positions: np.ndarray, shard: int, count: int) -> np.ndarray:
    """One of `count` parts of the positions, in order; sizes differ by at most one.

    Raises:
        ValueError: there is no such shard.

    """
    if not 0 <= shard < count:
        raise ValueError(f"shard {shard} of {count}")
    return np.array_split(positions, count)[shard]


_PERIOD = 24
"""Rows after which a product repeats itself: a multiple of the heights of common tiles."""


@dataclass(frozen=True)
class Block:
    """Queries that are scored together."""

    queries: np.ndarray
    """Numbers of the queries, ascending, int64 [Q]."""
    rows: np.ndarray
    """The row of each, int64 [Q]."""
    fill: np.ndarray
    """Index of the query in each row, int64 [R]; the first query in unused rows."""


def blocks_of(self_columns: np.ndarray, slices: Callable[[int], Sequence[slice]]) -> list[Block]:
    """Divide queries into blocks so that each query is in one block.

    Args:
        self_columns: the column of each query's own image in the database, int64 [N], ascending.
        slices: how an engine divides a number of rows into blocks.

    """
    if not len(self_columns):
        return []
    residue = self_columns % _PERIOD
    turn = np.empty(len(residue), dtype=np.int64)  # number of earlier queries with the same residue
    for each in range(_PERIOD):
        alike = np.flatnonzero(residue == each)
        turn[alike] = np.arange(len(alike))
    places = turn * _PERIOD + residue
    step = -(-slices(int(places.max()) + 1)[0].stop // _PERIOD) * _PERIOD
    return [_block(places, start, step) for start in range(0, int(places.max()) + 1, step)]


def _block(places: np.ndarray, start: int, step: int) -> Block:
    inside = np.flatnonzero((places >= start) & (places < start + step))
    rows = places[inside] - start
    fill = np.zeros(int(rows.max()) + 1, dtype=np.int64)
    fill[rows] = np.arange(len(inside))
    return Block(inside, rows, fill)
