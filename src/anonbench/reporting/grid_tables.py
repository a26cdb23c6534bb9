"""Tables of the sizes of data sets and of detection quality, as files."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import pandas as pd

from anonbench.core.io import read_csv
from anonbench.core.numeric.statistics import with_width
from anonbench.detection.quality import ALL
from anonbench.reporting.grid import grid_of, markdown_grid, notes, write_grid, write_text
from anonbench.reporting.labels import ENTITIES, WORDS, intervals

SIZE_COLUMNS, QUALITY_METRICS = WORDS["sizes"], WORDS["quality"]
QUALITY_HEADS = ["Entity", "Images", "True regions", "Found", *QUALITY_METRICS.values()]


def write_sizes(counts: Mapping[str, Path], outputs: Sequence[Path]) -> None:
    """Write the number of images before and after filtering (`SIZE_COLUMNS`), by data set."""
    table = pd.DataFrame(read_sizes(counts), columns=["dataset", *SIZE_COLUMNS])
    texts = table.map(lambda each: each if isinstance(each, str) else f"{each:,}")
    shown = texts.rename(columns={"dataset": "Data set", **SIZE_COLUMNS})
    grid = grid_of("sizes", shown, stem="sizes", left=2)
    write_grid(grid, table, outputs, wide=False)


def read_sizes(counts: Mapping[str, Path]) -> list[tuple[str, str, *tuple[int, ...]]]:
    """Data set, split and the other `SIZE_COLUMNS`, in the given order."""
    return [
        (name, str(split), *map(int, rest))
        for name, path in counts.items()
        for split, *rest in read_csv(path, list(SIZE_COLUMNS))[list(SIZE_COLUMNS)].to_numpy()
    ]


def quality_rows(summary: pd.DataFrame, confidence: float) -> list[tuple[str, ...]]:
    """Arrange a summary (`anonbench.detection.quality.SUMMARY_COLUMNS`) by entity.

    Columns `QUALITY_HEADS`, in percent; the images are those with such regions or, if there are
    none, all that were measured.
    """
    measured = summary[["value", "low", "high", "images"]].itertuples(index=False, name=None)
    ends = [with_width(value, low, high, n, confidence) for value, low, high, n in measured]
    summary = summary.assign(low=[low for low, _ in ends], high=[high for _, high in ends])
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
    summary: pd.DataFrame, visible_area: pd.DataFrame, title: str, confidence: float, markdown: Path
) -> None:
    """Write a summary, and the regions left visible, as Markdown tables with captions.

    They have the columns `anonbench.detection.quality.SUMMARY_COLUMNS` and
    `anonbench.evaluation.detection.COLUMNS`.
    """
    columns = (
        visible_area["degree"].map("{} %".format),
        visible_area["entity"].map(ENTITIES),
        visible_area["images"].map("{:,}".format),
        intervals(visible_area, ("visible_area", "low", "high"), between=" to "),
    )
    heads = ["Degree", "Entity", "Images", "True area visible"]
    quality = markdown_grid(QUALITY_HEADS, quality_rows(summary, confidence), left=1)
    visible = markdown_grid(heads, list(zip(*columns, strict=True)), left=2)
    below = [" ".join([f"{title}.", *notes(each)]) for each in ("quality", "visible_area")]
    write_text(markdown, f"{quality}\n{below[0]}\n\n{visible}\n{below[1]}\n")
