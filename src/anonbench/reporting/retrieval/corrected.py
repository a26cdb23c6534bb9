"""Table of corrected scores: 0 is chance, 100 is as good as retraining."""

from __future__ import annotations

import math

import pandas as pd

from anonbench.core.registries.tables import Grid, GridBlock
from anonbench.core.vocabulary import ORIGINAL
from anonbench.evaluation.scores import with_corrected
from anonbench.reporting.formats import percent
from anonbench.reporting.labels import ADAPTIONS, METHODS, QUERIES, RETRIEVAL_METRICS
from anonbench.reporting.notes import notes
from anonbench.reporting.summary import present


def corrected_scores(scores: pd.DataFrame) -> pd.DataFrame:
    """Retrieval scores of a data set with their corrected scores."""
    return with_corrected(scores[scores["metric"].isin(list(RETRIEVAL_METRICS))])


def corrected_grid(dataset: str, scores: pd.DataFrame) -> Grid:
    """Corrected scores: one block per degree and query kind, one row per model."""
    found = corrected_scores(scores)
    rows = found[found["method"] != ORIGINAL].dropna(subset=["corrected"])
    methods = present(rows["method"], METHODS)
    columns = [(metric, method) for metric in RETRIEVAL_METRICS for method in methods]
    blocks = [
        GridBlock(
            f"{label}, degree {degree} %",
            _rows(of_degree[of_degree["query"] == query], columns),
        )
        for degree, of_degree in rows.groupby("degree")
        for query, label in QUERIES.items()
    ]
    return Grid(
        stem=f"corrected_{dataset}",
        title=f"Corrected scores in percent, {dataset}",
        heads=("Model", *(METHODS[method] for _, method in columns)),
        groups=(("", 1), *((label, len(methods)) for label in RETRIEVAL_METRICS.values()))
        if methods
        else (),
        blocks=tuple(block for block in blocks if block.rows),
        notes=notes("corrected", known=len(rows) > 0),
    )


def _rows(rows: pd.DataFrame, columns: list[tuple[str, str]]) -> tuple[tuple[str, ...], ...]:
    """One row for each model: the means over its seeds."""
    means = rows.groupby(["adaption", "metric", "method"])["corrected"].mean().to_dict()
    return tuple(
        (
            ADAPTIONS.get(model, model),
            *(percent(means.get((model, *column), math.nan)) for column in columns),
        )
        for model in present(rows["adaption"], ADAPTIONS)
    )
