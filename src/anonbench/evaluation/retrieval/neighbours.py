"""The first results of a few queries, exact, without scoring the others."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from anonbench.core.errors import InputError
from anonbench.core.numeric.frames import frame_of
from anonbench.core.numeric.seeding import hash_int
from anonbench.core.numeric.similarity import Similarity
from anonbench.embedding.store import Embeddings, read_embeddings, read_ids, read_rows


def draw_queries(ids: Iterable[str], number: int) -> list[str]:
    """Draw queries by a hash of their ids, in the same order on every machine.

    A larger draw starts with the queries of a smaller one.
    """
    return sorted(ids, key=lambda image_id: (hash_int("explorer", image_id), image_id))[:number]


def read_some(path: Path, wanted: Sequence[str]) -> Embeddings:
    """Read only the embeddings of the wanted ids, in their order.

    Raises:
        InputError: the file holds no embeddings, or an id is not in it.

    """
    rows = {image_id: row for row, image_id in enumerate(read_ids(path)[0])}
    for image_id in wanted:
        if image_id not in rows:
            raise InputError(f"{path}: has no embedding of {image_id!r}; embed the images again")
    places = np.array([rows[image_id] for image_id in wanted], dtype=np.int64)
    order = np.argsort(places)  # read the file in one direction
    values = read_rows(path, places[order])
    return Embeddings(list(wanted), values[np.argsort(order)])


@dataclass(frozen=True)
class Rankings:
    """Images of a database sorted by similarity, for each of Q queries."""

    order: np.ndarray
    """int64 [Q, N]: positions of the database, most similar first, ties by position."""
    similarities: np.ndarray
    """float32 [Q, N]: similarity by position (see `anonbench.core.numeric.frames`).

    It is -inf for a query's own image that is left out.
    """

    def first(self, query: int, number: int) -> np.ndarray:
        """Positions of the first results, int64, at most `number`."""
        found: np.ndarray = self.order[query, :number]
        shown: np.ndarray = found[np.isfinite(self.similarities[query, found])]
        return shown

    def ranks(self, query: int) -> np.ndarray:
        """Return the rank of every position, from 1, int64 [N]."""
        ranks = np.empty(self.order.shape[1], dtype=np.int64)
        ranks[self.order[query]] = np.arange(1, len(ranks) + 1)
        return ranks


def rank(queries: Embeddings, database: Path, ids: Sequence[str], include_self: bool) -> Rankings:
    """Rank a database for a few queries, like `anonbench.evaluation.retrieval.stage.scenario`.

    Args:
        queries: embeddings of Q images, by the database's model.
        database: embeddings of N images (HDF5); read whole, one at a time.
        ids: the N ids, sorted: positions count along them.
        include_self: whether a query's own image is ranked.

    Raises:
        InputError: the database holds other ids or dimensions.

    """
    given = read_embeddings(database)
    if sorted(given.ids) != list(ids):
        raise InputError(f"{database}: holds other ids than the reference; embed the images again")
    if given.values.shape[1] != queries.values.shape[1]:
        raise InputError(
            f"{database}: {given.values.shape[1]} dimensions for queries of "
            f"{queries.values.shape[1]}; embed both with the same model"
        )
    frame = frame_of(given.similarity, lambda: [given.values])
    units = frame.rows(given.values)
    places = {image_id: row for row, image_id in enumerate(given.ids)}
    units = units[[places[image_id] for image_id in ids]]
    units_of_queries = frame.rows(queries.values)
    similarities = np.empty((len(units_of_queries), len(ids)), dtype=np.float32)
    similarity = Similarity(units, max(1, len(units_of_queries)), as_queries=frame.queries)
    for block in similarity.slices(len(units_of_queries)):
        similarities[block] = similarity(units_of_queries[block])
    if not include_self:
        rows = {image_id: row for row, image_id in enumerate(ids)}
        for row, image_id in enumerate(queries.ids):
            similarities[row, rows[image_id]] = -np.inf
    return Rankings(np.argsort(-similarities, axis=1, kind="stable"), similarities)
