"""Cards of a data set's maps as one table, by variant."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pandas as pd

from anonbench.core.io import read_csv
from anonbench.core.vocabulary import QueryKind, Variant
from anonbench.embedding.mapping import Map
from anonbench.evaluation.mapped.judge import COLUMNS

VARIANT_COLUMNS = ["dataset", "method", "degree", *COLUMNS, "why_not"]
"""`COLUMNS` of each variant; `why_not`: why the map is not recommended for the query kind."""


def gather(dataset: str, maps: Mapping[str, Path]) -> pd.DataFrame:
    """Collect the cards of maps in one table, columns `VARIANT_COLUMNS`.

    A map that could not be learned has one row for each query kind, with the reason.

    Args:
        maps: files by variant.

    """
    rows = []
    for name, path in maps.items():
        card, variant = Map.load(path).card, Variant.parse(name)
        whole = {"dataset": dataset, "method": variant.method, "degree": variant.degree}
        judged = card.get("judged") or [
            {"remedy": "mapped", "pairs": 0, "query": str(kind), "metric": "map"}
            for kind in QueryKind
        ]
        rows += [whole | row | {"why_not": card["why_not"][row["query"]]} for row in judged]
    table = pd.DataFrame(rows, columns=VARIANT_COLUMNS)
    table["reason"] = table["reason"].fillna("")
    return table.astype({"n": "Int64", "clusters": "Int64"})


def read_maps(path: Path) -> pd.DataFrame:
    """Read a table of maps, columns `VARIANT_COLUMNS`."""
    return read_csv(path, VARIANT_COLUMNS, ("dataset", "method", "remedy", "reason", "why_not"))
