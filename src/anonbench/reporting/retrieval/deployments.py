"""Table of deployments."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any

import pandas as pd

from anonbench.core.registries.tables import Grid, GridBlock
from anonbench.core.vocabulary import QueryKind
from anonbench.evaluation.comparisons.best import OWN, SECOND
from anonbench.reporting.labels import AT_CHANCE, METHODS, NONE, interval, unadapted_model
from anonbench.reporting.notes import notes


def deployments_grid(dataset: str, table: pd.DataFrame, confidence: float) -> Grid:
    """mAP of mixed archives: one row per database with its queries."""
    shown = table[table["metric"] == "map"]
    has_second = SECOND in set(shown["reference"])
    rows = tuple(_rows(shown, has_second))
    degree = int(table["degree"].max()) if len(table) else 100
    kept = ("Kept",) if has_second else ()
    return Grid(
        stem=f"deployments_{dataset}",
        title=f"Partly anonymized archives, degree {degree} %, {dataset}",
        heads=("Database", "Queries", "mAP", *kept, "Difference", "Verdict"),
        blocks=(GridBlock("", rows),) if rows else (),
        notes=notes(
            "deployments",
            first=shown.iloc[0].to_dict() if len(shown) else None,
            model=unadapted_model(),
            confidence=confidence,
            has_second=has_second,
            reasons=[text for text in shown["reason"].dropna().unique() if text],
            at_chance=AT_CHANCE,
        ),
        left=2,
    )


def _rows(table: pd.DataFrame, has_second: bool) -> Iterator[tuple[str, ...]]:
    sharpest = table[table["reference"] == (SECOND if has_second else OWN)].to_dict("records")
    own = table[table["reference"] == OWN].to_dict("records")
    for row, judged in zip(own, sharpest, strict=True):
        mark = AT_CHANCE if _at_chance(row) else ""
        kept = (_ends(judged, "kept_", "kept"),) if has_second else ()
        yield (
            _database(row),
            _queries(row),
            _ends(row, "", "value", mark=mark),
            *kept,
            _ends(judged, "difference_", "difference", sign="+"),
            str(judged["verdict"]) or NONE,
        )


def _ends(row: Mapping[Any, Any], prefix: str, value: str, **how: str) -> str:
    return interval(row[value], row[f"{prefix}low"], row[f"{prefix}high"], " to ", **how)


def _database(row: Mapping[Any, Any]) -> str:
    method = METHODS.get(row["method"], row["method"])
    if row["share"] == 0:
        return "Originals"
    return method if row["share"] == 100 else f"{method} {row['share']} %"


def _queries(row: Mapping[Any, Any]) -> str:
    is_original = row["query"] == QueryKind.ORIGINAL
    return "originals" if is_original else METHODS.get(row["method"], row["method"])


def _at_chance(row: Mapping[Any, Any]) -> bool:
    lowest = row["value"] if math.isnan(row["low"]) else row["low"]
    return bool(lowest <= row["floor"])
