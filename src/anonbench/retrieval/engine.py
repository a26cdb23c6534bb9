"""Similarities of blocks of queries, ranked and scored: on the CPU here, on a GPU in `on_gpu`.

An engine holds the databases of several scenarios. For a block of queries the reference is ranked
once, and every scenario is scored against it; no N x N matrix exists.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from threading import local
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from anonbench.errors import InputError
from anonbench.ranking import Order, Room, Similarity, blocks, threads, whole_rows
from anonbench.retrieval.counting import Counting
from anonbench.retrieval.metrics import COLUMNS, Measures

if TYPE_CHECKING:
    from anonbench.config import Retrieval

__all__ = ["COLUMNS", "Engine", "Reference", "Searched", "make_engine"]

_STRIP = 1 << 15
"""Similarities that are ranked at once, and first results that are scored at once: few enough for a
core's cache, and enough to pay for the calls."""


class Searched(Protocol):
    """A database of N unit vectors of D dimensions, ready to be searched."""

    size: int
    depth: int


@dataclass(frozen=True)
class Reference:
    """What the reference ranking says about a block of queries; valid until the next one."""

    chance: np.ndarray
    """Expected nDCG of a random ranking, float64 [rows]; NaN where nDCG is undefined."""
    measures: Measures
    similarity: Any
    """Reference similarities, float32 [rows, N]."""
    first: Any
    """Positions of the first images in order, int64 [rows, `measures.depth`]."""
    place: Any
    """Place of each image among the first ones, from 0; their count for all others: integers
    [rows, N]."""
    ideal: Any
    """DCG of the reference ranking, float64 [rows]."""


class Engine(Protocol):
    """Scores blocks of queries. Vectors are unit vectors, float32, images in id order."""

    def database(self, units: np.ndarray) -> Searched:
        """Prepare a database [N, D]; all databases of an engine share the room for products."""

    def slices(self, queries: int) -> list[slice]:
        """Return the blocks of so many queries."""

    def reference(self, searched: Any, queries: np.ndarray, own: np.ndarray) -> Reference:
        """Rank the reference's database for a block of queries.

        Args:
            searched: the reference's database, of `database`.
            queries: the same images as embedded for the reference [rows, D].
            own: column of each query's own image in the database, int64 [rows].

        """

    def score(
        self, truth: Reference, searched: Any, queries: np.ndarray, own: np.ndarray
    ) -> dict[str, np.ndarray]:
        """Score a block of queries against the latest reference.

        Args:
            truth: of the same images, the last that `reference` returned.
            searched: a scenario's database, of `database`: the same N images.
            queries: the images as the scenario's model embeds them [rows, D].
            own: as for the reference.

        Returns:
            By `COLUMNS`, float64 [rows]; see `Measures.scores`.

        """


def make_engine(settings: Retrieval, k: int) -> Engine:
    """Return the engine that the settings name.

    Args:
        settings: of the scores; `block` queries are in memory at once, on `device`.
        k: relevant images of a query, of `anonbench.retrieval.metrics.cutoff`.

    Raises:
        InputError: the settings name a GPU and torch finds none.

    """
    if settings.device == "cpu":
        return CpuEngine(settings, k)
    import torch

    from anonbench.retrieval.on_gpu import TorchEngine

    if not torch.cuda.is_available():
        raise InputError(
            "retrieval.device is cuda, but torch finds no CUDA device here; "
            "set it to cpu, or run where there is a GPU"
        )
    return TorchEngine(settings, k, torch.device("cuda"))


class CpuEngine:
    """NumPy, threads over the columns of a product and over the rows of a ranking."""

    def __init__(self, settings: Retrieval, k: int) -> None:
        self._settings = settings
        self._k = k
        # the reference's similarities are needed while scenarios are scored
        self._truth, self._room = Room(), Room()
        self._rooms = local()

    def database(self, units: np.ndarray) -> Similarity:
        """See `Engine`."""
        return Similarity(units, self._settings.block, self._room)

    def slices(self, queries: int) -> list[slice]:
        """See `Engine`."""
        return blocks(queries, whole_rows(self._settings.block))

    def reference(self, searched: Similarity, queries: np.ndarray, own: np.ndarray) -> Reference:
        """See `Engine`."""
        similarity = self._similarity(searched, queries, own, self._truth)
        rows, size = similarity.shape
        measures = Measures(self._settings, self._k, size)
        first = np.empty((rows, measures.depth), dtype=np.int64)
        place = np.full((rows, size), measures.depth, dtype=measures.place_type)
        ideal, chance = np.empty(rows), np.empty(rows)

        def rank(part: slice) -> None:
            values = similarity[part]
            for row, order in zip(values, first[part], strict=True):
                order[:] = Order(row).first(measures.depth)
            np.put_along_axis(place[part], first[part], measures.steps[None], axis=1)
            gain = np.take_along_axis(values, first[part, : measures.k], axis=1)
            ideal[part] = measures.ideal(gain)
            own_gain = values[np.arange(len(values)), own[part]]
            chance[part] = measures.chance(values, gain, own_gain, ideal[part])

        _share_out(rank, blocks(rows, max(1, _STRIP // size)))
        return Reference(chance, measures, similarity, first, place, ideal)

    def score(
        self, truth: Reference, searched: Similarity, queries: np.ndarray, own: np.ndarray
    ) -> dict[str, np.ndarray]:
        """See `Engine`."""
        similarity = self._similarity(searched, queries, own, self._room)
        rows, size = similarity.shape
        k, depth = truth.measures.k, truth.measures.depth
        result = {column: np.empty(rows) for column in COLUMNS}
        is_full = self._settings.ap_depth == "full"

        def rank(part: slice) -> None:
            count = part.stop - part.start
            found = np.empty((count, depth), dtype=np.int64)
            places = np.empty((count, depth), dtype=truth.place.dtype)
            ranks = np.empty((count, k), dtype=np.int64)
            values, place = similarity[part], truth.place[part]
            relevant = truth.first[part, :k]
            counting = self._counting(size) if is_full else None
            for row in range(count):
                if counting is not None:
                    given = values[row], place[row], relevant[row]
                    counting.rank(*given, found[row], places[row], ranks[row])
                else:
                    found[row] = Order(values[row]).first(depth)
                    places[row] = place[row].take(found[row])
            cells = found[:, :k] + size * np.arange(count)[:, None]
            gain = truth.similarity[part].reshape(-1).take(cells)
            scores = truth.measures.scores(places, ranks, gain, truth.ideal[part])
            for column in COLUMNS:
                result[column][part] = scores[column]

        _share_out(rank, blocks(rows, max(1, _STRIP // depth)))
        return result

    def _counting(self, size: int) -> Counting:
        """Return this thread's room: new memory for each row would cost more than the row."""
        room: Counting | None = getattr(self._rooms, "room", None)
        if room is None or room.size != size:
            room = self._rooms.room = Counting(size)
        return room

    def _similarity(
        self, searched: Similarity, queries: np.ndarray, own: np.ndarray, room: Room
    ) -> np.ndarray:
        similarity = searched(queries, room)
        if not self._settings.include_self:
            # a query's own image comes last
            lowest = np.nextafter(similarity.min(axis=1), np.float32(-np.inf))
            similarity[np.arange(len(own)), own] = lowest
        return np.ascontiguousarray(similarity)


def _share_out(work: Callable[[slice], None], parts: Sequence[slice]) -> None:
    """Work on all parts, several at a time."""
    count = min(threads(), len(parts))
    if count == 1:
        for part in parts:
            work(part)
        return
    with ThreadPoolExecutor(count) as pool:
        list(pool.map(work, parts))
