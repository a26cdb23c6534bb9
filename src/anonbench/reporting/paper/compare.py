"""Comparison of the paper's result tables (arXiv 2602.19641, tables V to XV) with ours."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from anonbench.core.numeric.statistics import spearman
from anonbench.reporting.paper.ours import OurData, why_missing
from anonbench.reporting.paper.published import CELL

COLUMNS = [
    "role",
    "table",
    "metric",
    "query",
    "method",
    "degree",
    "adaption",
    "published",
    "ours",
    "low",
    "high",
    "difference",
    "seeds",
    "queries",
    "dataset",
    "stand_in",
    "reason",
]
"""Columns of the comparison. Numbers are percent, `difference` is ours minus the published one in
points; `queries` counts our queries or images; `reason` says why ours is missing."""
AGREEMENT = ["role", "degree", "metric", "query", "cells", "compared", "mean", "absolute", "rank"]
"""Columns of the agreement: cells of the paper, those that we have too, mean and mean absolute
difference in points, and Spearman's coefficient (NaN under three cells)."""


def compare(
    published: pd.DataFrame, ours: pd.DataFrame, datasets: Sequence[OurData]
) -> pd.DataFrame:
    """Put our numbers beside the paper's, in the paper's order, with the columns `COLUMNS`.

    Args:
        published: `anonbench.reporting.paper.published.published`.
        ours: `anonbench.reporting.paper.ours.tidy` of all data sets.
        datasets: our data sets that have a role.

    """
    by_role = {data.role: data for data in datasets}
    # left join in the paper's order: our additional cells are dropped
    table = published.rename(columns={"value": "published"}).merge(
        ours.rename(columns={"value": "ours", "n": "queries"}).drop(columns="dataset"),
        on=CELL,
        how="left",
        validate="one_to_one",
    )
    roles = table["role"]
    table["dataset"] = [by_role[role].name if role in by_role else "" for role in roles]
    table["stand_in"] = [by_role[role].stand_in if role in by_role else "" for role in roles]
    table["difference"] = table["ours"] - table["published"]
    table["reason"] = [
        why_missing(cell, by_role.get(cell["role"])) if np.isnan(cell["ours"]) else ""
        for cell in table.to_dict("records")
    ]
    return table[COLUMNS].astype({"seeds": "Int64", "queries": "Int64"})


def agreement(comparison: pd.DataFrame) -> pd.DataFrame:
    """Agreement of ours with the published numbers, with the columns `AGREEMENT`."""
    rows = []
    keys = ["role", "degree", "metric", "query"]
    for key, group in comparison.groupby(keys, sort=False):
        both = group.dropna(subset=["ours"])
        difference = both["difference"].to_numpy(np.float64)
        enough = len(both) > 2
        rows.append(
            dict(zip(keys, key, strict=True))
            | {
                "cells": len(group),
                "compared": len(both),
                "mean": float(difference.mean()) if len(both) else np.nan,
                "absolute": float(np.abs(difference).mean()) if len(both) else np.nan,
                "rank": spearman(both["published"].to_numpy(float), both["ours"].to_numpy(float))
                if enough
                else np.nan,
            }
        )
    return pd.DataFrame(rows, columns=AGREEMENT)
