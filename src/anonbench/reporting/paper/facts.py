"""Comparison of the numbers in the paper's text (arXiv 2602.19641, Sec. III, IV) with ours."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pandas as pd

from anonbench.evaluation.correlation import metric_rows
from anonbench.reporting.paper.cases import knn_rises
from anonbench.reporting.paper.coefficient_cases import PREDICTOR, coefficient
from anonbench.reporting.paper.ours import OurData
from anonbench.reporting.paper.published import CELL, ROLE_NAMES

COLUMNS = [
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
"""Columns of the comparison; `place` is where the paper states a number."""


def compare_facts(
    stated: pd.DataFrame,
    ours: pd.DataFrame,
    datasets: Sequence[OurData],
    counts: Mapping[str, pd.DataFrame],
    cutoffs: Mapping[str, int],
) -> pd.DataFrame:
    """Put our value beside each number of the paper's text, with the columns `COLUMNS`.

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
    return table.reindex(columns=COLUMNS)


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
