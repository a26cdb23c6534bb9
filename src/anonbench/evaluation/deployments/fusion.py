"""Fusion of two models' rankings of one database: by similarities, or by ranks.

Weights are set beforehand: chosen on the images that are evaluated, they would flatter the fusion.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from anonbench.core.numeric.similarity import Room, Similarity

RANK_CONSTANT = 60.0
"""Of reciprocal rank fusion (Cormack, Clarke and Büttcher 2009)."""


def fused_queries(
    queries: Sequence[np.ndarray], databases: Sequence[np.ndarray], weights: Sequence[float]
) -> np.ndarray:
    """Return queries whose products with the databases side by side rank as fused similarities.

    A model's similarities to a query are brought to mean 0 and variance 1 over the database
    (Montague and Aslam 2001, "Relevance score normalization for metasearch", CIKM, pp. 427-433),
    and their weighted sum ranks. The means move all images alike; so a query is divided by the
    deviation of its similarities, q'Cq for the covariance C of the database.

    Args:
        queries: by each model, unit vectors, float32 [Q, D_m].
        databases: by each model, unit vectors, float32 [N, D_m].
        weights: of each model, above 0.

    Returns:
        float32 [Q, ΣD_m]; zeros for a model to whose query all images are equally similar.

    """
    parts = []
    for asked, searched, weight in zip(queries, databases, weights, strict=True):
        centred = searched.astype(np.float64) - searched.mean(axis=0, dtype=np.float64)
        covariance = centred.T @ centred / len(searched)
        units = asked.astype(np.float64)
        deviation = np.sqrt(np.maximum(((units @ covariance) * units).sum(axis=1), 0.0))
        known = deviation > 1e-9
        scale = np.where(known, weight / np.where(known, deviation, 1.0), 0.0)
        parts.append(units * scale[:, None])
    return np.asarray(np.concatenate(parts, axis=1), dtype=np.float32)


class ReciprocalRanks:
    """A database that is searched by two models and ranked by their reciprocal ranks.

    Σ_m w_m / (60 + r_m) for the rank r_m by each model (Cormack, Clarke and Büttcher 2009,
    "Reciprocal rank fusion outperforms Condorcet and individual rank learning methods", SIGIR, pp.
    758-759). For `anonbench.evaluation.retrieval.scoring.on_cpu.CpuEngine`, one query kind at a
    time.
    """

    def __init__(
        self,
        databases: Sequence[Similarity],
        weights: Sequence[float],
        left_out: np.ndarray | None = None,
    ) -> None:
        """Take the database by each model.

        Args:
            databases: of the same N images.
            weights: of each model.
            left_out: column of the image that each query does not rank (its own), int64 [rows].

        """
        self._databases, self._weights, self._left_out = databases, weights, left_out
        self.size = databases[0].size
        self.depth = sum(database.depth for database in databases)

    def __call__(self, queries: np.ndarray, room: Room) -> np.ndarray:
        """Return numbers that rank the images, float32 [rows, N]: whole ones, the first is N.

        Args:
            queries: by each model, side by side, float32 [rows, ΣD_m].
            room: memory for the result.

        """
        rows, every = len(queries), np.arange(self.size)
        total = np.zeros((rows, self.size))
        start = 0
        for database, weight in zip(self._databases, self._weights, strict=True):
            found = database(queries[:, start : start + database.depth])
            start += database.depth
            if self._left_out is not None:
                found[np.arange(rows), self._left_out] = -np.inf
            given = weight / (RANK_CONSTANT + 1.0 + every)
            for row in range(rows):
                order = np.argsort(-found[row], kind="stable")
                starts, sizes = _equal(found[row, order])
                # equal images have each of their ranks as often
                total[row, order] += np.repeat(np.add.reduceat(given, starts) / sizes, sizes)
        result = room.take(rows, self.size)
        for row in range(rows):
            order = np.argsort(-total[row], kind="stable")
            result[row, order] = self.size - np.repeat(*_equal(total[row, order]))
        return result


def _equal(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Starts and lengths of runs of equal values."""
    starts = np.flatnonzero(np.concatenate([[True], values[1:] != values[:-1]]))
    return starts, np.diff(starts, append=len(values))
