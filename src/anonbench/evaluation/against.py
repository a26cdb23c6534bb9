"""Paired comparison of two scorings of the same queries, from their values per query."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from anonbench.core.errors import InputError
from anonbench.core.whole_table import WholeTable
from anonbench.evaluation.comparisons.pairwise import compare_pairs
from anonbench.evaluation.external import DEFAULTS, cluster_numbers
from anonbench.evaluation.retrieval.scoring.metrics import PER_QUERY

COLUMNS = ["metric", "difference", "low", "high", "p", "verdict", "queries", "clusters", "reason"]
"""Columns of the comparison. `difference` is the first one's mean less the other's, over the
queries that both have; see `anonbench.evaluation.comparisons.pairwise.PAIR_COLUMNS`."""


def compare_scorings(
    per_query: pd.DataFrame,
    other: pd.DataFrame,
    clusters: pd.Series | Path | str | None = None,
    confidence: float = DEFAULTS.confidence,
    margin: float = DEFAULTS.equivalence_margin,
) -> pd.DataFrame:
    """Compare two changes of the images, paired by query: each query is scored under both.

    Args:
        per_query: scores of each query, as `anonbench.evaluation.external.Evaluation.per_query`.
        other: the same of the other change, with the same reference and k.
        clusters: as `anonbench.evaluation.external.run`.
        confidence: of intervals and tests, as a share.
        margin: largest difference that does not matter, as a share.

    Returns:
        One row a metric, columns `COLUMNS`.

    Raises:
        InputError: a table lacks columns, or they have no query in common.

    """
    tables = [
        _group_by_query(each, name) for each, name in ((per_query, "first"), (other, "other"))
    ]
    common = tables[0].index.intersection(tables[1].index)
    if common.empty:
        raise InputError("the two scorings have no query in common; score the same images in both")
    numbers = cluster_numbers(pd.Series(common, dtype="str"), clusters)
    rows = []
    for metric, column in PER_QUERY.items():
        values = pd.DataFrame(
            {name: table.loc[common, column] for name, table in zip("ab", tables, strict=True)}
        ).astype(np.float64)
        (row,) = compare_pairs(
            values, numbers, margin, confidence, hits=metric == "unchanged"
        ).to_dict("records")
        rows.append(row | {"metric": metric, "queries": row["n"]})
    return WholeTable(pd.DataFrame(rows)[COLUMNS])


def read_scores(path: Path) -> pd.DataFrame:
    """Read the values per query that `anonbench score --per-query` wrote.

    Raises:
        InputError: the file cannot be read.

    """
    try:
        if path.suffix == ".parquet":
            return pd.read_parquet(path)
        empty = {column: [""] for column in PER_QUERY.values()}  # an id may be NA
        return pd.read_csv(path, dtype={"id": "str"}, keep_default_na=False, na_values=empty)
    except (OSError, ValueError) as error:
        text = " ".join(str(error).split())[:200]
        raise InputError(f"{path}: cannot be read as a table ({text})") from None


def _group_by_query(table: pd.DataFrame, name: str) -> pd.DataFrame:
    if missing := [each for each in ("id", *PER_QUERY.values()) if each not in table]:
        raise InputError(
            f"the {name} scoring has no column {missing[0]!r}; --per-query writes such tables"
        )
    found = table.assign(id=table["id"].astype("str")).set_index("id")
    if found.index.has_duplicates:
        raise InputError(f"the {name} scoring has a query twice")
    return found
