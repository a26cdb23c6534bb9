"""Table of sample sizes: standard deviations, and the number needed for a stated difference."""

from __future__ import annotations

import math

import pandas as pd

from anonbench.core.registries.tables import Grid, GridBlock
from anonbench.evaluation.sample_sizes.variance import POWER
from anonbench.reporting.formats import NONE, percent
from anonbench.reporting.labels import metric_label
from anonbench.reporting.notes import notes

_LABELS = {"anonymizing": "Cost of anonymizing", "adapting": "Cost of adapting"}


def sample_size_grid(dataset: str, variances: pd.DataFrame) -> Grid:
    """Sample sizes of a data set: one block per effect, one row per query kind and metric."""
    unit = str(variances["unit"].iloc[0]) if len(variances) else "clusters"
    blocks = [
        GridBlock(label, tuple(_rows(variances[variances["effect"] == effect])))
        for effect, label in _LABELS.items()
    ]
    return Grid(
        stem=f"sample_sizes_{dataset}",
        title=f"Sample sizes, {dataset}",
        heads=(
            "Metric",
            "Queries",
            "Trainings",
            unit.capitalize(),
            "Queries",
            "At hand",
            "Half need",
            "All need",
        ),
        groups=(("", 2), ("Standard deviation between", 3), (unit.capitalize(), 3)),
        blocks=tuple(block for block in blocks if block.rows),
        notes=notes(
            "sample_sizes",
            stated=float(variances["stated"].iloc[0]) if len(variances) else None,
            unit=unit,
            power=POWER,
        ),
        left=2,
    )


def _rows(effects: pd.DataFrame) -> list[tuple[str, ...]]:
    rows = []
    for (metric, query), found in effects.groupby(["metric", "query"], sort=False):
        needed = found["needed"].astype(float).fillna(math.inf).sort_values()
        rows.append(
            (
                metric_label(str(metric)),
                str(query),
                *(percent(found[f"sd_{part}"].median()) for part in ("seed", "cluster", "query")),
                f"{int(found['clusters'].max()):,}",
                _count(needed.iloc[len(needed) // 2]),
                _count(needed.iloc[-1]),
            )
        )
    return rows


def _count(needed: float) -> str:
    return NONE if math.isinf(needed) else f"{int(needed):,}"
