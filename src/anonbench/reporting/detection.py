"""Table of detection quality: one row per entity, values in percent with intervals."""

from __future__ import annotations

import math
from collections.abc import Hashable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd

from anonbench.detection.quality.quality import ALL, IOU
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


class QualityRow(NamedTuple):
    """One entity of a data set, as text."""

    entity: str
    images: str
    true: str
    found: str
    cells: tuple[tuple[str, str], ...]
    """Value and interval in the order of `QUALITY_METRICS`; a dash if undefined."""


def quality_rows(summary: pd.DataFrame) -> list[QualityRow]:
    """Arrange a summary (`anonbench.detection.quality.quality.SUMMARY_COLUMNS`) by entity.

    `images` counts those with such regions or, if there are none, all that were measured.
    """
    rows = []
    for entity, label in (ENTITIES | {ALL: "All"}).items():
        of_entity = summary[summary["entity"] == entity].set_index("metric")
        if len(of_entity):
            table = of_entity.to_dict("index")
            cells = tuple(_cell(table[metric]) for metric in QUALITY_METRICS)
            counts = table["covered"] if table["covered"]["images"] else table["false_area"]
            images, true, found = (f"{counts[name]:,}" for name in ("images", "true", "found"))
            rows.append(QualityRow(label, images, true, found, cells))
    return rows


def _cell(row: Mapping[Hashable, Any]) -> tuple[str, str]:
    value, low, high = (100 * float(row[name]) for name in ("value", "low", "high"))
    if math.isnan(value):
        return "–", ""
    return f"{value:.1f}", f"{low:.1f} to {high:.1f}"


def write_quality(
    summary: pd.DataFrame, in_sight: pd.DataFrame, title: str, markdown: Path
) -> None:
    """Write a summary, and the regions left visible, as Markdown tables with captions.

    Args:
        summary: columns `anonbench.detection.quality.quality.SUMMARY_COLUMNS`.
        in_sight: columns `anonbench.detection.quality.in_sight.COLUMNS`.
        title: title of the data set.
        markdown: the file to write.
    """
    rows = [
        [*row[:4], *(f"{value} ({extent})" if extent else value for value, extent in row.cells)]
        for row in quality_rows(summary)
    ]
    grid = markdown_grid(QUALITY_HEADS, rows, left=1)
    left = [
        [
            f"{row['degree']} %",
            ENTITIES[row["entity"]],
            f"{row['images']:,}",
            "{} ({})".format(*_cell({"value": row["in_sight"]} | row)),
        ]
        for row in in_sight.to_dict("records")
    ]
    sight = markdown_grid(IN_SIGHT_HEADS, left, left=2)
    write_text(markdown, f"{grid}\n{title}. {QUALITY_NOTE}\n\n{sight}\n{title}. {IN_SIGHT_NOTE}\n")
