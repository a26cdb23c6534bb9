"""Scoring engine on NumPy, with all threads of a CPU."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from threading import local
from typing import TYPE_CHECKING

import numpy as np

from anonbench.core.numeric.frames import COSINE, Frame
from anonbench.core.numeric.similarity import Room, Similarity, blocks, threads, whole_rows
from anonbench.core.numeric.topk import first as first_of
from anonbench.evaluation.retrieval.scoring.counting import Counting
from anonbench.evaluation.retrieval.scoring.metrics import COLUMNS, Measures, Reference
from anonbench.evaluation.retrieval.scoring.ties import among_first

if TYPE_CHECKING:
    from anonbench.config import Retrieval

_STRIP = 1 << 15
"""Similarities that are ranked at once, and first results that are scored at once: few enough for a
core's cache, and enough to pay for the calls."""


class CpuEngine:
    """NumPy engine, with threads over the columns of a product and the rows of a ranking."""

    def __init__(self, settings: Retrieval, k: int) -> None:
        self._settings = settings
        self._k = k
        # the reference's similarities are needed while scenarios are scored
        self._truth, self._room = Room(), Room()
        self._rooms = local()

    def database(self, units: np.ndarray, frame: Frame = COSINE) -> Similarity:
        """See `Engine`."""
        return Similarity(units, self._settings.block, self._room, frame.queries)

    def slices(self, queries: int) -> list[slice]:
        """See `Engine`."""
        return blocks(queries, whole_rows(self._settings.block))

    def reference(
        self, searched: Similarity, queries: np.ndarray, self_columns: np.ndarray
    ) -> Reference:
        """See `Engine`."""
        similarity = self._similarity(searched, queries, self_columns, self._truth)
        rows, size = similarity.shape
        measures = Measures(self._settings, self._k, size)
        first = np.empty((rows, measures.depth), dtype=np.int64)
        place = np.full((rows, size), measures.depth, dtype=measures.place_type)
        ideal, chance, floor = (np.empty(rows) for _ in range(3))
        is_open, averaged = np.zeros(rows, dtype=bool), self._settings.ties == "mean"

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
            given = values, gain, own_gain, ideal[part]
            chance[part] = measures.chance(*given)
            floor[part] = measures.chance(*given, own_first=True)

        _share_out(rank, blocks(rows, max(1, _STRIP // size)))
        parts = similarity, first, place, ideal, is_open
        return Reference(chance, floor, measures, *parts)

    def score(
        self,
        truth: Reference,
        searched: Similarity,
        queries: Sequence[np.ndarray],
        self_columns: np.ndarray,
    ) -> list[dict[str, np.ndarray]]:
        """See `Engine`. All kinds share one product, because BLAS copies the database for each."""
        kinds, rows = len(queries), len(self_columns)
        step = whole_rows(rows)
        together, columns = _stacked(queries, step), _stacked([self_columns] * kinds, step)
        similarity = self._similarity(searched, together, columns, self._room)
        size = similarity.shape[1]
        k, depth = truth.measures.k, truth.measures.depth
        result = np.empty((len(COLUMNS), kinds, rows))
        is_full, averaged = self._settings.ap_depth == "full", self._settings.ties == "mean"

        def rank(part: slice) -> None:
            count = (part.stop - part.start) * kinds
            found = np.empty((count, depth), dtype=np.int64)
            places = np.empty((count, depth), dtype=truth.place.dtype)
            precision = np.empty((count, k)) if is_full else None
            gained = np.empty((count, k), dtype=np.float32)
            counting = self._counting(size) if precision is not None else None
            tied = []
            for row in range(count):
                # handle all kinds while the query's reference data are in the cache
                query, kind = part.start + row // kinds, row % kinds
                values, place = similarity[kind * step + query], truth.place[query]
                if counting is not None and precision is not None:
                    given = values, place, truth.first[query, :k]
                    is_tied = counting.rank(*given, found[row], places[row], precision[row])
                else:
                    found[row] = first_of(values, depth)
                    places[row] = place.take(found[row])
                    is_tied = averaged and among_first(values, found[row, :k])
                if is_tied or truth.open[query]:
                    tied.append((row, query, values))
                truth.similarity[query].take(found[row, :k], out=gained[row], mode="clip")
            ideal = truth.ideal[part].repeat(kinds)
            gain = truth.measures.gain(gained, places)
            for row, query, values in tied:
                both = values, truth.similarity[query]
                truth.measures.average_gain(gain[row], found[row, :k], *both)
            scores = truth.measures.scores(places, precision, gain, ideal)
            for row, query, values in tied:
                if truth.open[query] or not is_full:
                    both = values, truth.similarity[query]
                    scores["ap"][row] = truth.measures.average_precision(*both)
            for column, values in zip(COLUMNS, result, strict=True):
                values[:, part] = scores[column].reshape(-1, kinds).T

        _share_out(rank, blocks(rows, max(1, _STRIP // depth // kinds)))
        return [dict(zip(COLUMNS, result[:, kind], strict=True)) for kind in range(kinds)]

    def _counting(self, size: int) -> Counting:
        """Buffer of this thread: new memory for each row would cost more than the row."""
        room: Counting | None = getattr(self._rooms, "room", None)
        if room is None or room.size != size:
            room = self._rooms.room = Counting(size, self._settings.ties == "mean")
        return room

    def _similarity(
        self, searched: Similarity, queries: np.ndarray, self_columns: np.ndarray, room: Room
    ) -> np.ndarray:
        similarity = searched(queries, room)
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
    count = min(threads(), len(parts))
    if count == 1:
        for part in parts:
            work(part)
        return
    with ThreadPoolExecutor(count) as pool:
        list(pool.map(work, parts))
