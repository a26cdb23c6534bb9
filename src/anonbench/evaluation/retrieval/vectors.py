"""Vectors of a set of images in id order, ready for comparison, and their whole rankings."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np

from anonbench.core.errors import InputError
from anonbench.core.numeric.frames import COSINE, SharedScale, shared_scale
from anonbench.core.numeric.seeding import hash_int
from anonbench.core.numeric.similarity import (
    CHUNK,
    ProductBuffer,
    Similarity,
    blocks,
    repeated,
    require_rankings,
)
from anonbench.core.wording import count
from anonbench.embedding import store
from anonbench.embedding.store import Embeddings

_LOG = logging.getLogger(__name__)
_ROWS = 8192  # vectors in memory at once while a file is looked through
PART = 2 * CHUNK
"""Vectors that are normalized at once: a multiple of the columns of a product, so that similarities
round as they do for the whole database."""
BYTES = 1_500_000_000  # approximate memory for the data of a block of queries, in bytes
BYTES_A_PAIR = 16  # two similarities, a place and a word for a query and an image
_BLOCK = 192  # queries of a ranking


@dataclass(frozen=True)
class Vectors:
    """Vectors of a file, which stays on disk, or of embeddings in memory, which are not copied."""

    ids: Sequence[str]  # sorted, [N]
    width: int  # dimension D
    read: Callable[[np.ndarray], np.ndarray]
    """From places in the file or in memory, int64 [...], to vectors, float32 [..., D]."""
    order: np.ndarray | None  # place of each id, int64 [N]; None if the ids were sorted
    frame: SharedScale = COSINE  # how they are compared
    path: Path | None = None

    @classmethod
    def of(cls, given: Embeddings, what: str, frame: SharedScale | None = None) -> Vectors:
        """Vectors in memory, or mapped, in any order; InputError names `what` repeats an id.

        Without a frame, they are compared in one of their own similarity.
        """
        store.refuse_repeated(given.ids, what)
        ids, order = _sorted(given.ids)
        if frame is None:
            frame = shared_scale(given.similarity, lambda: [given.values])
        return cls(ids, given.values.shape[1], given.values.__getitem__, order, frame)

    def only(self, positions: np.ndarray) -> Vectors:
        """The vectors at some positions, ascending, compared as all are."""
        places = positions if self.order is None else self.order[positions]
        return replace(self, ids=[self.ids[each] for each in positions], order=places)

    def units(
        self,
        positions: np.ndarray | slice | None = None,
        change: Callable[[np.ndarray], np.ndarray] | None = None,
    ) -> np.ndarray:
        """Vectors at these positions of `ids` [M], or all, changed first, as rows of the frame.

        Float32 [M, D] (unit vectors if they are compared by cosine), or [M, D + 2].
        """
        places = np.arange(len(self.ids)) if self.order is None else self.order
        rows = self.read(places if positions is None else places[positions])
        return self.frame.rows(rows if change is None else change(rows))

    def rows(self, positions: np.ndarray) -> np.ndarray:
        """Vectors at positions that may be repeated, as `units`; a file is read in one turn."""
        ascending, place = np.unique(positions, return_inverse=True)
        return np.asarray(self.units(ascending)[place])

    def parts(self) -> Iterator[tuple[slice, np.ndarray]]:
        """Yield all vectors in parts, as `units`, each with its positions."""
        for positions in blocks(len(self.ids), PART):
            yield positions, self.units(positions)


class Streamed:
    """Database whose vectors are normalized part by part for each block of queries, by cosine.

    This pays off if few images are queries, such as a sample of millions: memory holds only the
    similarities of some queries, and the parts of a mapped file that the system caches.
    """

    def __init__(self, vectors: Vectors) -> None:
        self.size = len(vectors.ids)
        self._vectors = vectors
        units = (vector for _, part in vectors.parts() for vector in part)
        self._again, self._first = repeated(units)

    def __call__(self, queries: np.ndarray, buffer: ProductBuffer) -> np.ndarray:
        """Similarities of unit vectors [rows, D], float32 [rows, N], written to the buffer.

        They are those of `anonbench.core.numeric.similarity.Similarity`, bit for bit.
        """
        product = buffer.take(len(queries), self.size)
        for positions, units in self._vectors.parts():
            product[:, positions] = Similarity(units, len(queries))(queries)
        if self._again:
            product[:, self._again] = product[:, self._first]
        return product

    @property
    def block(self) -> int:
        """Queries at once, as many as memory allows."""
        return max(1, BYTES // (BYTES_A_PAIR * self.size))


def look_through(
    path: Path, ids: Sequence[str] | None = None, frame: SharedScale | None = None
) -> Vectors:
    """Read a file of embeddings (HDF5) once to check it.

    `ids` [N], sorted, are those that it must have; None: any, and it holds originals. The frame is
    that of the reference; None, or of another similarity: the file's own.

    Raises:
        InputError: the file has no embeddings, duplicate ids, other ids, or values that are not
            finite; or originals have zero vectors and are compared by cosine.
    """
    found, width = store.read_ids(path)
    similarity = str(store.read_provenance(path).get("similarity", "cosine"))
    in_order, order = _sorted(found)
    if ids is not None and in_order != list(ids):
        raise InputError(f"{path}: {difference(set(found), set(ids))}")
    blank, parts = 0, blocks(len(found), _ROWS)
    for part in parts:
        rows = store.read_rows(path, np.arange(part.start, part.stop))
        if not np.isfinite(rows).all():
            raise InputError(f"{path}: some embeddings are not finite; embed the images again")
        if ids is None and similarity == "cosine":
            require_rankings(found[part], rows, str(path))
        blank += int((~rows.any(axis=1)).sum())
    if blank and similarity == "cosine":
        _LOG.warning("%s: %s, similar to nothing", path, count(blank, "zero embedding"))
    kept = in_order if ids is None else ids  # one shared list for all files
    if frame is None or not frame.suits(similarity, width):
        try:
            frame = shared_scale(
                similarity,
                lambda: (store.read_rows(path, np.arange(b.start, b.stop)) for b in parts),
            )
        except ValueError as error:
            raise InputError(f"{path}: {error}; it is cosine, inner or euclidean") from None
    return Vectors(kept, width, partial(store.read_rows, path), order, frame, path)


def _sorted(ids: Sequence[str]) -> tuple[list[str], np.ndarray | None]:
    """Sorted ids, and the place of each among those given; None if they are in order."""
    order = sorted(range(len(ids)), key=ids.__getitem__)
    is_sorted = order == list(range(len(ids)))
    return [ids[place] for place in order], None if is_sorted else np.array(order, dtype=np.int64)


def difference(given: set[str], expected: set[str]) -> str:
    """How ids differ from those of the reference, as text."""
    parts = {
        "are not in the reference": given - expected,
        "of the reference are missing": expected - given,
    }
    found = [f"{len(ids)} ids {verb}, such as {min(ids)!r}" for verb, ids in parts.items() if ids]
    return "; ".join([*found, "embed the same images for all"])


def draw_queries(ids: Iterable[str], number: int) -> list[str]:
    """Draw queries by a hash of their ids; a larger draw starts with those of a smaller one."""
    return sorted(ids, key=lambda image_id: (hash_int("explorer", image_id), image_id))[:number]


def read_some(path: Path, wanted: Sequence[str]) -> Embeddings:
    """Read the embeddings of the wanted ids, in their order; InputError if the file lacks one."""
    rows = {image_id: row for row, image_id in enumerate(store.read_ids(path)[0])}
    if missing := next((image_id for image_id in wanted if image_id not in rows), None):
        raise InputError(f"{path}: has no embedding of {missing!r}; embed the images again")
    places = np.array([rows[image_id] for image_id in wanted], dtype=np.int64)
    order = np.argsort(places)  # read the file in one direction
    return Embeddings(list(wanted), store.read_rows(path, places[order])[np.argsort(order)])


def rank(
    queries: Embeddings, database: Path, ids: Sequence[str], include_self: bool
) -> list[tuple[np.ndarray, np.ndarray]]:
    """Rank a database (HDF5) for a few queries, by the same model, as `ranked` does.

    Positions count along the N `ids`, sorted; a query's own image is ranked if `include_self`.
    Raises InputError if the database holds other ids or dimensions.
    """
    searched = Vectors.of(store.read_embeddings(database), str(database))
    if searched.ids != list(ids):
        raise InputError(f"{database}: holds other ids than the reference; embed the images again")
    if searched.width != queries.values.shape[1]:
        raise InputError(
            f"{database}: {searched.width} dimensions for queries of "
            f"{queries.values.shape[1]}; embed both with the same model"
        )
    places = {image_id: place for place, image_id in enumerate(ids)}
    own = None if include_self else [places[image_id] for image_id in queries.ids]
    frame = searched.frame
    return list(ranked(frame.rows(queries.values), searched.units(), own, frame))


def ranked(
    queries: np.ndarray,
    database: np.ndarray,
    own: Sequence[int] | None,
    frame: SharedScale = COSINE,
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yield each query's ranking: positions of the database, int64, and similarities, float32.

    The most similar comes first, ties are ordered by position. Queries [Q, D] and database [N, D]
    are rows of the frame; `own` is the position of each query's own image, which is left out [Q];
    None: it counts.
    """
    search = Similarity(database, _BLOCK, as_queries=frame.queries)
    for block in search.slices(len(queries)):
        for query, similar in enumerate(search(queries[block]), block.start):
            order = np.argsort(-similar, kind="stable")
            if own is not None:
                order = order[order != own[query]]
            yield order, similar[order]
