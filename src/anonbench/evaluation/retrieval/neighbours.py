"""Whole rankings of a database for some queries, exact, without scores."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from anonbench.core.errors import InputError
from anonbench.core.numeric.frames import COSINE, SharedScale
from anonbench.core.numeric.seeding import hash_int
from anonbench.core.numeric.similarity import Similarity
from anonbench.embedding.store import Embeddings, read_embeddings, read_ids, read_rows
from anonbench.evaluation.retrieval.vectors import Vectors

_BLOCK = 192


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
    searched = Vectors.of(read_embeddings(database), str(database))
    if searched.ids != list(ids):
        raise InputError(f"{database}: holds other ids than the reference; embed the images again")
    if searched.width != queries.values.shape[1]:
        raise InputError(
            f"{database}: {searched.width} dimensions for queries of "
            f"{queries.values.shape[1]}; embed both with the same model"
        )
    places = {image_id: place for place, image_id in enumerate(ids)}
    own = None if include_self else np.array([places[image_id] for image_id in queries.ids])
    frame = searched.frame
    order, similarities = zip(
        *ranked(frame.rows(queries.values), searched.units(), own, frame), strict=True
    )
    return Rankings(np.concatenate(order), np.concatenate(similarities))


def ranked(
    queries: np.ndarray, database: np.ndarray, own: np.ndarray | None, frame: SharedScale = COSINE
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yield order and similarities of a database for blocks of queries, as in `Rankings`.

    Args:
        queries: rows of the frame [Q, D].
        database: rows of the frame [N, D].
        own: position of each query's own image, which is left out [Q]; None: it counts.
        frame: how vectors are compared.

    """
    search = Similarity(database, _BLOCK, as_queries=frame.queries)
    for block in search.slices(len(queries)):
        found = search(queries[block]).copy()
        if own is not None:
            found[np.arange(len(found)), own[block]] = -np.inf
        yield np.argsort(-found, axis=1, kind="stable"), found
