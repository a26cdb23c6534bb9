"""Similarities of query blocks, ranked and scored with all threads of a CPU.

An engine holds the databases of several scenarios. For each block of queries the reference is
ranked once and every scenario is scored against it; no N x N matrix exists.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from threading import local
from typing import TYPE_CHECKING

import numpy as np

from anonbench.core.numeric.frames import COSINE, SharedScale
from anonbench.core.numeric.seeding import hash_ints
from anonbench.core.numeric.similarity import ProductBuffer, Similarity, blocks, threads, whole_rows
from anonbench.core.numeric.similarity import first as first_of
from anonbench.core.progress import track
from anonbench.evaluation.retrieval.scoring.counting import Counting
from anonbench.evaluation.retrieval.scoring.metrics import COLUMNS, Measures

if TYPE_CHECKING:
    from anonbench.config import Retrieval

STRIP = 1 << 15
"""Similarities that are ranked at once, and first results that are scored at once: few enough for a
core's cache, and enough to pay for the calls."""
Searched = Callable[[np.ndarray, ProductBuffer], np.ndarray]
"""A database of N vectors: returns the similarities of queries [rows, D], float32 [rows, N]. They
may be in the buffer, and the caller may change them."""


@dataclass(frozen=True)
class Reference:
    """Reference ranking of a block of queries; valid until the next block."""

    chance: np.ndarray  # expected nDCG of a random ranking, float64 [rows]; NaN where undefined
    floor: np.ndarray  # the same if the query's own image always comes first
    similarity: np.ndarray  # reference similarities, which are gains, too, float32 [rows, N]
    first: np.ndarray  # positions of the first images in order, int64 [rows, `Measures.depth`]
    place: np.ndarray
    """Place of each image among the first ones, from 0; their count for all others [rows, N]."""
    ideal: np.ndarray  # DCG of the reference ranking, float64 [rows]
    open: np.ndarray  # whether the k-th and the next image are equal, bool [rows]


class Engine:
    """Scores blocks of queries. Vectors are unit vectors, float32, images in id order."""

    def __init__(self, settings: Retrieval, images: int) -> None:
        """Allocate no buffer yet; InputError if k is 0.

        Settings are those of `metrics.effective_settings`: `block` queries are in memory at once.
        Each database has N images.
        """
        self._settings, self._images = settings, images
        self._measures = Measures(settings, images)
        self.block = whole_rows(settings.block)  # queries at once
        # the reference's similarities are needed while scenarios are scored
        self._truth, self._product = ProductBuffer(), ProductBuffer()
        self._of_thread = local()

    def database(self, units: np.ndarray, frame: SharedScale = COSINE) -> Searched:
        """Prepare a database [N, D] of rows of the frame."""
        return Similarity(units, self._settings.block, frame.queries)

    def reference(
        self, searched: Searched, queries: np.ndarray, self_columns: np.ndarray
    ) -> Reference:
        """Rank the reference's database for a block of queries.

        Queries [rows, D] are as embedded for the reference; `self_columns` [rows] are the columns
        of their own images in the database, int64.
        """
        similarity = self._similarity(searched, queries, self_columns, self._truth)
        measures, shape = self._measures, similarity.shape
        first = np.empty((len(queries), measures.depth), dtype=np.int64)
        place = np.full(shape, measures.depth, dtype=measures.place_type)
        ideal, chance, floor = (np.empty(len(queries)) for _ in range(3))
        is_open, averaged = np.zeros(len(queries), dtype=bool), self._settings.ties == "mean"

        def rank(part: slice) -> None:
            values = similarity[part]
            gain = np.empty((len(values), measures.k), dtype=np.float32)
            for row, order, positions, best in zip(
                values, first[part], place[part], gain, strict=True
            ):
                order[:] = first_of(row, measures.depth)
                positions[order] = measures.steps
                # mode "clip" writes to the given array directly; other modes use a temporary array
                row.take(order[: measures.k], out=best, mode="clip")
            if averaged:
                is_open[part] = np.count_nonzero(values >= gain[:, -1:], axis=1) > measures.k
            ideal[part] = measures.ideal(gain)
            own_gain = values[np.arange(len(values)), self_columns[part]]
            chance[part], floor[part] = measures.chance(values, gain, own_gain, ideal[part])

        _share_out(rank, blocks(len(queries), max(1, STRIP // self._images)))
        return Reference(chance, floor, similarity, first, place, ideal, is_open)

    def score_block(
        self,
        truth: Reference,
        searched: Searched,
        queries: Sequence[np.ndarray],
        self_columns: np.ndarray,
    ) -> np.ndarray:
        """Score a block of queries, of one kind or several, against the latest `reference`.

        All kinds share one product, because BLAS copies the database for each. Queries are, by
        kind, the same images as embedded by the scenario's model [rows, D]. The result are scores
        (`Measures.scores`), float64 [kinds, `COLUMNS`, rows].
        """
        kinds, rows = len(queries), len(self_columns)
        step = whole_rows(rows)
        together, columns = _stacked(queries, step), _stacked([self_columns] * kinds, step)
        similarity = self._similarity(searched, together, columns, self._product)
        measures = self._measures
        k, depth = measures.k, measures.depth
        result = np.empty((kinds, len(COLUMNS), rows))
        is_full = self._settings.ap_depth == "full"

        def rank(part: slice) -> None:
            count = (part.stop - part.start) * kinds
            found = np.empty((count, depth), dtype=np.int64)
            places = np.empty((count, depth), dtype=truth.place.dtype)
            precision = np.empty((count, k))
            gained = np.empty((count, k), dtype=np.float32)
            tied = []
            # a buffer of this thread: new memory for each row would cost more than the row
            if not hasattr(self._of_thread, "counting"):
                self._of_thread.counting = Counting(self._images, self._settings.ties == "mean")
            counting: Counting = self._of_thread.counting
            for row in range(count):
                # handle all kinds while the query's reference data are in the cache
                query, kind = part.start + row // kinds, row % kinds
                values, place = similarity[kind * step + query], truth.place[query]
                given = values, place, truth.first[query, :k]
                is_tied = counting.rank(*given, found[row], places[row], precision[row])
                if is_tied or truth.open[query]:
                    tied.append((row, query, values))
                truth.similarity[query].take(found[row, :k], out=gained[row], mode="clip")
            ideal = truth.ideal[part].repeat(kinds)
            gain = measures.gain(gained, places)
            for row, query, values in tied:
                measures.average_gain(gain[row], found[row, :k], values, truth.similarity[query])
            scores = measures.scores(places, precision if is_full else None, gain, ideal)
            for row, query, values in tied:
                if truth.open[query] or not is_full:
                    both = values, truth.similarity[query]
                    scores[COLUMNS.index("ap"), row] = measures.average_precision(*both)
            result[:, :, part] = scores.reshape(len(COLUMNS), -1, kinds).transpose(2, 0, 1)

        _share_out(rank, blocks(rows, max(1, STRIP // depth // kinds)))
        return result

    def _similarity(
        self, searched: Searched, queries: np.ndarray, self_columns: np.ndarray, into: ProductBuffer
    ) -> np.ndarray:
        similarity = searched(queries, into)
        if not self._settings.include_self:
            # a query's own image comes last
            lowest = np.nextafter(similarity.min(axis=1), np.float32(-np.inf))
            similarity[np.arange(len(self_columns)), self_columns] = lowest
        return np.ascontiguousarray(similarity)


def _stacked(arrays: Sequence[np.ndarray], step: int) -> np.ndarray:
    """Stack arrays of the same shape, each starting at a multiple of `step` rows."""
    first = arrays[0]
    shape = step * (len(arrays) - 1) + len(first), *first.shape[1:]
    stacked = np.zeros(shape, dtype=first.dtype)
    for number, array in enumerate(arrays):
        stacked[number * step :][: len(first)] = array
    return stacked


def _share_out(work: Callable[[slice], None], parts: Sequence[slice]) -> None:
    """Process all parts, several at a time."""
    with ThreadPoolExecutor(threads()) as pool:
        list(pool.map(work, parts))


Rows = Callable[[np.ndarray], np.ndarray]
"""From positions of images, int64 [M], to their vectors as rows of a frame, float32 [M, D]."""


@dataclass(frozen=True)
class Search:
    """A database, and the vectors of the queries that search it."""

    database: Searched
    queries: Sequence[Rows]
    """Of each kind of queries, by the position of a query's own image in the database."""


def score_all(
    engine: Engine,
    reference: Search,
    searches: Sequence[Callable[[], Search]],
    self_columns: np.ndarray,
    block: int | None = None,
) -> tuple[np.ndarray, np.ndarray, list[list[np.ndarray]]]:
    """Score all queries in several databases against the reference's ranking, block by block.

    The databases are made by `searches`, one of which is in memory at a time; `self_columns` are
    the positions of the queries' own images, ascending, int64 [Q]; `block` queries are in memory at
    once, by default the engine's number. Returns for each query the expected nDCG of a random
    ranking, and that of a ranking that has the own image first [Q]; then the scores by search and
    kind of queries, float64 [`COLUMNS`, Q].
    """
    chance, floor = np.empty(len(self_columns)), np.empty(len(self_columns))
    found: list[list[np.ndarray]] = [[] for _ in searches]
    (of_queries,) = reference.queries
    parts = _blocks(self_columns, block or engine.block)
    for numbers, rows, fill in track(parts, len(parts), "blocks of queries"):
        columns = self_columns[numbers][fill]
        truth = engine.reference(reference.database, of_queries(columns), columns)
        chance[numbers], floor[numbers] = truth.chance[rows], truth.floor[rows]
        for make, kinds in zip(searches, found, strict=True):
            search = make()
            asked = [of_kind(columns) for of_kind in search.queries]
            scores = engine.score_block(truth, search.database, asked, columns)
            del search  # free its database before the next one is created
            kinds += [np.empty((len(COLUMNS), len(self_columns))) for _ in scores[len(kinds) :]]
            for of_kind, each in zip(kinds, scores, strict=True):
                of_kind[:, numbers] = each[:, rows]
    return chance, floor, found


# The last bits of a matrix product depend on the row of a vector: OpenBLAS's Haswell kernel, for
# example, works on tiles of 12 rows. The row of a query is therefore determined by its image, and
# its scores are the same bit for bit for any set of queries: all, a sample, or a shard.
_PERIOD = 24  # rows after which a product repeats itself: a multiple of the heights of common tiles


def _blocks(self_columns: np.ndarray, block: int) -> list[tuple[np.ndarray, ...]]:
    """Divide queries, whose own images' columns ascend, into blocks, three int64 arrays each.

    The queries' numbers [Q], the row of each [Q], and the place of the query in each row [R], which
    is the first query's in unused rows.
    """
    if not len(self_columns):
        return []
    residue = self_columns % _PERIOD
    turn = np.empty(len(residue), dtype=np.int64)  # number of earlier queries with the same residue
    for each in range(_PERIOD):
        alike = np.flatnonzero(residue == each)
        turn[alike] = np.arange(len(alike))
    places = turn * _PERIOD + residue
    end = int(places.max()) + 1
    step = -(-block // _PERIOD) * _PERIOD
    found: list[tuple[np.ndarray, ...]] = []
    for start in range(0, end, step):
        inside = np.flatnonzero((places >= start) & (places < start + step))
        rows = places[inside] - start
        fill = np.zeros(int(rows.max()) + 1, dtype=np.int64)
        fill[rows] = np.arange(len(inside))
        found.append((inside, rows, fill))
    return found


def draw(ids: Sequence[str], count: int | None) -> np.ndarray:
    """Positions of at most `count` drawn ids, ascending, int64; of all ids if it is None.

    The ids with the lowest hashes are drawn: a larger count only adds ids to them.
    """
    if count is None or count >= len(ids):
        return np.arange(len(ids), dtype=np.int64)
    hashes = hash_ints(("retrieval query",), ids)
    return np.sort(np.lexsort((np.asarray(ids), hashes))[:count]).astype(np.int64)
