"""Table of detection quality: one row per entity, values in percent with intervals."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from anonbench.detection.quality.quality import ALL, IOU
from anonbench.reporting.grids.grid import markdown_grid, write_text
from anonbench.reporting.labels import ENTITIES, interval
from anonbench.reporting.notes import notes

QUALITY_METRICS = {
    "covered": "Area covered",
    "recall_90": "≥ 90 % covered",
    "recall_50": "≥ 50 % covered",
    "covered_alike": "Area covered, same entity",
    "recall_iou": f"IoU ≥ {IOU:g}",
    "false_area": "False area",
}
QUALITY_HEADS = ["Entity", "Images", "True regions", "Found", *QUALITY_METRICS.values()]
QUALITY_TITLE = "How well the detectors hide the true regions, in percent"
IN_SIGHT_HEADS = ["Degree", "Entity", "Images", "True area visible"]


def quality_rows(summary: pd.DataFrame) -> list[tuple[str, ...]]:
    """Arrange a summary (`anonbench.detection.quality.quality.SUMMARY_COLUMNS`) by entity.

    Columns `QUALITY_HEADS`; the images are those with such regions or, if there are none, all that
    were measured.
    """
    rows = []
    for entity, label in (ENTITIES | {ALL: "All"}).items():
        of_entity = summary[summary["entity"] == entity].set_index("metric")
        if len(of_entity):
            table = of_entity.to_dict("index")
            counts = table["covered"] if table["covered"]["images"] else table["false_area"]
            numbers = (f"{counts[name]:,}" for name in ("images", "true", "found"))
            rows.append((label, *numbers, *(_cell(table[metric]) for metric in QUALITY_METRICS)))
    return rows


def _cell(row: Mapping[Hashable, Any], value: str = "value") -> str:
    return interval(row[value], row["low"], row["high"], " to ")


def write_quality(
    summary: pd.DataFrame, visible_area: pd.DataFrame, title: str, markdown: Path
) -> None:
    """Write a summary, and the regions left visible, as Markdown tables with captions.

    Args:
        summary: columns `anonbench.detection.quality.quality.SUMMARY_COLUMNS`.
        visible_area: columns `anonbench.detection.quality.jobs.COLUMNS`.
        title: title of the data set.
        markdown: the file to write.
    """
    grid = markdown_grid(QUALITY_HEADS, quality_rows(summary), left=1)
    left = [
        [
            f"{row['degree']} %",
            ENTITIES[row["entity"]],
            f"{row['images']:,}",
            _cell(row, "visible_area"),
        ]
        for row in visible_area.to_dict("records")
    ]
    sight = markdown_grid(IN_SIGHT_HEADS, left, left=2)
    below = [" ".join([f"{title}.", *notes(each)]) for each in ("quality", "visible_area")]
    write_text(markdown, f"{grid}\n{below[0]}\n\n{sight}\n{below[1]}\n")
