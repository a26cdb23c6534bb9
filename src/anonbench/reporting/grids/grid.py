"""Text tables as CSV, Markdown and LaTeX (booktabs): the paper's layout, sizes, quality."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from importlib import resources
from itertools import groupby
from pathlib import Path
from typing import Any

import pandas as pd
from jinja2 import Environment, StrictUndefined

from anonbench.config.evaluation import Table
from anonbench.core.io import atomic, read_csv, write_csv
from anonbench.core.registries.tables import Grid, GridBlock
from anonbench.detection.quality import ALL
from anonbench.reporting.grids.layout import ON_ORIGINALS, Cell, Layout, Row, lay_out
from anonbench.reporting.labels import AT_CHANCE, ENTITIES, NOT_RUN, TIED, WORDS, intervals, notes


def grid_of(
    kind: str,
    table: pd.DataFrame,
    stem: str = "",
    left: int = 1,
    wrapped: tuple[tuple[int, float], ...] = (),
    **values: Any,
) -> Grid:
    """Make a grid (`Grid`) of a table of texts, with the title and notes of its kind.

    The table has the headings as columns; a first level of columns is above them. The index is the
    label of each row's block; without labels there is one block. `kind` is a key of `notes.yaml`,
    whose templates get `values`; by default the stem is the kind and the data set.
    """
    if isinstance(table.index, pd.RangeIndex):
        table = table.set_axis([""] * len(table))
    above = table.columns.get_level_values(0)
    return Grid(
        stem=stem or f"{kind}_{values['dataset']}",
        title=notes("titles", kind, **values)[0],
        heads=tuple(map(str, table.columns.get_level_values(-1))),
        groups=tuple((label, len(list(same))) for label, same in groupby(above))
        if table.columns.nlevels > 1 and any(above)
        else (),
        blocks=tuple(
            GridBlock(str(label), tuple(rows.itertuples(index=False, name=None)))
            for label, rows in table.groupby(level=0, sort=False)
        ),
        notes=notes(kind, **values),
        left=left,
        wrapped=wrapped,
    )


def write_grid(
    grid: Grid, table: pd.DataFrame, csv: Path, markdown: Path, latex: Path, wide: bool = True
) -> None:
    """Write a grid as Markdown and LaTeX (`to_latex`), and the values behind it as CSV."""
    write_csv(table, csv)
    write_text(markdown, to_markdown(grid))
    write_text(latex, to_latex(grid, wide))


def to_markdown(grid: Grid, escaped: bool = False) -> str:
    """Format a grid as Markdown, caption below; `escaped` if rows and labels are Markdown."""
    heads = list(grid.heads)
    if grid.groups:  # Markdown has only one row of headings
        above = [label for label, span in grid.groups for _ in range(span)]
        heads = [f"{a} {b}".strip() for a, b in zip(above, heads, strict=True)]
    rows: list[tuple[str, ...]] = []
    for block in grid.blocks:
        rows += [(block.label, *([""] * (len(heads) - 1)))] if block.label else []
        rows += block.rows
    table = markdown_grid(heads, rows, left=grid.left, escaped=escaped)
    return f"{table}\n{escape_markdown(grid.caption)}\n"


def to_latex(grid: Grid, wide: bool = True, cell: Callable[[str], str] | None = None) -> str:
    """Format a grid as LaTeX (`table*` if `wide`) for booktabs and textcomp's glyphs.

    `cell` formats a text; by default it is escaped, and numbers get a real minus. Running text is
    in braces, because `\\raggedright` redefines the end of a row.
    """
    file = resources.files("anonbench.reporting").joinpath("texts", "table.tex.j2")
    marks: Any = {"block_start_string": "<%", "block_end_string": "%>"}
    marks |= {"variable_start_string": "<<", "variable_end_string": ">>"}
    plain: Any = {"trim_blocks": True, "lstrip_blocks": True, "keep_trailing_newline": True}
    latex = Environment(undefined=StrictUndefined, **marks, **plain)
    latex.filters["latex"] = escape_latex
    template = latex.from_string(file.read_text("utf-8"))
    return template.render(grid=grid, wide=wide, widths=dict(grid.wrapped), cell=cell or _cell)


def _cell(text: str) -> str:
    """Text of a cell, with a real minus sign if it is a number."""
    return f"${text}$" if re.fullmatch(r"[+-]\d+(\.\d+)?", text) else escape_latex(text)


_LATEX = str.maketrans(
    {
        "\\": r"\textbackslash{}",
        "~": r"\textasciitilde{}",
        "^": r"\textasciicircum{}",
        "<": r"\textless{}",
        ">": r"\textgreater{}",
        "|": r"\textbar{}",
        '"': "''",
        "±": r"$\pm$",
        "−": "$-$",
        "τ": r"$\tau$",
        "†": r"$\dagger$",
        "≈": r"$\approx$",
        "–": "--",
        "“": "``",
        "”": "''",
        "’": "'",
    }
    | {character: f"\\{character}" for character in "&%$#_{}"}
)


def escape_latex(text: str) -> str:
    """Escape text for LaTeX."""
    return text.translate(_LATEX)


_MARKDOWN = str.maketrans(
    {"<": "&lt;", ">": "&gt;", "\n": " "} | {each: f"\\{each}" for each in "\\`*_[]|#"}
)


def escape_markdown(text: str) -> str:
    """Escape text for Markdown."""
    return text.translate(_MARKDOWN)


def markdown_grid(
    heads: Sequence[str], rows: Sequence[Sequence[str]], left: int, escaped: bool = False
) -> str:
    """Format a Markdown table; the first `left` columns are flush left, the others right."""
    if not escaped:
        rows = [[escape_markdown(text) for text in row] for row in rows]
    rules = ["---" if number < left else "---:" for number in range(len(heads))]
    lines = [[escape_markdown(head) for head in heads], rules, *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def write_text(path: Path, text: str) -> None:
    """Write a file atomically."""
    with atomic(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


SIZE_COLUMNS, QUALITY_METRICS = WORDS["sizes"], WORDS["quality"]
QUALITY_HEADS = ["Entity", "Images", "True regions", "Found", *QUALITY_METRICS.values()]
CSV_NUMBERS = {"low": 1, "high": 1, "se": 2, "sd": 2}
"""Additional values of a cell in the CSV, with their number of decimals."""
_MARKS = {TIED: r"\approx", AT_CHANCE: r"\dagger"}


def write_table(
    table: Table,
    scores: pd.DataFrame,
    csv: Path,
    markdown: Path,
    latex: Path,
    comparisons: pd.DataFrame | None = None,
    confidence: float = 0.95,
) -> None:
    """Write one table in the paper's layout: values, Markdown and LaTeX.

    The LaTeX is a `table` environment that needs booktabs and nothing else.
    """
    layout = lay_out(table, scores, comparisons, confidence)
    write_csv(values_of(layout), csv)
    write_text(markdown, table_to_markdown(layout))
    write_text(latex, table_to_latex(layout))


def write_sizes(counts: Mapping[str, Path], csv: Path, markdown: Path, latex: Path) -> None:
    """Write the number of images before and after filtering (`SIZE_COLUMNS`), by data set."""
    table = pd.DataFrame(read_sizes(counts), columns=["dataset", *SIZE_COLUMNS])
    texts = table.map(lambda each: each if isinstance(each, str) else f"{each:,}")
    shown = texts.rename(columns={"dataset": "Data set", **SIZE_COLUMNS})
    grid = grid_of("sizes", shown, stem="sizes", left=2)
    write_grid(grid, table, csv, markdown, latex, wide=False)


def read_sizes(counts: Mapping[str, Path]) -> list[tuple[str, str, *tuple[int, ...]]]:
    """Data set, split and the other `SIZE_COLUMNS`, in the given order."""
    return [
        (name, str(split), *map(int, rest))
        for name, path in counts.items()
        for split, *rest in read_csv(path, list(SIZE_COLUMNS))[list(SIZE_COLUMNS)].to_numpy()
    ]


def quality_rows(summary: pd.DataFrame) -> list[tuple[str, ...]]:
    """Arrange a summary (`anonbench.detection.quality.SUMMARY_COLUMNS`) by entity.

    Columns `QUALITY_HEADS`, in percent; the images are those with such regions or, if there are
    none, all that were measured.
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
    quality = markdown_grid(QUALITY_HEADS, quality_rows(summary), left=1)
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


def table_to_markdown(layout: Layout) -> str:
    """Format a layout as Markdown, caption below."""

    def cell(each: Cell) -> str:
        return (f"**{each.text}**" if each.best else each.text) + each.marks

    return to_markdown(_as_grid(layout, cell, lambda label: f"*{label}*"), escaped=True)


def table_to_latex(layout: Layout) -> str:
    """Format a layout as a LaTeX `table`; the document needs ``\\usepackage{booktabs}``."""

    def cell(each: Cell) -> str:
        text = escape_latex(each.text)
        marks = "".join(_MARKS[mark] for mark in each.marks)
        return (rf"\textbf{{{text}}}" if each.best else text) + (f"$^{{{marks}}}$" if marks else "")

    grid = _as_grid(layout, cell, str, escape_latex)
    return to_latex(grid, wide=False, cell=str)


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
