"""Similarities of blocks of queries, ranked and scored: by NumPy (`on_cpu`) or torch (`on_gpu`).

An engine holds the databases of several scenarios. For a block of queries the reference is ranked
once, and every scenario is scored against it; no N x N matrix exists.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from anonbench.core.errors import InputError
from anonbench.core.numeric.frames import COSINE, Frame
from anonbench.evaluation.retrieval.scoring.metrics import COLUMNS
from anonbench.evaluation.retrieval.scoring.reference import Reference

if TYPE_CHECKING:
    from anonbench.config import Retrieval

__all__ = ["COLUMNS", "Engine", "Reference", "Searched", "make_engine"]


class Searched(Protocol):
    """A database of N unit vectors of D dimensions, ready to be searched."""

    size: int
    depth: int


class Engine(Protocol):
    """Scores blocks of queries. Vectors are unit vectors, float32, images in id order."""

    def database(self, units: np.ndarray, frame: Frame = COSINE) -> Searched:
        """Prepare a database [N, D]; all databases of an engine share the room for products.

        Its vectors, and those of its queries, are rows of the frame.
        """

    def slices(self, queries: int) -> list[slice]:
        """Return the blocks of so many queries."""

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
            truth: of the same images, the last that `reference` returned.
            searched: a scenario's database, of `database`: the same N images.
            queries: of each kind, the images as the scenario's model embeds them [rows, D].
            self_columns: as for the reference.

        Returns:
            For each kind by `COLUMNS`, float64 [rows]; see `Measures.scores`.

        """


def make_engine(settings: Retrieval, k: int) -> Engine:
    """Return the engine that the settings name.

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
