"""Comparison of the paper's printed numbers (arXiv 2602.19641) with ours."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from anonbench.core.numeric.statistics import spearman
from anonbench.evaluation.correlation import metric_rows
from anonbench.reporting.paper.cases import knn_rises
from anonbench.reporting.paper.coefficient_cases import PREDICTOR, coefficient
from anonbench.reporting.paper.ours import OurData, why_missing
from anonbench.reporting.paper.published import CELL, ROLE_NAMES

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


FACTS = [
    "role",
    "quantity",
    "unit",
    "place",
    "published",
    "ours",
    "difference",
    "dataset",
    "stand_in",
    "reason",
]
"""Columns of the numbers of the text; `place` is where the paper states a number."""


def compare_facts(
    stated: pd.DataFrame,
    ours: pd.DataFrame,
    datasets: Sequence[OurData],
    counts: Mapping[str, pd.DataFrame],
    cutoffs: Mapping[str, int],
) -> pd.DataFrame:
    """Put our value beside each number of the paper's text, with the columns `FACTS`.

    Args:
        stated: `anonbench.reporting.paper.published.stated`.
        ours: `anonbench.reporting.paper.ours.tidy` of all data sets.
        datasets: our data sets that have a role.
        counts: by data set, images by split: columns split, listed, used.
        cutoffs: by data set, k of mnDCG.
    """
    by_role = {data.role: data for data in datasets}
    measured = {
        data.role: _measured(ours[ours["role"] == data.role], data.role)
        | _counted(counts.get(data.name))
        | ({"k": float(cutoffs[data.name])} if data.name in cutoffs else {})
        for data in datasets
    }
    rows = []
    for fact in stated.rename(columns={"value": "published"}).to_dict("records"):
        role, quantity = fact["role"], fact["quantity"]
        if role:
            data = by_role.get(role)
            value = measured.get(role, {}).get(quantity)
            names, stands = (data.name, data.stand_in) if data else ("", "")
            reason = f"no data set stands for {ROLE_NAMES[role]} (paper_role)" if not data else ""
        else:
            value, reason = _shared(quantity, datasets)
            names, stands = ", ".join(data.name for data in datasets), ""
        rows.append(
            fact
            | {"dataset": names, "stand_in": stands, "ours": value}
            | {"reason": reason or ("not run" if value is None else "")}
        )
    table = pd.DataFrame(rows).astype({"ours": float})
    table["difference"] = table["ours"] - table["published"]
    return table.reindex(columns=FACTS)


def _measured(ours: pd.DataFrame, role: str) -> dict[str, float]:
    """Coefficients at the highest degree, and the number of series in which k-NN accuracy rises."""
    found: dict[str, float] = {}
    if len(ours):
        rows = metric_rows(ours[["dataset", *CELL, "value"]], int(ours["degree"].max()))
        for accuracy in ("knn", "linear"):
            r = coefficient(rows, PREDICTOR, accuracy)
            if r == r:
                found[f"pearson_{PREDICTOR}_{accuracy}"] = r
    cells = knn_rises(ours)
    if len(cells):
        masking = cells["rises"] & (cells["method"] == "mask")
        found |= {
            "knn_rises": float(cells["rises"].sum()),
            "knn_cases": float(len(cells)),
            "knn_rises_mask": float(masking.sum()),
        }
    return found


def _counted(counts: pd.DataFrame | None) -> dict[str, float]:
    if counts is None:
        return {}
    return {
        f"{row['split']}_{kind}": float(row[kind])
        for row in counts.to_dict("records")
        for kind in ("listed", "used")
    }


def _shared(quantity: str, datasets: Sequence[OurData]) -> tuple[float | None, str]:
    """Setting that all data sets share, or the reason why there is no single value."""
    values = [data.settings.get(quantity) for data in datasets]
    known = sorted({value for value in values if value is not None})
    if not known:
        return None, "not a setting here (timm's model decides)" if datasets else "no data set"
    if len(known) > 1 or None in values:
        return None, f"differs between data sets: {', '.join(f'{v:g}' for v in known)}"
    return known[0], ""
