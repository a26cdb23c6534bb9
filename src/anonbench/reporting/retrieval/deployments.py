"""Table of deployments."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any

import pandas as pd

from anonbench.core.registries.tables import Grid, GridBlock
from anonbench.core.vocabulary import ORIGINAL, UNADAPTED, DeploymentKind
from anonbench.evaluation.comparisons.best import OWN, SECOND
from anonbench.reporting.choices.best import model_name
from anonbench.reporting.labels import AT_CHANCE, METHODS, NONE, interval, unadapted_model
from anonbench.reporting.notes import notes

KINDS = {
    DeploymentKind.MIXED: "A share of the images is anonymized, compared with none",
    DeploymentKind.KEPT: "Original embeddings are kept, compared with embedding again",
    DeploymentKind.QUERY_METHOD: (
        "Queries are anonymized by another method, compared with the database’s"
    ),
}


def deployments_grid(dataset: str, table: pd.DataFrame, confidence: float) -> Grid:
    """mAP of deployments: one block per kind, one row per database with its queries.

    For a mixed database only the rows of the unadapted model; the CSV has all.
    """
    found = table[table["metric"] == "map"]
    is_detail = (found["kind"] == DeploymentKind.MIXED) & (found["adaption"] != UNADAPTED)
    shown = found[~is_detail]
    has_second = SECOND in set(shown["reference"])
    blocks = [
        GridBlock(label, tuple(_rows(shown[shown["kind"] == kind], has_second)))
        for kind, label in KINDS.items()
    ]
    degree = int(table["degree"].max()) if len(table) else 100
    kept = ("Kept",) if has_second else ()
    return Grid(
        stem=f"deployments_{dataset}",
        title=f"Other ways to search the archive, degree {degree} %, {dataset}",
        heads=("Database", "Queries", "mAP", *kept, "Difference", "Verdict"),
        blocks=tuple(block for block in blocks if block.rows),
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
    model = model_name(row["adaption"])
    if row["share"] == 0:
        return f"Originals; {model}"
    return f"{method}; {model}" if row["share"] == 100 else f"{method} {row['share']} %; {model}"


def _queries(row: Mapping[Any, Any]) -> str:
    method = row["query_method"]
    version = "originals" if method == ORIGINAL else METHODS.get(method, method)
    return f"{version}; {model_name(row['adaption'])}"


def _at_chance(row: Mapping[Any, Any]) -> bool:
    lowest = row["value"] if math.isnan(row["low"]) else row["low"]
    return bool(lowest <= row["floor"])
