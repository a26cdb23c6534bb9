"""Table of re-identification rates by gallery size."""

from __future__ import annotations

import math
from typing import Any

import pandas as pd

from anonbench.core.registries.tables import Grid, GridBlock
from anonbench.core.vocabulary import ORIGINAL
from anonbench.evaluation.privacy.gallery_sizes import SIZES
from anonbench.reporting.labels import ATTACKERS, ENTITIES, METHODS

EXTRAPOLATED = "*"
"""Behind a rate in a gallery larger than the one that was searched."""


def gallery_size_grid(dataset: str, rates: pd.DataFrame, confidence: float) -> Grid:
    """Return a data set's rates: a block an entity, a row a method and degree, a column a size.

    Args:
        dataset: its name.
        rates: columns `anonbench.evaluation.privacy.gallery_sizes.COLUMNS`.
        confidence: of the intervals.

    """
    return Grid(
        stem=f"gallery_size_{dataset}",
        title=f"Re-identification at the first guess by gallery size in percent, {dataset}",
        heads=("Degree", "Method", "Attack", *(f"among {size:,}" for size in SIZES)),
        blocks=tuple(
            _block(str(entity), rates[rates["entity"] == entity])
            for entity in rates["entity"].unique()
        ),
        notes=(_note(rates, confidence),),
        left=3,
    )


def _block(entity: str, rows: pd.DataFrame) -> GridBlock:
    one = "a person" if (rows["match"] == "person").all() else "a region"
    found = rows.groupby(["degree", "method"], sort=False)
    return GridBlock(
        f"{ENTITIES.get(entity, entity)}: one crop of each {one[2:]} in the gallery; "
        f"{int(rows['searched'].min()):,} were searched",
        tuple(_row(group) for _, group in found),
    )


def _row(rows: pd.DataFrame) -> tuple[str, ...]:
    first = rows.iloc[0]
    original = first["method"] == ORIGINAL
    by_size = {row["size"]: row for row in rows.to_dict("records")}
    return (
        "–" if original else f"{first['degree']} %",
        "Originals" if original else METHODS.get(first["method"], first["method"]),
        ATTACKERS.get(first["attacker"], first["attacker"]),
        *(_cell(by_size[size]) for size in SIZES),
    )


def _cell(row: dict[Any, Any]) -> str:
    mark = EXTRAPOLATED if row["size"] > row["searched"] else ""
    rate, low, high = (f"{100 * row[name]:.1f}" for name in ("rate", "low", "high"))
    return f"{rate}{mark}" if math.isnan(row["low"]) else f"{rate}{mark} ({low}–{high})"


def _note(rates: pd.DataFrame, confidence: float) -> str:
    if rates.empty:
        return "No attack was run, or among too few persons or regions."
    reasons = [text for text in rates["reason"].unique() if text]
    why = f" No interval: {reasons[0]}." if reasons else ""
    return (
        "The strongest attack of each row finds at least so many; in brackets intervals of "
        f"{100 * confidence:g} %. {EXTRAPOLATED} extrapolated to a larger gallery: the value takes "
        "the same factor for each doubling, the interval holds for any continuation that falls and "
        f"levels off. Chance is one over the size.{why}"
    )
