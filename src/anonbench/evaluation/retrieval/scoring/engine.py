"""Similarities of query blocks, ranked and scored by NumPy (`on_cpu`) or torch (`on_gpu`).

An engine holds the databases of several scenarios. For each block of queries the reference is
ranked once and every scenario is scored against it; no N x N matrix exists.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from anonbench.core.errors import InputError
from anonbench.core.numeric.frames import COSINE, Frame
from anonbench.evaluation.retrieval.scoring.metrics import COLUMNS, Reference
from anonbench.evaluation.retrieval.scoring.rows import Block

if TYPE_CHECKING:
    from anonbench.config import Retrieval


class Searched(Protocol):
    """A database of N unit vectors of D dimensions, ready to be searched."""

    size: int
    depth: int


class Engine(Protocol):
    """Scores blocks of queries. Vectors are unit vectors, float32, images in id order."""

    def database(self, units: np.ndarray, frame: Frame = COSINE) -> Searched:
        """Prepare a database [N, D]; all databases of an engine share one product buffer.

        Vectors of the database and of its queries are rows of the frame.
        """

    def slices(self, queries: int) -> list[slice]:
        """Divide this number of queries into blocks."""

    def reference(self, searched: Any, queries: np.ndarray, self_columns: np.ndarray) -> Reference:
        """Rank the reference's database for a block of queries.

        Args:
            searched: the reference's database, of `database`.
            queries: the same images as embedded for the reference [rows, D].
            self_columns: column of each query's own image in the database, int64 [rows].

        """

    def score(
        self,
        truth: Reference,
        searched: Any,
        queries: Sequence[np.ndarray],
        self_columns: np.ndarray,
    ) -> list[dict[str, np.ndarray]]:
        """Score a block of queries, of one kind or several, against the latest reference.

        Args:
            truth: for the same images, the latest result of `reference`.
            searched: a scenario's database, of `database`: the same N images.
            queries: by kind, the images as embedded by the scenario's model [rows, D].
            self_columns: as for the reference.

        Returns:
            For each kind a dictionary by `COLUMNS`, float64 [rows]; see `Measures.scores`.

        """


def make_engine(settings: Retrieval, k: int) -> Engine:
    """Make the engine that the settings name.

    Args:
        settings: of the scores; `block` queries are in memory at once, on `device`.
        k: relevant images of a query, of `anonbench.evaluation.retrieval.scoring.metrics.cutoff`.

    Raises:
        InputError: the settings name a GPU and torch finds none.

    """
    if settings.device == "cpu":
        from anonbench.evaluation.retrieval.scoring.on_cpu import CpuEngine

        return CpuEngine(settings, k)
    import torch

    from anonbench.evaluation.retrieval.scoring.on_gpu import TorchEngine

    if not torch.cuda.is_available():
        raise InputError(
            "retrieval.device is cuda, but torch finds no CUDA device here; "
            "set it to cpu, or run where there is a GPU"
        )
    return TorchEngine(settings, k, torch.device("cuda"))


Rows = Callable[[np.ndarray], np.ndarray]
"""From positions of images, int64 [M], to their vectors as rows of a frame, float32 [M, D]."""


@dataclass(frozen=True)
class Search:
    """A database, and the vectors of the queries that search it."""

    database: Searched
    queries: Sequence[Rows]
    """Of each kind of queries, by the position of a query's own image in the database."""


Scores = dict[str, np.ndarray]
"""By `COLUMNS`, float64: one score for each query."""


def score_block(
    engine: Engine,
    reference: Search,
    searches: Iterable[Search],
    self_columns: np.ndarray,
    block: Block,
) -> tuple[np.ndarray, np.ndarray, Iterator[list[Scores]]]:
    """Score one block of queries in several databases against the reference's ranking.

    Args:
        engine: that made the databases.
        reference: its database, with its vectors of the queries.
        searches: databases to score; they may be created one after the other.
        self_columns: position of each query's own image, int64 [Q].
        block: some of the queries, of `rows.blocks_of`.

    Returns:
        For each query of the block the expected nDCG of a random ranking, and that of a ranking
        that has the own image first (`Reference`); then its scores in each search, by kind of
        queries. Read the scores before the next block is scored.

    """
    columns = self_columns[block.queries][block.fill]
    (of_queries,) = reference.queries
    truth = engine.reference(reference.database, of_queries(columns), columns)

    def scored() -> Iterator[list[Scores]]:
        for search in searches:
            asked = [of_queries(columns) for of_queries in search.queries]
            found = engine.score(truth, search.database, asked, columns)
            yield [{name: each[name][block.rows] for name in COLUMNS} for each in found]

    return truth.chance[block.rows], truth.floor[block.rows], scored()
