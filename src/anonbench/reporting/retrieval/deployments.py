"""Table of deployments."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any

import pandas as pd

from anonbench.core.registries.tables import Grid, GridBlock
from anonbench.core.vocabulary import ORIGINAL, UNADAPTED, DeploymentKind
from anonbench.core.wording import count
from anonbench.evaluation.comparisons.best import OWN, SECOND
from anonbench.reporting.labels import ADAPTIONS, AT_CHANCE, METHODS, unadapted_model

KINDS = {
    DeploymentKind.MIXED: "A share of the images is anonymized, compared with none",
    DeploymentKind.KEPT: "Original embeddings are kept, compared with embedding again",
    DeploymentKind.QUERY_METHOD: (
        "Queries are anonymized by another method, compared with the database’s"
    ),
}
_NONE = "–"


def deployments_grid(dataset: str, table: pd.DataFrame, confidence: float) -> Grid:
    """mAP of deployments: one block per kind, one row per database with its queries.

    For a mixed database only the rows of the unadapted model; the CSV has all.

    Args:
        dataset: name of the data set.
        table: `anonbench.evaluation.deployments.table.COLUMNS`.
        confidence: coverage of the intervals, as a share.
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
        notes=tuple(_notes(shown, has_second, confidence)),
        left=2,
    )


def _rows(table: pd.DataFrame, has_second: bool) -> Iterator[tuple[str, ...]]:
    sharpest = table[table["reference"] == (SECOND if has_second else OWN)].to_dict("records")
    own = table[table["reference"] == OWN].to_dict("records")
    for row, judged in zip(own, sharpest, strict=True):
        mark = AT_CHANCE if _at_chance(row) else ""
        kept = (_cell(judged, "kept", "kept_low", "kept_high"),) if has_second else ()
        yield (
            _database(row),
            _queries(row),
            _cell(row, "value", "low", "high", mark),
            *kept,
            _cell(judged, "difference", "difference_low", "difference_high", signed=True),
            str(judged["verdict"]) or _NONE,
        )


def _database(row: Mapping[Any, Any]) -> str:
    method = METHODS.get(row["method"], row["method"])
    model = _model(row["adaption"])
    if row["share"] == 0:
        return f"Originals; {model}"
    return f"{method}; {model}" if row["share"] == 100 else f"{method} {row['share']} %; {model}"


def _queries(row: Mapping[Any, Any]) -> str:
    method = row["query_method"]
    version = "originals" if method == ORIGINAL else METHODS.get(method, method)
    return f"{version}; {_model(row['adaption'])}"


def _model(adaption: str) -> str:
    label = ADAPTIONS.get(adaption, adaption)
    return "unadapted" if label == "Unadapted" else label


def _at_chance(row: Mapping[Any, Any]) -> bool:
    lowest = row["value"] if math.isnan(row["low"]) else row["low"]
    return bool(lowest <= row["floor"])


def _cell(
    row: Mapping[Any, Any], value: str, low: str, high: str, mark: str = "", signed: bool = False
) -> str:
    sign = "+" if signed else ""
    if math.isnan(row[value]):
        return _NONE
    # rounded first, to avoid a negative zero
    text, *ends = (f"{round(100 * row[name], 1) + 0.0:{sign}.1f}" for name in (value, low, high))
    return f"{text}{mark}" if math.isnan(row[low]) else f"{text}{mark} ({ends[0]} to {ends[1]})"


def _notes(table: pd.DataFrame, has_second: bool, confidence: float) -> Iterator[str]:
    if table.empty:
        yield "No deployment was scored."
        return
    first = table.iloc[0]
    yield (
        f"mAP in percent by {unadapted_model()}’s own ranking of the originals, over "
        f"{count(int(first['n']), 'query')} in {count(int(first['clusters']), 'cluster')} and "
        f"{count(int(first['images']), 'image')}; in brackets intervals of {100 * confidence:g} %, "
        "which take the draw of a share and the trainings as given."
    )
    if has_second:
        yield (
            "Kept, difference and verdict are by a second reference: kept is the share of what "
            f"{unadapted_model()} reaches there with originals, and can be above 100 %."
        )
    else:
        yield "There is no second reference."
    if reasons := [text for text in table["reason"].dropna().unique() if text]:
        yield f"No interval: {reasons[0]}."
    yield (
        f"{AT_CHANCE} not above what a ranking without knowledge reaches. Difference: in points, "
        "from what the block’s heading names; verdicts are adjusted over all of its kind. An "
        "anonymized query finds itself first where the database has it so. The CSV has mixed "
        "databases by adapted models too, and the other metrics."
    )
