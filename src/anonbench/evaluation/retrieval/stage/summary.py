"""Means of scores over queries, as written to a scenario's JSON."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from anonbench.config import Retrieval
from anonbench.core.provenance import versions
from anonbench.evaluation.retrieval.scoring import metrics
from anonbench.evaluation.retrieval.scoring.chance import levels
from anonbench.evaluation.retrieval.scoring.metrics import COLUMNS

MEANS = {"ap": "map", "ndcg": "mndcg"}
"""Name of a column's mean, if it differs from the column's name."""


Levels = dict[str, float | None]
"""Scores of a ranking without knowledge, by metric; None if undefined."""


def chance_levels(
    ndcg: np.ndarray, images: int, k: int, settings: Retrieval, own_first: bool = False
) -> Levels:
    """Score of a random ranking by metric; None if it is undefined.

    Args:
        ndcg: expected nDCG of each query [Q]; NaN if it is undefined or the query is not scored.
        images: images in the database.
        k: relevant images of a query.
        settings: of the scores.
        own_first: whether the query's own image always comes first.

    """
    settings = metrics.effective_settings(images, settings)
    return levels(images, k, settings, own_first) | {"mndcg": mean(ndcg)}


def summarize(
    table: pd.DataFrame,
    images: int,
    chance: Levels,
    floor: Mapping[str, Levels],
    settings: Retrieval,
) -> dict[str, Any]:
    """Means of a scenario by query kind, with the numbers and settings behind them.

    Args:
        table: columns query and `metrics.COLUMNS`, one row a query and kind.
        images: images in the database.
        chance: of `chance_levels`, for a random ranking.
        floor: by query kind, the scores of a ranking without knowledge: chance, or chance with the
            own image first if the query is the database's own vector.
        settings: of the scores.

    """
    settings = metrics.effective_settings(images, settings)
    return {
        "images": images,
        "k": metrics.cutoff(images, settings),
        "top": metrics.top(images, settings),
        "queries": {
            str(kind): {MEANS.get(column, column): mean(rows[column]) for column in COLUMNS}
            | {"n": len(rows), "undefined_ndcg": int(rows["ndcg"].isna().sum())}
            for kind, rows in table.groupby("query")
        },
        "chance": chance,
        "floor": dict(floor),
        "settings": settings.effective(),
        "versions": versions("numpy", *(["torch"] if settings.device == "cuda" else [])),
    }


def mean(values: pd.Series | np.ndarray) -> float | None:
    """Mean of the defined values; None if there are none (JSON has no NaN)."""
    defined = np.asarray(values, dtype=np.float64)
    defined = defined[~np.isnan(defined)]
    return float(defined.mean()) if len(defined) else None
