"""Correlations as text: each pair of metrics once."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from anonbench.evaluation.correlation import METRICS


@dataclass(frozen=True)
class Correlations:
    """The coefficients of one data set and degree, as text."""

    dataset: str
    degree: int
    rows: tuple[tuple[str, str, str, str, str, str], ...]


def correlation_rows(dataset: str, degree: int, path: Path) -> Correlations:
    """Return each pair of metrics once: names, Pearson, interval, Spearman, n, note."""
    names = list(METRICS)
    table = pd.read_csv(path, dtype={"reason": str})
    rows = []
    for row in table.astype(object).where(table.notna(), None).to_dict("records"):
        a, b = str(row["metric"]), str(row["metric_b"])
        if a in names and b in names and names.index(a) < names.index(b):
            low, high, n = row["low"], row["high"], row["n"]
            rows.append(
                (
                    f"{METRICS[a]} · {METRICS[b]}",
                    _coefficient(row["pearson"]),
                    "–"
                    if low is None or high is None
                    else f"{_coefficient(low)} to {_coefficient(high)}",
                    _coefficient(row["spearman"]),
                    "–" if n is None else str(int(n)),
                    row["reason"] or "",
                )
            )
    return Correlations(dataset, degree, tuple(rows))


def _coefficient(value: float | None) -> str:
    return "–" if value is None else f"{value:.2f}".replace("-", "−")
