"""Contents of a retrieval gallery: a few queries, the reference's results and two scenarios'."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from anonbench.core.vocabulary import Adaption, Model, QueryKind, Variant
from anonbench.embedding.store import read_embeddings
from anonbench.evaluation.retrieval.neighbours import Rankings, draw_queries, rank, read_some
from anonbench.reporting.figures.examples import Images
from anonbench.reporting.figures.gallery import GalleryRow, Result
from anonbench.reporting.labels import ADAPTIONS, METHODS

QUERIES = 3
RESULTS = 10


@dataclass(frozen=True)
class Database:
    """A model on a variant, and where its embeddings are (HDF5)."""

    model: Model
    variant: Variant
    path: Path


def best_adapted(scores: pd.DataFrame, databases: Sequence[Database]) -> Database | None:
    """Return the adapted model with the highest mAP for anonymized queries, of those given.

    Args:
        scores: tidy scores (`anonbench.reporting.summary.read_scores`); means over seeds count.
        databases: what there is to choose from; the first one wins a tie.

    """
    rows = scores[(scores["metric"] == "map") & (scores["query"] == QueryKind.ANONYMIZED.value)]
    means = rows.groupby(["adaption", "method", "degree"])["value"].mean().to_dict()

    def value(database: Database) -> float:
        variant = database.variant
        found = means.get((str(database.model.adaption), str(variant.method), variant.degree))
        return float("-inf") if found is None else float(found)

    adapted = [d for d in databases if d.model.adaption is not Adaption.UNADAPTED]
    return max(adapted, key=value, default=None)


def gallery_rows(
    scores: pd.DataFrame,
    reference: Path,
    databases: Sequence[Database],
    images: Mapping[Variant, Images],
) -> list[list[GalleryRow]]:
    """Return the rows of each query: the reference, the unadapted model, the best adapted one.

    Queries and database of the two scenarios are anonymized, in the best adapted model's variant
    (without an adapted model, the first one given). A query's own image is left out of its results:
    it is the first of nearly all, and tells nothing. The reference's results, and its queries, are
    shown as originals only where these are given.

    Args:
        scores: tidy scores.
        reference: embeddings of the originals by the unadapted model.
        databases: embeddings of anonymized images, the unadapted model on each variant among them.
        images: by variant; the original ones only where they may be seen.

    Raises:
        InputError: as `anonbench.evaluation.retrieval.neighbours.rank`.

    """
    best = best_adapted(scores, databases)
    variant = (best or databases[0]).variant
    unadapted = next(d for d in databases if d.model == Model() and d.variant == variant)
    ids = sorted(read_embeddings(reference).ids)
    queries = draw_queries(ids, QUERIES)
    truth = rank(read_some(reference, queries), reference, ids, include_self=False)
    found = [
        (database, rank(read_some(database.path, queries), database.path, ids, include_self=False))
        for database in (unadapted, best)
        if database is not None
    ]
    shown = images.get(Variant(), images[variant])

    def row(number: int, name: str, rankings: Rankings, pictures: Images) -> GalleryRow:
        places = rankings.first(number, RESULTS)
        ranks = truth.ranks(number)
        results = [Result(pictures.read(ids[at]), int(ranks[at])) for at in places]
        return GalleryRow(name, pictures.read(queries[number]), results, rankings is truth)

    return [
        [
            row(number, "Reference", truth, shown),
            *(
                row(number, _name(database), rankings, images[variant])
                for database, rankings in found
            ),
        ]
        for number in range(len(queries))
    ]


def _name(database: Database) -> str:
    method = METHODS[str(database.variant.method)]
    return f"{ADAPTIONS[str(database.model.adaption)]}\n{method} {database.variant.degree} %"
