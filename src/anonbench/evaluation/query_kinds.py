"""Comparison of original and anonymized queries, query by query and without their own images.

An anonymized query is a vector of the database and finds itself first, an original one need not. On
a small database this head start is larger than the difference that is asked for. So both kinds are
scored without own images (`retrieval.include_self: false`), in the relevant images and in the
ranking.
"""

from __future__ import annotations

import pandas as pd

from anonbench.config import Retrieval
from anonbench.core.errors import InputError
from anonbench.core.vocabulary import QueryKind
from anonbench.evaluation.retrieval.metrics import PER_QUERY
from anonbench.evaluation.significance import paired_t

COLUMNS = ["metric", "original", "anonymized", "difference", "low", "high", "p", "n"]
"""Columns of the comparison, one row a metric: means of both kinds, the mean of anonymized less
original with its interval and two-sided p-value, and the queries that both kinds answer."""


def without_own_images(settings: Retrieval) -> Retrieval:
    """Return the settings by which query kinds are scored to be compared."""
    return settings.model_copy(update={"include_self": False})


def compare_kinds(per_query: pd.DataFrame, settings: Retrieval, confidence: float) -> pd.DataFrame:
    """Return the paired comparison of a scenario's query kinds, columns `COLUMNS`.

    Args:
        per_query: scores of the scenario, columns id, query and those of `PER_QUERY`
            (`anonbench.evaluation.retrieval.scenario.score`).
        settings: by which they were scored.
        confidence: coverage of the intervals, as a share.

    Raises:
        InputError: own images counted, or a kind has no scores.

    """
    if settings.include_self:
        raise InputError(
            "query kinds are compared without own images: score with retrieval.include_self: false"
        )
    kinds = {
        kind.value: per_query[per_query["query"] == kind.value].set_index("id")
        for kind in QueryKind
    }
    if missing := [kind for kind, rows in kinds.items() if rows.empty]:
        raise InputError(f"there are no {missing[0]} queries to compare")
    rows = []
    for metric, column in PER_QUERY.items():
        both = pd.DataFrame({kind: table[column] for kind, table in kinds.items()}).dropna()
        anonymized = both[QueryKind.ANONYMIZED.value].to_numpy()
        original = both[QueryKind.ORIGINAL.value].to_numpy()
        tested = paired_t(anonymized, original, confidence)
        rows.append({"metric": metric} | both.mean().to_dict() | vars(tested))
    return pd.DataFrame(rows, columns=COLUMNS)
