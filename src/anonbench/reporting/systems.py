"""Findings across systems on the same images: quality kept, and the order of methods."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import combinations
from pathlib import Path

import numpy as np
import pandas as pd
from scipy import stats

from anonbench.core.io import write_csv
from anonbench.core.registries.tables import Grid
from anonbench.core.vocabulary import UNADAPTED
from anonbench.reporting.grids.grid import grid_of, to_markdown, write_text
from anonbench.reporting.labels import METHODS, NONE, QUERIES, RETRIEVAL_METRICS, intervals

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
    kept = values.set_index(["system", "query", "metric", "method"])["value"].sort_index()
    rows = []
    for query, metric in dict.fromkeys(zip(values["query"], values["metric"], strict=True)):
        signs = {s: _signs(table, query, metric, level) for s, table in comparisons.items()}
        for a, b in combinations(comparisons, 2):
            of_a, of_b = (kept.get((s, query, metric), pd.Series(dtype=float)) for s in (a, b))
            both = of_a.index.intersection(of_b.index)
            pairs = signs[a].keys() & signs[b].keys()
            clear = [pair for pair in pairs if signs[a][pair] and signs[b][pair]]
            agree = sum(signs[a][pair] == signs[b][pair] for pair in clear)
            tau = stats.kendalltau(of_a[both], of_b[both]).statistic if len(both) > 1 else np.nan
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


def write_systems(
    values: pd.DataFrame,
    orders: pd.DataFrame,
    *,
    csv: Path,
    orders_csv: Path,
    markdown: Path,
) -> None:
    """Write the quality kept by systems (`VALUES`), their agreement."""
    write_csv(values, csv)
    write_csv(orders, orders_csv)
    write_text(markdown, "\n".join(map(to_markdown, (values_grid(values), orders_grid(orders)))))


def values_grid(values: pd.DataFrame) -> Grid:
    """Table of mAP by method and system, with intervals; methods that keep most come first."""
    rows = values[values["metric"] == "map"]
    systems = list(dict.fromkeys(rows["system"]))
    texts = rows.assign(text=intervals(rows)).set_index(["query", "method", "system"])["text"]
    cells = texts.to_dict()
    lines = [
        (QUERIES[query], METHODS[method], *(cells.get((query, method, s), NONE) for s in systems))
        for query in dict.fromkeys(rows["query"])
        for method in by_mean(rows)
    ]
    return grid_of(
        "systems",
        pd.DataFrame(lines, columns=["", "Method", *systems]).set_index(""),
        stem="findings_systems",
        queries=int(rows["n"].max()),
        clusters=int(rows["clusters"].max()),
    )


def orders_grid(orders: pd.DataFrame) -> Grid:
    """Table of the agreement of each pair of systems on the order of methods."""
    table = orders.astype({"methods": str, "clear": str, "pairs": str, "agree": str})
    texts = {
        "Systems": table["a"] + ", " + table["b"],
        "Queries": table["query"],
        "Methods": table["methods"],
        "Kendall’s τ": table["tau"].map("{:.2f}".format),
        "Clear": table["clear"] + " of " + table["pairs"],
        "Same sign": table["agree"],
    }
    by_metric = pd.DataFrame(texts).set_axis(table["metric"].map(RETRIEVAL_METRICS))
    return grid_of("orders", by_metric, stem="findings_orders", left=2)


def by_mean(rows: pd.DataFrame) -> list[str]:
    """Methods sorted by mean quality over systems and query kinds, highest first."""
    means = rows.groupby("method")["value"].mean()
    return [str(method) for method in means.sort_values(ascending=False, kind="stable").index]
