"""Weighted k-nearest-neighbour classification, as DINOv2 evaluates its features.

Caron et al. 2021 (DINO), after Wu et al. 2018: cosine similarity s, the k nearest train images
vote for their class with weight exp(s / T). On equal votes the class that sorts first wins; on
equal similarities the image id decides who is among the k.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from anonbench.embeddings import Embeddings
from anonbench.progress import track
from anonbench.ranking import Order, Similarity, unit_rows

# similarities in memory at once: 256 MB, whatever the size of the train split
_BLOCK_VALUES = 1 << 26


def knn_predict(
    train: Embeddings,
    train_labels: np.ndarray,
    val: Embeddings,
    ks: Sequence[int],
    temperature: float,
) -> dict[int, np.ndarray]:
    """Predict the class of each validation image, for several k.

    Args:
        train: embeddings [N, D], in any order.
        train_labels: their classes [N].
        val: embeddings [M, D].
        ks: numbers of neighbours; one beyond N is capped at N.
        temperature: T, in units of cosine similarity.

    Returns:
        By k, the predicted classes [M].

    Raises:
        InputError: an embedding is zero.

    """
    order = sorted(range(len(train.ids)), key=train.ids.__getitem__)
    classes, codes = np.unique(train_labels[order], return_inverse=True)
    units = unit_rows(train, "train embeddings")
    if order != list(range(len(order))):
        units = units[order]
    queries = unit_rows(val, "validation embeddings")
    capped = {k: min(k, len(units)) for k in ks}
    widest = max(capped.values())

    nearest = Similarity(units, max(1, min(512, _BLOCK_VALUES // len(units))))
    votes = {k: np.empty(len(queries), dtype=np.int64) for k in ks}
    blocks = nearest.slices(len(queries))
    for block in track(blocks, len(blocks), "blocks of k-NN queries"):
        for row, similarity in enumerate(nearest(queries[block]), start=block.start):
            neighbours = Order(similarity).first(widest)
            close = similarity[neighbours].astype(np.float64)
            # relative to the nearest: the same ratios, and no overflow at a small T
            weights = np.exp((close - close[0]) / temperature)
            for k, count in capped.items():
                tally = np.bincount(codes[neighbours[:count]], weights[:count])
                votes[k][row] = tally.argmax()
    return {k: classes[found] for k, found in votes.items()}
