"""One scenario: a model and a variant, scored against the reference ranking.

Query blocks are outermost and every query kind is scored inside, so that the reference
similarities of a block are computed once; no N × N matrix exists.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from anonbench.config import Retrieval
from anonbench.embeddings import Embeddings, read_embeddings
from anonbench.errors import InputError
from anonbench.files import write_json, write_parquet
from anonbench.progress import track
from anonbench.provenance import versions
from anonbench.ranking import Similarity, unit_rows
from anonbench.retrieval import metrics
from anonbench.vocabulary import QueryKind


@dataclass(frozen=True)
class Scores:
    """What a scenario gives."""

    table: pd.DataFrame
    """One row for each query and query kind: id, query, ap, ndcg, sorted by kind and id."""
    images: int
    k: int
    chance: dict[str, float | None]
    """Mean AP (`map`) and nDCG (`mndcg`) of a random ranking."""


def score(
    reference: Embeddings,
    queries: Mapping[str, Embeddings],
    database: Embeddings,
    settings: Retrieval,
) -> Scores:
    """Score queries of one or more kinds against one database.

    Args:
        reference: the unadapted model's embeddings of the original images.
        queries: the model's embeddings of the query images, by query kind.
        database: the same model's embeddings of the images that are searched.
        settings: k, gains, depth and block size.

    Raises:
        InputError: ids or dimensions do not agree, an embedding is zero, or k is 0.

    """
    ids = sorted(reference.ids)
    k = metrics.cutoff(len(ids), settings)
    truth = _prepare(reference, ids, "reference")
    searched = _prepare(database, ids, "database")
    asked = {kind: _prepare(given, ids, f"{kind} queries") for kind, given in queries.items()}
    for kind, units in asked.items():
        if units.shape[1] != searched.shape[1]:
            raise InputError(
                f"{kind} queries have {units.shape[1]} dimensions, the database has "
                f"{searched.shape[1]}: embed both with the same model"
            )

    to_reference = Similarity(truth, settings.block)
    to_database = Similarity(searched, settings.block)
    results = {kind: np.empty((2, len(ids))) for kind in asked}
    chance = np.empty(len(ids))
    blocks = to_reference.slices(len(ids))
    for block in track(blocks, len(blocks), "blocks of queries"):
        similarity = to_reference(truth[block])
        if not settings.include_self:
            metrics.exclude_own(similarity, block.start)
        ranking = metrics.reference(similarity, k, block.start, settings)
        chance[block] = ranking.chance
        for kind, units in asked.items():
            similarity = to_database(units[block])
            if not settings.include_self:
                metrics.exclude_own(similarity, block.start)
            results[kind][:, block] = metrics.score(ranking, similarity, settings)

    tables = [
        pd.DataFrame({"id": ids, "query": str(kind), "ap": ap, "ndcg": ndcg})
        for kind, (ap, ndcg) in sorted(results.items())
    ]
    levels: dict[str, float | None] = {
        "map": metrics.chance_ap(len(ids), k, settings),
        "mndcg": _mean(chance),
    }
    return Scores(pd.concat(tables, ignore_index=True), len(ids), k, levels)


def score_scenario(
    reference: Embeddings, queries: Embeddings, database: Embeddings, settings: Retrieval
) -> pd.DataFrame:
    """Return id, ap and ndcg of each query, sorted by id; see `score` for the arguments."""
    table = score(reference, {"queries": queries}, database, settings).table
    return table.drop(columns="query")


def write_scenario(
    reference: Path,
    original_queries: Path,
    anonymized: Path,
    settings: Retrieval,
    per_query: Path,
    summary: Path,
) -> None:
    """Score a model on a variant with both query kinds.

    Args:
        reference: embeddings of the originals by the unadapted model (HDF5).
        original_queries: embeddings of the originals by the scenario's model.
        anonymized: embeddings of the variant by the scenario's model: anonymized queries, and
            the database.
        settings: section `retrieval` of the config.
        per_query: Parquet that is written: id, query, ap, ndcg.
        summary: JSON that is written: means, chance level, n, k, settings, versions.

    Raises:
        InputError: as `score`.

    """
    database = read_embeddings(anonymized)
    queries = {
        QueryKind.ORIGINAL.value: read_embeddings(original_queries),
        QueryKind.ANONYMIZED.value: database,
    }
    scores = score(read_embeddings(reference), queries, database, settings)
    write_parquet(scores.table, per_query)
    write_json(
        summary,
        {
            "images": scores.images,
            "k": scores.k,
            "queries": {
                str(kind): {
                    "map": _mean(rows["ap"]),
                    "mndcg": _mean(rows["ndcg"]),
                    "n": len(rows),
                    "undefined_ndcg": int(rows["ndcg"].isna().sum()),
                }
                for kind, rows in scores.table.groupby("query")
            },
            "chance": scores.chance,
            # the block is left out: it changes memory and nothing else
            "settings": settings.model_dump(mode="json", exclude={"block"}),
            "versions": versions("numpy"),
        },
    )


def _prepare(given: Embeddings, ids: Sequence[str], what: str) -> np.ndarray:
    """Return unit vectors in the order of the sorted reference ids."""
    if len(set(given.ids)) < len(given.ids):
        twice = pd.Series(given.ids)
        raise InputError(f"{what}: the id {twice[twice.duplicated()].iloc[0]!r} is there twice")
    order = sorted(range(len(given.ids)), key=given.ids.__getitem__)
    if [given.ids[i] for i in order] != list(ids):
        raise InputError(f"{what}: {_difference(set(given.ids), set(ids))}")
    units = unit_rows(given, what)
    return units if order == list(range(len(order))) else units[order]


def _difference(given: set[str], expected: set[str]) -> str:
    parts = [
        f"{len(ids)} ids {verb}, such as {min(ids)!r}"
        for ids, verb in (
            (given - expected, "are not in the reference"),
            (expected - given, "of the reference are missing"),
        )
        if ids
    ]
    return "; ".join(parts) + "; embed the same images for all"


def _mean(values: pd.Series | np.ndarray) -> float | None:
    """Return the mean of the defined values; None where there are none (JSON has no NaN)."""
    defined = np.asarray(values)[~np.isnan(values)]
    return float(defined.mean()) if len(defined) else None
