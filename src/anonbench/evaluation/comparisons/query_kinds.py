"""Comparison of original and anonymized queries, query by query, without own images.

An anonymized query is a vector of the database and finds itself first; an original query need not.
On a small database this head start is larger than the difference of interest. Both kinds are
therefore scored without own images (`Retrieval.without_own_images`), which count neither as
relevant images nor in the ranking.
"""

from __future__ import annotations

import operator
from collections.abc import Hashable, Sequence
from functools import reduce
from pathlib import Path
from typing import Any

import pandas as pd

from anonbench.config.outputs import Scenario
from anonbench.core.errors import InputError
from anonbench.core.numeric.clusters import Estimate, clustered_mean
from anonbench.core.vocabulary import QueryKind
from anonbench.datasets.clusters import clusters_of
from anonbench.evaluation.decision import judge_families
from anonbench.evaluation.retrieval.scoring.metrics import PER_QUERY

COLUMNS = [
    "dataset",
    "degree",
    "method",
    "adaption",
    "metric",
    "original",
    "anonymized",
    "difference",
    "low",
    "high",
    "p",
    "p_holm",
    "p_equivalent",
    "verdict",
    "seeds",
    "n",
    "clusters",
    "reason",
]
"""Columns of the table. One row is one model on one variant: means of both query kinds, and the
mean of anonymized minus original with its interval, as shares. `p` is two-sided; `p_holm`,
`p_equivalent` and the `verdict` (on anonymized queries) are adjusted over all rows of a metric. A
query's scores are averaged over `seeds`; `n` queries in `clusters` clusters have scores of both
kinds; `reason` says why there is no interval, or is empty."""


def compare_kinds(
    dataset: str,
    scenarios: Sequence[Scenario],
    scores: Path,
    clusters: pd.Series,
    confidence: float,
    equivalence_margin: float,
) -> pd.DataFrame:
    """Return the paired comparisons of a data set's query kinds, columns `COLUMNS`.

    Args:
        dataset: its name.
        scenarios: on anonymized images; seeds of one model are averaged.
        scores: of each query without own images (Parquet), by scenario
            (`anonbench.evaluation.retrieval.stage.gather.gather_in_one_file`).
        clusters: of the images, by id (`anonbench.datasets.clusters.read_clusters`).
        confidence: of intervals and tests, as a share.
        equivalence_margin: largest difference that does not matter, as a share.

    Raises:
        InputError: a query has no cluster, or a scenario no queries of one kind.

    """
    rows: list[tuple[Hashable, dict[str, Any], Estimate]] = []
    for variant, model in dict.fromkeys((each.variant, each.model) for each in scenarios):
        runs = [each for each in scenarios if (each.variant, each.model) == (variant, model)]
        both = reduce(operator.add, (_by_kind(scores, run.path) for run in runs)) / len(runs)
        labels = clusters_of(both.index.to_series(), clusters)
        for metric, column in PER_QUERY.items():
            kinds = pd.DataFrame({kind.value: both[column, kind.value] for kind in QueryKind})
            difference = kinds[QueryKind.ANONYMIZED.value] - kinds[QueryKind.ORIGINAL.value]
            cells = {
                "dataset": dataset,
                "degree": variant.degree,
                "method": variant.method,
                "adaption": model.adaption.value,
                "metric": metric,
                "seeds": len(runs),
                **{str(kind): mean for kind, mean in kinds.dropna().mean().items()},
            }
            estimate = clustered_mean(difference.to_numpy(), labels, confidence)
            rows.append((metric, cells, estimate))
    rows.sort(key=lambda row: list(PER_QUERY).index(str(row[0])))
    table = [
        cells | judged.cells
        for cells, judged in judge_families(rows, equivalence_margin, confidence)
    ]
    return pd.DataFrame(table, columns=COLUMNS)


def _by_kind(scores: Path, scenario: str) -> pd.DataFrame:
    """Return a scenario's scores by id, columns (score, query kind); NaN where one is undefined."""
    columns = ["id", "query", *PER_QUERY.values()]
    table = pd.read_parquet(scores, columns=columns, filters=[("scenario", "==", scenario)])
    if missing := [kind for kind in QueryKind if kind.value not in set(table["query"])]:
        raise InputError(f"{scores}: {scenario} has no {missing[0]} queries to compare")
    return table.pivot(index="id", columns="query")
