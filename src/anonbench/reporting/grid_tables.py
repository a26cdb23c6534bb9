"""Tables in the paper's layout, of sizes of data sets and of detection quality, as files."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import pandas as pd

from anonbench.config.outputs import Table
from anonbench.core.io import read_csv
from anonbench.core.numeric.statistics import with_width
from anonbench.core.registries.tables import Grid, GridBlock
from anonbench.detection.quality import ALL
from anonbench.reporting import grid as grids
from anonbench.reporting.grid import (
    escape_latex,
    grid_of,
    markdown_grid,
    write_grid,
    write_table,
    write_text,
)
from anonbench.reporting.grid_layout import ON_ORIGINALS, Cell, Layout, Row, lay_out
from anonbench.reporting.labels import AT_CHANCE, ENTITIES, NOT_RUN, TIED, WORDS, intervals
from anonbench.reporting.notes import notes

SIZE_COLUMNS, QUALITY_METRICS = WORDS["sizes"], WORDS["quality"]
QUALITY_HEADS = ["Entity", "Images", "True regions", "Found", *QUALITY_METRICS.values()]
CSV_NUMBERS = {"low": 1, "high": 1, "se": 2, "sd": 2}
"""Additional values of a cell in the CSV, with their number of decimals."""
_MARKS = {TIED: r"\approx", AT_CHANCE: r"\dagger"}


def write_layout(
    table: Table,
    scores: pd.DataFrame,
    outputs: Sequence[Path],
    comparisons: pd.DataFrame | None = None,
    confidence: float = 0.95,
) -> None:
    """Write one table in the paper's layout to files (`grid.write_table`).

    The LaTeX is a `table` environment that needs booktabs and nothing else.
    """
    layout = lay_out(table, scores, comparisons, confidence)
    write_table(values_of(layout), to_markdown(layout), to_latex(layout), outputs)


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
    `anonbench.detection.quality_jobs.COLUMNS`.
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


def values_of(layout: Layout) -> pd.DataFrame:
    """Values of a layout as texts, in percent.

    One row per model and query kind, then one per baseline, which applies to all of them. The
    column `row` is one of: scenario; originals, control, pixels or untrained (on originals); chance
    or floor. Columns ``<metric>_<method>`` with one decimal (missing ones: ``not run``), then the
    same names with ``_low`` and ``_high`` (interval), ``_se`` (standard error over queries or
    images), ``_sd`` (standard deviation between seeds, empty for one) and ``_tied`` (1 where a
    paired test cannot tell it from the best, which is ``_best``).
    """
    names = [f"{metric}_{method}" for metric, _ in layout.groups for method, _ in layout.methods]
    heads = [f"{name}_{part}" for part in (*CSV_NUMBERS, "best", "tied") for name in names]
    rows = [
        (block.key, "scenario", row.key, *_values(row))
        for block in layout.blocks
        for row in block.rows
    ]
    for row in layout.baselines:
        rows.append(("", row.key, ON_ORIGINALS.get(row.key, ""), *_values(row)))
    table = pd.DataFrame(rows, columns=["query", "row", "adaption", *names, *heads])
    is_queried = bool(layout.blocks[0].key)
    return table if is_queried else table.drop(columns="query")


def _values(row: Row) -> list[str]:
    cells = row.cells
    values = [NOT_RUN if cell.value is None else f"{cell.value:.1f}" for cell in cells]
    for part, decimals in CSV_NUMBERS.items():
        numbers = [getattr(cell, part) for cell in cells]
        values += ["" if number is None else f"{number:.{decimals}f}" for number in numbers]
    for part in ("best", "tied"):
        values += ["" if c.value is None else str(int(getattr(c, part))) for c in cells]
    return values


def to_markdown(layout: Layout) -> str:
    """Format a layout as Markdown, caption below."""

    def cell(each: Cell) -> str:
        return (f"**{each.text}**" if each.best else each.text) + each.marks

    return grids.to_markdown(_as_grid(layout, cell, lambda label: f"*{label}*"), escaped=True)


def to_latex(layout: Layout) -> str:
    """Format a layout as a LaTeX `table`; the document needs ``\\usepackage{booktabs}``."""

    def cell(each: Cell) -> str:
        text = escape_latex(each.text)
        marks = "".join(_MARKS[mark] for mark in each.marks)
        return (rf"\textbf{{{text}}}" if each.best else text) + (f"$^{{{marks}}}$" if marks else "")

    grid = _as_grid(layout, cell, str, escape_latex)
    return grids.to_latex(grid, wide=False, cell=str)


def _as_grid(
    layout: Layout,
    cell: Callable[[Cell], str],
    block: Callable[[str], str],
    row: Callable[[str], str] = str,
) -> Grid:
    """Convert a layout to a grid, formatting cells, block labels and row labels."""
    methods = [label for _, label in layout.methods]
    return Grid(
        stem=layout.stem,
        title=layout.title,
        heads=("Model", *methods * len(layout.groups)),
        blocks=tuple(
            GridBlock(
                block(each.label) if each.label else "",
                tuple((row(r.label), *map(cell, r.cells)) for r in each.rows),
            )
            for each in layout.blocks
        ),
        notes=layout.notes,
        groups=(("", 1), *((label, len(methods)) for _, label in layout.groups)),
    )
