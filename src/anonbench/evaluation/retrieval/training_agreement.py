"""Agreement of all trainings of a data set: rankings of originals judged by each other.

It estimates how much of a ranking another training keeps on the same original images: with another
seed, with anonymized crops, or with both. Trainings of one seed share initial weights and batches.
"""

from collections.abc import Sequence
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd

from anonbench.config import Retrieval
from anonbench.core.errors import InputError
from anonbench.core.io import read_csv
from anonbench.core.numeric.clusters import clustered_mean
from anonbench.core.numeric.similarity import blocks
from anonbench.core.progress import quiet, track
from anonbench.core.vocabulary import Model
from anonbench.datasets.clusters import clusters_of
from anonbench.evaluation.retrieval.scoring.engine import Engine, Search, draw, score_all
from anonbench.evaluation.retrieval.scoring.metrics import COLUMNS as SCORES
from anonbench.evaluation.retrieval.scoring.metrics import effective_settings
from anonbench.evaluation.retrieval.vectors import look_through

COLUMNS = [
    *("dataset", "reference", "reference_seed", "model", "seed", "value", "low"),
    *("high", "n", "clusters", "reason"),
]
"""Columns of the table. One row is one training judged by another: `value` is mAP, as a share, of
the ranking of original images by `model` with `seed`, where the first k images of the ranking by
`reference` with `reference_seed` are relevant; its interval is over `n` queries in `clusters`
clusters. `reason` says why there is no interval, or is empty."""
MOST_QUERIES = 500  # more are a sample, drawn by a hash of their ids


def agreement_of_trainings(
    dataset: str,
    trainings: Sequence[tuple[Model, int]],
    originals: Sequence[Path],
    clusters: pd.Series,
    settings: Retrieval,
    confidence: float,
) -> pd.DataFrame:
    """Agreement of all ordered pairs of trainings, columns `COLUMNS`.

    AP is over the full ranking. The embeddings (`originals`, HDF5, one of each training) of as many
    trainings as `retrieval.memory_gb` holds are in memory, and those of one more. Raises InputError
    if ids do not agree, an original's vector is zero, one is not finite, or an image has no
    cluster.
    """
    if not originals:
        raise InputError(f"{dataset}: there are no trainings to compare")
    first = look_through(originals[0])
    vectors = [first, *(look_through(path, first.ids, first.frame) for path in originals[1:])]
    settings = effective_settings(len(first.ids), settings)
    settings = settings.model_copy(update={"ap_depth": "full"})
    queries = draw(first.ids, min(settings.queries or MOST_QUERIES, MOST_QUERIES))
    labels = clusters_of(pd.Series([first.ids[place] for place in queries.tolist()]), clusters)
    engine = Engine(settings, len(first.ids))
    numbers = range(len(trainings))

    def search(training: int) -> Search:
        units = vectors[training].units()
        asked = units[queries]
        database = engine.database(units, vectors[training].frame)
        return Search(database, [lambda own: asked[np.searchsorted(queries, own)]])

    found: dict[tuple[int, int], np.ndarray] = {}
    widest = max(each.width for each in vectors)
    at_once = max(1, int(settings.memory_gb * 1e9) // (4 * len(first.ids) * widest))
    for part in blocks(len(trainings), at_once):
        held = {each: search(each) for each in numbers[part]}
        for judge in track(numbers, len(numbers), "trainings"):
            judged = [each for each in held if each != judge]
            makers = [partial(held.__getitem__, each) for each in judged]
            with quiet():
                *_, scored = score_all(engine, held.get(judge) or search(judge), makers, queries)
            for each, (scores,) in zip(judged, scored, strict=True):
                found[judge, each] = scores[SCORES.index("ap")].copy()  # not the other scores
        del held, makers  # free memory before reading others
    rows = [
        {
            **{"dataset": dataset, "model": str(trainings[each][0]), "seed": trainings[each][1]},
            **{"reference": str(trainings[judge][0]), "reference_seed": trainings[judge][1]},
            **vars(clustered_mean(scores, labels, confidence)),
        }
        for (judge, each), scores in sorted(found.items(), key=lambda item: item[0])
    ]
    return pd.DataFrame(rows, columns=COLUMNS)


read_agreement = partial(read_csv, columns=COLUMNS)
