"""Transformed vectors whose product is their similarity: cosine, inner product or distance.

docs/reference/systems.md (Similarity) has the formulas. Gains of nDCG are similarities of the
reference, so their scale must not depend on the vectors' unit: it is the largest norm of the
reference's originals, or their largest distance from their mean. By an inner product, images with
long vectors may rank before a query's own image; a ranking without knowledge is then not assumed to
begin with it (`floor` is `chance`).
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Literal

import numpy as np

from anonbench.core.errors import InputError
from anonbench.core.numeric.similarity import unit_rows

Similarity = Literal["cosine", "inner", "euclidean"]
_FARTHEST = 200.0
"""Greatest length of a scaled vector: half its square has an error of 0.001 in float32."""


@dataclass(frozen=True)
class SharedScale:
    """Comparison of vectors, with the centre and scale shared by all of a data set."""

    similarity: Similarity = "cosine"
    centre: np.ndarray | None = None  # float64 [D]; none for a cosine or an inner product
    scale: float = 1.0

    def suits(self, similarity: str, width: int) -> bool:
        """Whether vectors of this similarity and dimension can be compared in this frame."""
        return similarity == self.similarity and (self.centre is None or len(self.centre) == width)

    def rows(self, values: np.ndarray) -> np.ndarray:
        """Vectors [N, D] as rows of a database, float32 [N, D], or [N, D + 2] for distances.

        A zero vector stays zero by cosine. Raises InputError if, by Euclidean distance, vectors are
        so far away that float32 is too coarse.
        """
        if self.similarity == "cosine":
            return unit_rows(values)

        shifted = values.astype(np.float64)
        if self.centre is not None:
            shifted -= self.centre
        shifted /= self.scale
        if self.similarity == "inner":
            return shifted.astype(np.float32)
        # the product of (v, 1, h) and (w, i, 1) is v · w + h + i = 1 - |v - w|² / 2
        halves = 0.5 - np.square(shifted).sum(axis=1, keepdims=True) / 2
        if (farthest := float(np.sqrt(1 - 2 * halves.min(initial=0.5)))) > _FARTHEST:
            raise InputError(
                f"similarity euclidean: vectors lie {farthest:,.0f} times as far from the mean of "
                "the originals as any original: float32 loses the order of such distances; give "
                "vectors of one scale, or use cosine"
            )
        return np.concatenate([shifted, halves, np.ones_like(halves)], axis=1, dtype=np.float32)

    def queries(self, rows: np.ndarray) -> np.ndarray:
        """Rows of a database as queries: products with rows are then similarities."""
        if self.similarity != "euclidean":
            return rows
        width = rows.shape[-1]
        return rows[..., [*range(width - 2), width - 1, width - 2]]


COSINE = SharedScale()


def shared_scale(similarity: str, parts: Callable[[], Iterable[np.ndarray]]) -> SharedScale:
    """Frame of a reference's originals; ValueError if there is no such similarity.

    `parts` gives all its vectors in parts, float [n, D] each, each time that it is called.
    """
    if similarity == "cosine":
        return COSINE
    if similarity not in ("inner", "euclidean"):
        raise ValueError(f"no similarity is called {similarity!r}")
    centre = None
    if similarity == "euclidean":
        total, count = np.zeros(1), 0
        for part in parts():
            total, count = total + part.astype(np.float64).sum(axis=0), count + len(part)
        centre = total / max(1, count)
    largest = 0.0
    for part in parts():
        values = part.astype(np.float64) - (0.0 if centre is None else centre)
        largest = max(largest, float(np.square(values).sum(axis=1).max(initial=0.0)))
    return SharedScale(similarity, centre, largest**0.5 or 1.0)  # type: ignore[arg-type]
