"""Weighted k-nearest-neighbour classification, as DINOv2 evaluates its features.

Caron et al. 2021 (DINO), after Wu et al. 2018: cosine similarity s, the k nearest train images vote
for their class with weight exp(s / T). On equal votes the class that sorts first wins. If equal
similarities leave open which images are among the k, the tied images share the remaining votes.
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from anonbench.core.numeric.similarity import Similarity, first, row_chunks, threads, unit_rows
from anonbench.core.progress import track
from anonbench.embedding.store import Embeddings

TEMPERATURE = 0.07
"""Of a neighbour's weight, exp(similarity / temperature)."""
# similarities in memory at once: half a GB against the paper's 320,000 train images
_BLOCK_VALUES = 1 << 26


def knn_predict(
    train: Embeddings,
    train_labels: np.ndarray,
    val: Embeddings,
    ks: Sequence[int],
    temperature: float = TEMPERATURE,
) -> dict[int, np.ndarray]:
    """Predict the class of each validation image, for several k.

    The result does not depend on the number of threads, set by OMP_NUM_THREADS.

    Args:
        train: embeddings [N, D], in any order.
        train_labels: their classes [N].
        val: embeddings [M, D].
        ks: numbers of neighbours; larger ones are capped at N.
        temperature: T, in units of cosine similarity.

    Returns:
        By k, the predicted classes [M].

    """
    order = sorted(range(len(train.ids)), key=train.ids.__getitem__)
    classes, codes = np.unique(train_labels[order], return_inverse=True)
    units = unit_rows(train.values)
    if order != list(range(len(order))):
        units = units[order]
    queries = unit_rows(val.values)
    capped = {k: min(k, len(units)) for k in ks}
    widest = max(capped.values())

    nearest = Similarity(units, max(1, min(512, _BLOCK_VALUES // len(units))))
    votes = {k: np.empty(len(queries), dtype=np.int64) for k in ks}

    def vote(similarities: np.ndarray, start: int, rows: range) -> None:
        for row in rows:
            neighbours = _first(similarities[row], widest)
            close = similarities[row, neighbours]
            # relative to the nearest: the same ratios, and no overflow at a small T
            weights = np.exp((close.astype(np.float64) - close[0]) / temperature)
            for k, count in capped.items():
                upto = int(np.searchsorted(-close, -close[count - 1], side="right"))
                voting = weights[:upto]
                if upto > count:
                    first = int(np.searchsorted(-close, -close[count - 1]))
                    voting = voting.copy()
                    voting[first:] *= (count - first) / (upto - first)
                tally = np.bincount(codes[neighbours[:upto]], voting)
                votes[k][start + row] = tally.argmax()

    blocks = nearest.slices(len(queries))
    workers = threads()
    with ThreadPoolExecutor(workers) as pool:
        for block in track(blocks, len(blocks), "blocks of k-NN queries"):
            found = nearest(queries[block])
            parts = row_chunks(len(found), workers)
            list(pool.map(lambda part: vote(found, block.start, part), parts))  # noqa: B023
    return {k: classes[found] for k, found in votes.items()}


def _first(similarity: np.ndarray, k: int) -> np.ndarray:
    """Positions of the k highest similarities of [N], and of all ties with the k-th."""
    found = first(similarity, k)
    reached = int(np.count_nonzero(similarity >= similarity[found[-1]]))
    return found if reached == k else first(similarity, reached)
