"""Tables of findings across systems."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from anonbench.core.io import write_csv
from anonbench.core.registries.tables import Grid, GridBlock
from anonbench.reporting.formats import NONE, interval
from anonbench.reporting.grids.grid import to_markdown, write_text
from anonbench.reporting.labels import METHODS, QUERIES, RETRIEVAL_METRICS
from anonbench.reporting.notes import notes


def write_systems(
    values: pd.DataFrame,
    orders: pd.DataFrame,
    *,
    csv: Path,
    orders_csv: Path,
    markdown: Path,
) -> None:
    """Write the quality kept by systems (`VALUES` of `orders.py`), their agreement."""
    write_csv(values, csv)
    write_csv(orders, orders_csv)
    write_text(markdown, "\n".join(map(to_markdown, (values_grid(values), orders_grid(orders)))))


def values_grid(values: pd.DataFrame) -> Grid:
    """Table of mAP by method and system, with intervals; methods that keep most come first."""
    rows = values[values["metric"] == "map"]
    systems = list(dict.fromkeys(rows["system"]))
    blocks = []
    for query in dict.fromkeys(rows["query"]):
        of_query = rows[rows["query"] == query].set_index(["method", "system"])
        lines = [
            (METHODS[method], *(_cell(of_query, (method, system)) for system in systems))
            for method in by_mean(rows)
        ]
        blocks.append(GridBlock(QUERIES[query], tuple(lines)))
    return Grid(
        stem="findings_systems",
        title="mAP (%) against each system’s own ranking of the originals, at the highest degree",
        notes=notes("systems", queries=int(rows["n"].max()), clusters=int(rows["clusters"].max())),
        heads=("Method", *systems),
        blocks=tuple(blocks),
    )


def orders_grid(orders: pd.DataFrame) -> Grid:
    """Table of the agreement of each pair of systems on the order of methods."""
    blocks = []
    for metric in dict.fromkeys(orders["metric"]):
        lines = [
            (
                f"{row.a}, {row.b}",
                QUERIES[row.query].removeprefix("With ").removesuffix(" query images"),
                str(row.methods),
                f"{row.tau:.2f}",
                f"{row.clear} of {row.pairs}",
                str(row.agree),
            )
            for row in orders[orders["metric"] == metric].itertuples()
        ]
        blocks.append(GridBlock(RETRIEVAL_METRICS[metric], tuple(lines)))
    return Grid(
        stem="findings_orders",
        title="Two systems’ orders of methods",
        notes=notes("orders"),
        heads=("Systems", "Queries", "Methods", "Kendall’s τ", "Clear", "Same sign"),
        blocks=tuple(blocks),
        left=2,
    )


def by_mean(rows: pd.DataFrame) -> list[str]:
    """Methods sorted by mean quality over systems and query kinds, highest first."""
    means = rows.groupby("method")["value"].mean()
    return [str(method) for method in means.sort_values(ascending=False, kind="stable").index]


def _cell(rows: pd.DataFrame, place: tuple[str, str]) -> str:
    if place not in rows.index:
        return NONE  # a system may lack some methods
    row = rows[rows.index == place].iloc[0]
    return interval(row["value"], row["low"], row["high"])
