"""Table of detection quality: one row per entity, values in percent with intervals."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from anonbench.detection.quality.quality import ALL, IOU
from anonbench.reporting.grids.grid import markdown_grid, write_text
from anonbench.reporting.labels import ENTITIES, intervals
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
        found = summary[summary["entity"] == entity].set_index("metric")
        if len(found):
            counted = "covered" if found["images"]["covered"] else "false_area"
            numbers = (f"{found[name][counted]:,}" for name in ("images", "true", "found"))
            cells = intervals(found.loc[[*QUALITY_METRICS]], between=" to ")
            rows.append((label, *numbers, *cells))
    return rows


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
    columns = (
        visible_area["degree"].map("{} %".format),
        visible_area["entity"].map(ENTITIES),
        visible_area["images"].map("{:,}".format),
        intervals(visible_area, ("visible_area", "low", "high"), between=" to "),
    )
    left = list(zip(*columns, strict=True))
    sight = markdown_grid(IN_SIGHT_HEADS, left, left=2)
    below = [" ".join([f"{title}.", *notes(each)]) for each in ("quality", "visible_area")]
    write_text(markdown, f"{grid}\n{below[0]}\n\n{sight}\n{below[1]}\n")
