"""Selection of the queries that are scored, and of the job that scores them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from anonbench.core.numeric.seeding import hash_ints


def draw(ids: Sequence[str], count: int | None) -> np.ndarray:
    """Return the positions of at most `count` ids, ascending, int64; of all where it is None.

    Those with the lowest hashes are drawn: a simple random sample that depends on no order and no
    other setting, and that a larger count only adds to.
    """
    if count is None or count >= len(ids):
        return np.arange(len(ids), dtype=np.int64)
    hashes = hash_ints(("retrieval query",), ids)
    return np.sort(np.lexsort((np.asarray(ids), hashes))[:count]).astype(np.int64)


def shard_of_queries(positions: np.ndarray, shard: int, count: int) -> np.ndarray:
    """Return one of `count` parts of the positions, in order; their sizes differ by one at most.

    Raises:
        ValueError: there is no such shard.

    """
    if not 0 <= shard < count:
        raise ValueError(f"shard {shard} of {count}")
    return np.array_split(positions, count)[shard]
