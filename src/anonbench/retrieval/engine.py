"""Similarities of blocks of queries, ranked and scored: by NumPy (`on_cpu`) or torch (`on_gpu`).

An engine holds the databases of several scenarios. For a block of queries the reference is ranked
once, and every scenario is scored against it; no N x N matrix exists.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from anonbench.errors import InputError
from anonbench.retrieval.metrics import COLUMNS, Measures

if TYPE_CHECKING:
    from anonbench.config import Retrieval

__all__ = ["COLUMNS", "Engine", "Reference", "Searched", "make_engine"]


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
        self, truth: Reference, searched: Any, queries: Sequence[np.ndarray], own: np.ndarray
    ) -> list[dict[str, np.ndarray]]:
        """Score a block of queries, of one kind or several, against the latest reference.

        Args:
            truth: of the same images, the last that `reference` returned.
            searched: a scenario's database, of `database`: the same N images.
            queries: of each kind, the images as the scenario's model embeds them [rows, D].
            own: as for the reference.

        Returns:
            For each kind by `COLUMNS`, float64 [rows]; see `Measures.scores`.

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
        from anonbench.retrieval.on_cpu import CpuEngine

        return CpuEngine(settings, k)
    import torch

    from anonbench.retrieval.on_gpu import TorchEngine

    if not torch.cuda.is_available():
        raise InputError(
            "retrieval.device is cuda, but torch finds no CUDA device here; "
            "set it to cpu, or run where there is a GPU"
        )
    return TorchEngine(settings, k, torch.device("cuda"))
