"""Table of the retrieval regained by maps of hidden images' vectors."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import pandas as pd

from anonbench.core.registries.tables import Grid, GridBlock
from anonbench.core.vocabulary import QueryKind
from anonbench.evaluation.mapped.judge import LABELLED, LABELS, MAP, NOTHING, remedy_label
from anonbench.reporting.labels import METHODS, NONE, percent, unadapted_model
from anonbench.reporting.notes import notes

ENDS = ("low", "high")


def mapped_grid(dataset: str, table: pd.DataFrame, confidence: float) -> Grid:
    """One block per variant, one row per remedy and number of pairs, in percent."""
    is_labelled = bool((table["metric"] == LABELLED).any())
    metrics = (MAP, LABELLED) if is_labelled else (MAP,)
    columns = [(metric, str(query)) for metric in metrics for query in QueryKind]
    names = {MAP: "own ranking", LABELLED: "labels"}
    blocks = [
        GridBlock(
            f"{METHODS.get(str(method), str(method))}, {degree} %", tuple(_rows(rows, columns))
        )
        for (method, degree), rows in table.groupby(["method", "degree"], sort=False)
    ]
    variants = table.drop_duplicates(["method", "degree", "query"]).to_dict("records")
    return Grid(
        stem=f"mapped_{dataset}",
        title=f"mAP with mapped vectors in percent, and gain over none, {dataset}",
        heads=("Remedy", "Pairs", *(f"{names[m]}, {query} queries" for m, query in columns)),
        blocks=tuple(blocks),
        notes=notes(
            "mapped",
            confidence=confidence,
            model=unadapted_model(),
            labels=LABELS if is_labelled else "",
            refused=[(METHODS[row["method"]], row) for row in variants if row["why_not"]],
        ),
    )


def _rows(rows: pd.DataFrame, columns: list[tuple[str, str]]) -> Iterator[tuple[str, ...]]:
    for (remedy, pairs), group in rows.groupby(["remedy", "pairs"], sort=False):
        cells = {(row["metric"], row["query"]): row for row in group.to_dict("records")}
        shown = (_cell(cells.get(column), str(remedy)) for column in columns)
        yield (remedy_label(str(remedy)), f"{pairs:,}" if int(str(pairs)) else "", *shown)


def _cell(row: Mapping[Any, Any] | None, remedy: str) -> str:
    if row is None or pd.isna(row["value"]):
        return NONE
    value = percent(row["value"])
    if remedy == NOTHING:
        return value
    ends = [] if pd.isna(row["low"]) else [" to ".join(percent(row[e], "+") for e in ENDS)]
    return f"{value} ({'; '.join([percent(row['gain'], '+'), *ends])})"
