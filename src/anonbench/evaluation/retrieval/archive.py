"""Large archives: a few queries scored exactly against memory-mapped vectors.

`scenario` holds both databases as unit vectors, which pays when most images are
queries. For a few queries, such as a sample that estimates the scores of millions, the vectors are
normalized part by part as the queries pass: memory then holds the similarities of some queries, and
of the vectors what the system keeps of a mapped file. The scores are the same.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from functools import partial

import numpy as np
import pandas as pd

from anonbench.config import Retrieval
from anonbench.core.numeric.similarity import CHUNK, Room, Similarity, blocks
from anonbench.core.progress import track
from anonbench.embedding.store import Embeddings
from anonbench.evaluation.retrieval.scoring.engine import COLUMNS, make_engine
from anonbench.evaluation.retrieval.scoring.rows import blocks_of
from anonbench.evaluation.retrieval.stage.scenario import Scores
from anonbench.evaluation.retrieval.stage.summary import chance_levels

_PART = 2 * CHUNK
"""Vectors that are normalized at once: a multiple of the columns of a product, so that similarities
round as they do for the whole database."""
_BYTES = 1_500_000_000
"""Memory for what is known of a block of queries, about."""
_BYTES_A_PAIR = 16
"""Two similarities, a place and a word for a query and an image."""


class Archive:
    """Embeddings [N, D] in id order, normalized as they are needed and never copied whole."""

    def __init__(self, embeddings: Embeddings) -> None:
        """Take embeddings in any order; no id is there twice."""
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

    def parts(self) -> Iterator[tuple[slice, np.ndarray]]:
        """Yield all unit vectors in parts, each with its positions."""
        for start in range(0, self.size, _PART):
            positions = slice(start, min(start + _PART, self.size))
            yield positions, self.units(positions)


class Streamed:
    """A database for `anonbench.evaluation.retrieval.scoring.engine` whose vectors are not in
    memory."""

    def __init__(self, archive: Archive) -> None:
        self.size, self.depth = archive.size, archive.width
        self._archive = archive
        self._again, self._first = _repeated(archive)

    def __call__(self, queries: np.ndarray, room: Room) -> np.ndarray:
        """Return the similarities of unit vectors [rows, D], float32 [rows, N], in this room.

        They are those of `anonbench.core.numeric.similarity.Similarity`, bit for bit.
        """
        product = room.take(len(queries), self.size)
        for positions, units in self._archive.parts():
            product[:, positions] = Similarity(units, len(queries))(queries)
        if self._again:
            product[:, self._again] = product[:, self._first]
        return product


def score(
    reference: Embeddings, queries: Embeddings, database: Embeddings, k: int, settings: Retrieval
) -> Scores:
    """Score a few queries, as `scenario.score` does those of one kind.

    Args:
        reference: the original system's embeddings of the N original images, float32 [N, D'].
        queries: of Q of the images, float32 [Q, D].
        database: of the same N images, float32 [N, D]. No original's vector is zero.
        k: relevant images of a query.
        settings: of the scores; `block` is lowered where the archive is large.

    """
    truth, searched, queried = Archive(reference), Archive(database), Archive(queries)
    self_columns = positions_of(queried, truth)
    rows = max(1, min(settings.block, _BYTES // (_BYTES_A_PAIR * truth.size)))
    engine = make_engine(settings, k)
    to_reference, to_database = Streamed(truth), Streamed(searched)
    scored, chance = np.empty((len(COLUMNS), len(self_columns))), np.empty(len(self_columns))
    parts = blocks_of(self_columns, partial(blocks, block=rows))
    for block in track(parts, len(parts), "blocks of queries"):
        in_rows = block.queries[block.fill]
        ranking = engine.reference(
            to_reference, truth.units(self_columns[in_rows]), self_columns[in_rows]
        )
        chance[block.queries] = ranking.chance[block.rows]
        (scores,) = engine.score(
            ranking, to_database, [queried.units(in_rows)], self_columns[in_rows]
        )
        scored[:, block.queries] = [scores[column][block.rows] for column in COLUMNS]
        del ranking  # its memory is for the next block's
    table = pd.DataFrame({"id": queried.ids, "query": "queries"}).join(
        pd.DataFrame(scored.T, columns=list(COLUMNS))
    )
    return Scores(table, truth.size, k, chance_levels(chance, truth.size, k, settings))


def positions_of(queried: Archive, archive: Archive) -> np.ndarray:
    """Return the position of each query's own image in an archive, int64 [Q]."""
    rows = {name: row for row, name in enumerate(archive.ids)}
    return np.array([rows[name] for name in queried.ids], dtype=np.int64)


def _repeated(archive: Archive) -> tuple[list[int], list[int]]:
    """Return the positions of vectors that are equal to earlier ones, and the first of each."""
    seen: dict[bytes, int] = {}
    again, first = [], []
    for positions, units in archive.parts():
        for row, vector in enumerate(units, start=positions.start):
            earlier = seen.setdefault(hashlib.sha256(vector).digest()[:16], row)
            if earlier != row:
                again.append(row)
                first.append(earlier)
    return again, first
