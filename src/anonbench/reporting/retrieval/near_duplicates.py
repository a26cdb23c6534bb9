"""Table of scores without near-duplicates."""

from __future__ import annotations

import math
from collections.abc import Iterator

import pandas as pd

from anonbench.core.registries.tables import Grid, GridBlock
from anonbench.core.vocabulary import ORIGINAL, UNADAPTED
from anonbench.evaluation.near_duplicates import ALL, DISTINCT, RANDOM, warning
from anonbench.reporting.labels import METHODS, QUERIES, percent
from anonbench.reporting.notes import notes
from anonbench.reporting.summary import present


def near_duplicates_grid(dataset: str, table: pd.DataFrame) -> Grid:
    """mAP of the unadapted model at each distance; the CSV has all models and metrics."""
    distances = list(dict.fromkeys(table["distance"].dropna().astype(int)))
    shown = table[(table["metric"] == "map") & (table["adaption"] == UNADAPTED)]
    shown = shown[shown["method"] != ORIGINAL]
    few = table[table["metric"].isna()]
    first = table.drop_duplicates(["distance"]).set_index("distance")[["images", "near"]]
    whole = int(table[table["kept"] == ALL]["images"].to_numpy().max())
    images = (f"{int(first['images'][each]):,}" for each in distances for _ in range(2))
    near = (
        percent(first["near"][each]) if not again else "" for each in distances for again in (0, 1)
    )
    blocks = [
        GridBlock("", (("Images", f"{whole:,}", *images), ("Nearest is one", "", *near))),
        *(
            GridBlock(f"{label}, degree {degree} %", rows)
            for degree, of_degree in shown.astype({"degree": int}).groupby("degree")
            for query, label in QUERIES.items()
            if (rows := tuple(_rows(of_degree[of_degree["query"] == query], distances)))
        ),
    ]
    return Grid(
        stem=f"near_duplicates_{dataset}",
        title=f"mAP in percent without near-duplicates, {dataset}",
        heads=("Method", "All", *("Without", "Random") * len(distances)),
        groups=(("", 2), *((f"Distance {each}", 2) for each in distances)),
        blocks=tuple(blocks),
        notes=notes(
            "near_duplicates",
            warning=warning(table),
            reasons=dict(zip(few["distance"].astype(int), few["reason"], strict=True)),
        ),
    )


def _rows(rows: pd.DataFrame, distances: list[int]) -> Iterator[tuple[str, ...]]:
    """One row for each method: means over seeds."""
    means = rows.groupby(["method", "kept", rows["distance"].fillna(-1)])["value"].mean().to_dict()
    for method in present(rows["method"], METHODS):
        found = [means.get((method, ALL, -1), math.nan)]
        found += [
            means.get((method, kept, each), math.nan)
            for each in distances
            for kept in (DISTINCT, RANDOM)
        ]
        yield METHODS[method], *map(percent, found)
