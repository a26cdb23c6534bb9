"""Agreement of all trainings of a data set: rankings of originals judged by each other.

It estimates how much of a ranking another training keeps on the same original images: with another
seed, with anonymized crops, or with both. Anonymized images are not used. Trainings that share a
seed share their initial weights and their batches.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from anonbench.config import Retrieval
from anonbench.core.errors import InputError
from anonbench.core.io import read_csv
from anonbench.core.numeric.clusters import clustered_mean
from anonbench.core.numeric.seeding import rng
from anonbench.core.progress import track
from anonbench.core.vocabulary import Model
from anonbench.datasets.clusters import clusters_of
from anonbench.evaluation.retrieval.neighbours import ranked
from anonbench.evaluation.retrieval.scoring.metrics import cutoff, effective_settings
from anonbench.evaluation.retrieval.scoring.rows import draw
from anonbench.evaluation.retrieval.vectors import look_through

COLUMNS = [
    "dataset",
    "reference",
    "reference_seed",
    "model",
    "seed",
    "value",
    "low",
    "high",
    "n",
    "clusters",
    "reason",
]
"""Columns of the table. One row is one training judged by another: `value` is mAP, as a share, of
the ranking of original images by `model` with `seed`, where the first k images of the ranking by
`reference` with `reference_seed` are relevant; its interval is over `n` queries in `clusters`
clusters. `reason` says why there is no interval, or is empty."""
MOST_QUERIES = 500
"""More are a sample, drawn by a hash of their ids: the table has a row for each pair."""


def agreement_of_trainings(
    dataset: str,
    trainings: Sequence[tuple[Model, int]],
    originals: Sequence[Path],
    clusters: pd.Series,
    settings: Retrieval,
    confidence: float,
) -> pd.DataFrame:
    """Agreement of all ordered pairs of trainings, columns `COLUMNS`.

    AP is over the full ranking; equal similarities are ranked by id. Embeddings are in memory for
    one training at a time, rankings of the queries for all trainings.

    Args:
        dataset: its name.
        trainings: models with their seeds.
        originals: each one's embeddings of the original images (HDF5).
        clusters: of the images, by id (`anonbench.datasets.clusters.read_clusters`).
        settings: section `retrieval` of the config.
        confidence: coverage of the intervals, as a share.

    Raises:
        InputError: ids do not agree, an original's vector is zero, one is not finite, or an image
            has no cluster.

    """
    if not originals:
        raise InputError(f"{dataset}: there are no trainings to compare")
    ids = look_through(originals[0]).ids
    settings = effective_settings(len(ids), settings)
    queries = draw(ids, min(settings.queries or MOST_QUERIES, MOST_QUERIES))
    k = cutoff(len(ids), settings)
    ranks = np.stack(
        [
            _ranks(path, ids, queries, settings, number)
            for number, path in enumerate(track(originals, len(originals), "trainings"))
        ]
    )
    labels = clusters_of(pd.Series([ids[place] for place in queries.tolist()]), clusters)
    rows: list[dict[str, Any]] = []
    for judge, (reference, reference_seed) in enumerate(trainings):
        # a copy: a view would keep the whole order in memory
        relevant = np.argsort(ranks[judge], axis=1, kind="stable")[:, :k].copy()
        for judged, (model, seed) in enumerate(trainings):
            if judged == judge:
                continue
            found = clustered_mean(_precision(ranks[judged], relevant), labels, confidence)
            rows.append(
                {
                    "dataset": dataset,
                    "reference": str(reference),
                    "reference_seed": reference_seed,
                    "model": str(model),
                    "seed": seed,
                    **vars(found),
                }
            )
    return pd.DataFrame(rows, columns=COLUMNS)


def read_agreement(path: Path) -> pd.DataFrame:
    """Read the agreement of trainings.

    Raises:
        InputError: a column is missing.

    """
    return read_csv(path, COLUMNS)


def _ranks(
    path: Path, ids: Sequence[str], queries: np.ndarray, settings: Retrieval, training: int
) -> np.ndarray:
    """Rank of each image for each query, from 0, int32 [Q, N]; own images last.

    Equal images come in a random order that differs between trainings.
    """
    drawn = np.arange(len(ids))
    if settings.ties == "mean":
        drawn = rng("ties", training).permutation(drawn)
    units = look_through(path, ids).units()
    own = None if settings.include_self else np.argsort(drawn)[queries]
    orders = ranked(units[queries], units[drawn], own)
    order = drawn[np.concatenate([order for order, _ in orders])]
    ranks = np.empty(order.shape, dtype=np.int32)
    np.put_along_axis(ranks, order, np.arange(len(ids), dtype=np.int32)[None], axis=1)
    return ranks


def _precision(ranks: np.ndarray, relevant: np.ndarray) -> np.ndarray:
    """Return AP of each query, [Q], from ranks [Q, N] and the relevant images [Q, k]."""
    found = np.sort(np.take_along_axis(ranks, relevant, axis=1), axis=1) + 1.0
    return np.asarray((np.arange(1, relevant.shape[1] + 1) / found).mean(axis=1))
