"""Two scorings of `anonbench.evaluation.external` compared in pairs, query by query."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow.parquet as pq

from anonbench.core.errors import InputError
from anonbench.core.io import write_parquet
from anonbench.core.settings import Confidence, Share, require_value
from anonbench.evaluation.comparisons.best import compare_pairs
from anonbench.evaluation.decision import Judging
from anonbench.evaluation.external import DEFAULTS, SCORED_BY, cluster_numbers
from anonbench.evaluation.retrieval.scoring.metrics import PER_QUERY
from anonbench.evaluation.scores import WholeTable

AGAINST_COLUMNS = [
    *("metric", "difference", "low", "high", "p", "verdict", "queries", "clusters", "reason")
]
"""Columns of the comparison. `difference` is the first one's mean less the other's, over the
queries that both have; see `anonbench.evaluation.comparisons.best.PAIR_COLUMNS`."""


def compare_scorings(
    per_query: pd.DataFrame,
    other: pd.DataFrame,
    clusters: pd.Series | Path | str | None = None,
    confidence: float = DEFAULTS.confidence,
    margin: float = DEFAULTS.equivalence_margin,
    name: str = "the other scoring",
) -> pd.DataFrame:
    """Compare two changes of the images, paired by query: a row a metric (`AGAINST_COLUMNS`).

    Both tables are as `Evaluation.per_query`, by the same reference and k; errors call the other
    one `name`. Clusters are as in `run`; `margin` is the largest difference that does not matter,
    as a share. Raises InputError if a table lacks columns, they have no query in common, or k,
    settings or reference differ.
    """
    require_value("confidence", confidence, Confidence)
    require_value("margin", margin, Share)
    pairs = ((per_query, "the first scoring"), (other, name))
    tables = [_group_by_query(*each) for each in pairs]
    here, there = (_scored_by(*each) for each in pairs)
    differences = [
        "its reference has other vectors or ids"
        if key == "reference"
        else f"its {key} is {there.get(key)} and not {here.get(key)}"
        for key in sorted({*here, *there})
        if here.get(key) != there.get(key)
    ]
    if differences:
        raise InputError(
            f"{name}: cannot be compared with these scores, since {' and '.join(differences)}; "
            "score it again with the same reference and settings"
        )
    common = tables[0].index.intersection(tables[1].index)
    if common.empty:
        raise InputError(f"{name}: has no query of this scoring; score the same images in both")
    numbers = cluster_numbers(pd.Series(common, dtype="str"), clusters)
    judging = Judging(pd.Series(numbers, common), confidence, margin)
    first, second = (table.loc[common].astype(np.float64) for table in tables)
    rows = []
    for metric, column in PER_QUERY.items():
        values = pd.DataFrame({"a": first[column], "b": second[column]})
        (row,) = compare_pairs(values, judging, hits=metric == "unchanged")
        rows.append(row | {"metric": metric, "queries": row["n"]})
    return WholeTable(pd.DataFrame(rows)[AGAINST_COLUMNS])


def read_scores(path: Path) -> pd.DataFrame:
    """Read the values per query that `anonbench score --per-query` wrote as Parquet.

    Raises InputError if the file cannot be read, or does not say how it was scored.
    """
    table = pd.DataFrame()
    if path.suffix == ".parquet":
        try:
            table = pd.read_parquet(path)
            known = pq.read_schema(path).metadata or {}
            table.attrs[SCORED_BY] = json.loads(known.get(SCORED_BY.encode(), b"{}"))
        except (OSError, ValueError) as error:
            text = " ".join(str(error).split())[:200]
            raise InputError(f"{path}: cannot be read as a table ({text})") from None
    _scored_by(table, str(path))
    return table


def write_scores(per_query: pd.DataFrame, path: Path) -> None:
    """Write values per query for `read_scores`, with what they depend on."""
    write_parquet(per_query, path, {SCORED_BY: json.dumps(per_query.attrs[SCORED_BY])})


def _scored_by(table: pd.DataFrame, name: str) -> dict[str, Any]:
    if found := table.attrs.get(SCORED_BY):
        return dict(found)
    raise InputError(
        f"{name}: does not say with what k, settings and reference it was scored; score it again "
        "with --per-query, into a .parquet file"
    )


def _group_by_query(table: pd.DataFrame, name: str) -> pd.DataFrame:
    if missing := [each for each in ("id", *PER_QUERY.values()) if each not in table]:
        raise InputError(f"{name}: has no column {missing[0]!r}; --per-query writes such tables")
    found = table.assign(id=table["id"].astype("str")).set_index("id")[[*PER_QUERY.values()]]
    if found.index.has_duplicates:
        raise InputError(f"{name}: has a query twice; keep one row of each")
    return found
