"""Table of mAP with intervals for other persons in queries and database."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import pandas as pd

from anonbench.core.registries.tables import Grid, GridBlock
from anonbench.core.wording import count
from anonbench.reporting.labels import ADAPTIONS, METHODS, QUERIES, unadapted_model
from anonbench.reporting.summary import present

_NONE = "–"


def new_persons_grid(dataset: str, table: pd.DataFrame, confidence: float) -> Grid:
    """Return a data set's mAP: a block a degree and query kind, a row a model, a column a method.

    Args:
        dataset: its name.
        table: `anonbench.evaluation.retrieval.new_persons.COLUMNS`.
        confidence: of the intervals, as a share.

    """
    methods = present(table["method"], METHODS)
    blocks = [
        GridBlock(
            f"{label}, degree {degree} %", _rows(of_degree[of_degree["query"] == query], methods)
        )
        for degree, of_degree in table.groupby("degree")
        for query, label in QUERIES.items()
    ]
    return Grid(
        stem=f"new_persons_{dataset}",
        title=f"mAP in percent, intervals for other persons in queries and database, {dataset}",
        heads=("Model", *(METHODS.get(method, method) for method in methods)),
        blocks=tuple(block for block in blocks if block.rows),
        notes=tuple(_notes(table, confidence)),
    )


def _rows(rows: pd.DataFrame, methods: list[str]) -> tuple[tuple[str, ...], ...]:
    cells = {(row["adaption"], row["method"]): _cell(row) for row in rows.to_dict("records")}
    return tuple(
        (ADAPTIONS.get(model, model), *(cells.get((model, method), _NONE) for method in methods))
        for model in present(rows["adaption"], ADAPTIONS)
    )


def _cell(row: Mapping[Any, Any]) -> str:
    value, low, high = (f"{100 * row[name]:.1f}" for name in ("value", "low", "high"))
    return value if math.isnan(row["low"]) else f"{value} ({low}–{high})"


def _notes(table: pd.DataFrame, confidence: float) -> list[str]:
    if table.empty:
        return ["No scenario was run."]
    reasons = [text for text in table["reason"].unique() if text]
    queries, images = int(table["n"].max()), int(table["images"].max())
    sample = f" (scores are of a sample of {count(queries, 'query')})" if queries < images else ""
    return [
        f"No interval: {reasons[0]}; values say nothing of other persons{sample}."
        if reasons
        else f"Intervals of {100 * confidence:g} % in brackets hold for other persons (or other "
        "clusters) in queries and database, where those of other tables take the database as it "
        f"is{sample}.",
        f"All values are judged by {unadapted_model()}’s own ranking, which favours it.",
    ]
