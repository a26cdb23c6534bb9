"""Scores of all variants in memory, their comparisons, and which method keeps most."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from anonbench.config import Presentation, Retrieval
from anonbench.core.vocabulary import UNADAPTED, QueryKind, Variant
from anonbench.core.whole_table import WholeTable
from anonbench.embedding.store import Embeddings
from anonbench.evaluation.comparisons.best import collect_best
from anonbench.evaluation.comparisons.columns import Column, retrieval_columns
from anonbench.evaluation.comparisons.pairwise import compare_methods
from anonbench.evaluation.decision import Judging
from anonbench.evaluation.retrieval.scoring import metrics
from anonbench.evaluation.retrieval.stage.scenario import score_scenario
from anonbench.evaluation.scores import retrieval_scores

COLUMNS = [
    *("degree", "method", "query", "metric", "value", "low", "high", "se", "n"),
    *("clusters", "k", "chance", "floor", "reason"),
]
"""Columns of the scores, as in the pipeline's `scores.csv` (`anonbench.evaluation.scores`)."""
COMPARED = [
    *("degree", "query", "metric", "a", "b", "difference", "low", "high"),
    *("p_holm", "p_equivalent", "verdict", "n", "clusters", "reason"),
]
"""Columns of the paired tests of methods (`anonbench.evaluation.comparisons.pairwise`)."""

METRIC = "map"
"""Metric by which methods are chosen."""


@dataclass(frozen=True)
class Scored:
    """Scores of all variants."""

    table: pd.DataFrame = field(repr=False)
    """Scores, a row for each degree, method, query kind and metric; shares. Columns
    `anonbench.evaluation.end_to_end.scored.COLUMNS`."""
    per_query: pd.DataFrame = field(repr=False)
    """Scores of each query: columns variant, id, query (kind), ap, ndcg, …"""
    comparisons: pd.DataFrame = field(repr=False)
    """Paired tests of methods, columns `anonbench.evaluation.end_to_end.scored.COMPARED`."""
    best: pd.DataFrame = field(repr=False)
    """Which methods keep most, by `METRIC` (`anonbench.evaluation.comparisons.best.COLUMNS`)."""
    k: int = field(repr=False)
    """Relevant images of a query."""
    settings: Retrieval = field(repr=False)
    """Settings of the scores: own images do not count if k is below 5."""
    asked: Retrieval = field(repr=False)
    """The given settings."""


def score_variants(
    vectors: Mapping[Variant, Embeddings],
    clusters: pd.Series,
    retrieval: Retrieval,
    presentation: Presentation,
) -> Scored:
    """Score every variant against the ranking of the originals, with both query kinds.

    Args:
        vectors: of the originals (`Variant()`) and of each variant, the same ids.
        retrieval: settings of the scores.
        presentation: confidence, margin and resamples of intervals, tests and choices.

    Raises:
        InputError: there are too few images, or an original's vector is zero.

    """
    originals = vectors[Variant()]
    images = len(originals.ids)
    settings = metrics.effective_settings(images, retrieval)
    k, top = metrics.cutoff(images, settings), metrics.top(images, settings)
    rows: list[dict[str, Any]] = []
    tables: list[pd.DataFrame] = []
    columns: list[Column] = []
    for variant, anonymized in vectors.items():
        if variant == Variant():
            continue
        queries = {QueryKind.ORIGINAL.value: originals, QueryKind.ANONYMIZED.value: anonymized}
        found = score_scenario(originals, queries, anonymized, retrieval)
        # an anonymized query is the database's own vector, and finds itself unless longer ones
        # come before it
        finds_itself = originals.similarity != "inner"
        floor = {
            QueryKind.ORIGINAL.value: found.chance,
            QueryKind.ANONYMIZED.value: found.floor if finds_itself else found.chance,
        }
        summary = {"k": k, "top": top, "chance": found.chance, "floor": floor}
        key = {"degree": variant.degree, "method": variant.method}
        scores = retrieval_scores(found.table, summary, clusters, presentation.confidence)
        rows += [
            key | {"query": query, "metric": metric} | entries
            for query, metric, entries, _ in scores
        ]
        tables.append(found.table.assign(variant=str(variant)))
        by_id = found.table.set_index(["query", "id"]).sort_index()
        columns += retrieval_columns(variant, {UNADAPTED: by_id})
    table = pd.DataFrame(rows)[COLUMNS].astype({"clusters": "Int64", "k": "Int64"})
    table[["chance", "floor"]] = table[["chance", "floor"]].astype(np.float64)
    per_query = pd.concat(tables, ignore_index=True)
    per_query.insert(0, "variant", per_query.pop("variant"))
    judging = Judging(clusters, presentation.confidence, presentation.equivalence_margin)
    compared = compare_methods("", columns, judging).reindex(columns=COMPARED)
    chosen = [column for column in columns if column.metric == METRIC]
    best = collect_best("", chosen, (), judging, presentation.bootstrap)
    best = best[best["scope"] == "choices"].reset_index(drop=True)
    return Scored(WholeTable(table), per_query, compared, best, k, settings, retrieval)
