"""Agreement between systems on the order of methods."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import combinations

import numpy as np
import pandas as pd
from scipy import stats

from anonbench.core.vocabulary import UNADAPTED

COLUMNS = ["query", "metric", "a", "b", "methods", "tau", "pairs", "clear", "agree"]
VALUES = ["system", "query", "metric", "method", "value", "low", "high", "n", "clusters", "reason"]
_METRICS = ("map", "mndcg")


def values_of(scores: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """Retrieval quality of each system under each method.

    Args:
        scores: tidy scores (`anonbench.reporting.summary.read_scores`) by system.

    Returns:
        Columns `VALUES`, one row a system, query kind, metric and method at the highest degree.
    """
    parts = []
    for system, table in scores.items():
        rows = table[(table["adaption"] == UNADAPTED) & table["metric"].isin(_METRICS)]
        rows = rows[rows["degree"] == rows["degree"].max()]
        parts.append(rows.assign(system=system)[VALUES])
    values: pd.DataFrame = pd.concat(parts, ignore_index=True)
    return values


def orders_of(
    values: pd.DataFrame, comparisons: Mapping[str, pd.DataFrame], level: float
) -> pd.DataFrame:
    """Agreement of each pair of systems on which of two methods keeps more quality.

    Args:
        values: columns `VALUES`.
        comparisons: pairwise comparisons of methods by system
            (`anonbench.evaluation.comparisons.pairwise.read_method_comparisons`).
        level: p-value after Holm's correction below which a difference is clear.

    Returns:
        Columns `COLUMNS`: the methods that both have, Kendall's tau-b of their values (Kendall
        1945), the pairs of methods, those whose difference is clear in both systems, and those of
        these in which it has the same sign.
    """
    kept = values.set_index(["system", "query", "metric", "method"])["value"]
    rows = []
    for query, metric in dict.fromkeys(zip(values["query"], values["metric"], strict=True)):
        signs = {s: _signs(table, query, metric, level) for s, table in comparisons.items()}
        for a, b in combinations(comparisons, 2):
            of_a, of_b = (kept.get((s, query, metric), pd.Series(dtype=float)) for s in (a, b))
            both = of_a.index.intersection(of_b.index)
            pairs = signs[a].keys() & signs[b].keys()
            clear = [pair for pair in pairs if signs[a][pair] and signs[b][pair]]
            agree = sum(signs[a][pair] == signs[b][pair] for pair in clear)
            tau = _tau(of_a[both].to_numpy(float), of_b[both].to_numpy(float))
            rows.append((query, metric, a, b, len(both), tau, len(pairs), len(clear), agree))
    return pd.DataFrame(rows, columns=COLUMNS)


def _signs(
    comparisons: pd.DataFrame, query: str, metric: str, level: float
) -> dict[tuple[str, str], float]:
    """Clear differences of two methods: 1 if the first keeps more, -1 if less, 0 if unclear."""
    rows = comparisons[
        (comparisons["query"] == query)
        & (comparisons["metric"] == metric)
        & (comparisons["adaption"] == UNADAPTED)
    ]
    rows = rows[rows["degree"] == rows["degree"].max()]
    signs = np.sign(rows["difference"]).where(rows["p_holm"] < level, 0)
    return dict(zip(zip(rows["a"], rows["b"], strict=True), signs, strict=True))


def _tau(a: np.ndarray, b: np.ndarray) -> float:
    return float(stats.kendalltau(a, b).statistic) if len(a) > 1 else float("nan")
