"""Plain text tables with headings and blocks, as CSV, Markdown and LaTeX (booktabs)."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from importlib import resources
from itertools import groupby
from pathlib import Path
from typing import Any

import pandas as pd
from jinja2 import Environment, StrictUndefined

from anonbench.core.io import atomic, write_csv
from anonbench.core.registries.tables import Grid, GridBlock
from anonbench.reporting.notes import notes


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


def write_grid(grid: Grid, table: pd.DataFrame, outputs: Sequence[Path], wide: bool = True) -> None:
    """Write the values behind a grid, and the grid (`to_latex`), to files (`write_table`)."""
    write_table(table, to_markdown(grid), to_latex(grid, wide), outputs)


def write_table(table: pd.DataFrame, markdown: str, latex: str, outputs: Sequence[Path]) -> None:
    """Write a table to three files: values as CSV, and its texts in Markdown and LaTeX."""
    csv, *texts = outputs
    write_csv(table, csv)
    for path, text in zip(texts, (markdown, latex), strict=True):
        write_text(path, text)


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
