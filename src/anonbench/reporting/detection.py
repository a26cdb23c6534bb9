"""Table of detection quality: one row per entity, values in percent with intervals."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from anonbench.detection.quality.quality import ALL, IOU
from anonbench.reporting.formats import interval
from anonbench.reporting.grids.grid import markdown_grid, write_text
from anonbench.reporting.labels import ENTITIES

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
QUALITY_NOTE = (
    "Area covered: share of the true area that is hidden by whatever was found, a mean over "
    "images. ≥ 90 %, ≥ 50 %: true regions so much of which is hidden. Same entity, and IoU (one "
    "found region for each true one): found with the right entity; a text detector hides an MRZ "
    "without recognizing it. False area: found area outside all true regions, as a share "
    "of the image. Intervals are bootstrapped over images."
)
IN_SIGHT_HEADS = ["Degree", "Entity", "Images", "True area visible"]
IN_SIGHT_NOTE = (
    "True area visible, in percent: the share of the true area outside of every region that the "
    "degree hides, whatever the method. What detectors miss, what the degree leaves out and what "
    "the corners of ellipses show count together. Intervals are bootstrapped over images."
)


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
    summary: pd.DataFrame, in_sight: pd.DataFrame, title: str, markdown: Path
) -> None:
    """Write a summary, and the regions left visible, as Markdown tables with captions.

    Args:
        summary: columns `anonbench.detection.quality.quality.SUMMARY_COLUMNS`.
        in_sight: columns `anonbench.detection.quality.jobs.COLUMNS`.
        title: title of the data set.
        markdown: the file to write.
    """
    grid = markdown_grid(QUALITY_HEADS, quality_rows(summary), left=1)
    left = [
        [
            f"{row['degree']} %",
            ENTITIES[row["entity"]],
            f"{row['images']:,}",
            _cell(row, "in_sight"),
        ]
        for row in in_sight.to_dict("records")
    ]
    sight = markdown_grid(IN_SIGHT_HEADS, left, left=2)
    write_text(markdown, f"{grid}\n{title}. {QUALITY_NOTE}\n\n{sight}\n{title}. {IN_SIGHT_NOTE}\n")
