"""A plain table of texts with headings and blocks, as Markdown and LaTeX (booktabs).

The result tables have a layout of their own (`anonbench.reporting.grids.layout`); what else people
read (scenarios, the paper beside ours, claims) is a `Grid`, which the report renders too.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from anonbench.core.registries.tables import Grid, GridBlock
from anonbench.reporting.grids.tables import escape_latex, escape_markdown, markdown_grid


def to_markdown(grid: Grid) -> str:
    """Return a grid as a Markdown table with its caption below; a block's label is a row."""
    heads = list(grid.heads)
    if grid.groups:  # Markdown has one row of headings
        above = [label for label, span in grid.groups for _ in range(span)]
        heads = [f"{a} {b}".strip() for a, b in zip(above, heads, strict=True)]
    rows: list[tuple[str, ...]] = []
    for block in grid.blocks:
        if block.label:
            rows.append((block.label, *([""] * (len(heads) - 1))))
        rows += block.rows
    return f"{markdown_grid(heads, rows, left=grid.left)}\n{escape_markdown(grid.caption)}\n"


def to_latex(grid: Grid) -> str:
    """Return a grid as a LaTeX ``table*``; the document needs booktabs and textcomp's glyphs."""
    return "\n".join(
        [
            r"\begin{table*}[t]",
            r"\centering",
            r"\footnotesize",
            rf"\caption{{{escape_latex(grid.caption)}}}",
            rf"\label{{tab:{''.join(c if c.isalnum() else '-' for c in grid.stem)}}}",
            rf"\begin{{tabular}}{{{_columns(grid)}}}",
            r"\toprule",
            *_heading(grid),
            *(line for block in grid.blocks for line in _block(block, grid)),
            r"\bottomrule",
            r"\end{tabular}",
            r"\end{table*}",
            "",
        ]
    )


def _columns(grid: Grid) -> str:
    widths = dict(grid.wrapped)
    return "".join(
        rf"p{{{widths[number]:g}\linewidth}}"
        if number in widths
        else ("l" if number < grid.left else "r")
        for number in range(len(grid.heads))
    )


def _heading(grid: Grid) -> list[str]:
    lines = []
    if grid.groups:
        cells, rules, start = [], [], 1
        for label, span in grid.groups:
            cells.append(rf"\multicolumn{{{span}}}{{c}}{{{escape_latex(label)}}}" if label else "")
            if not label:
                cells[-1] = " & ".join([""] * span)
            else:
                rules.append(rf"\cmidrule(lr){{{start}-{start + span - 1}}}")
            start += span
        lines = [_row(cells), "".join(rules)]
    return [*lines, _row(map(escape_latex, grid.heads))]


def _block(block: GridBlock, grid: Grid) -> list[str]:
    lines = [r"\midrule"]
    if block.label:
        label = rf"\multicolumn{{{len(grid.heads)}}}{{l}}{{\emph{{{escape_latex(block.label)}}}}}"
        lines.append(_row([label]))
    wrapped = dict(grid.wrapped)
    for row in block.rows:
        cells = [_cell(text) for text in row]
        # in braces, because \raggedright changes what ends a row of the table
        lines.append(
            _row(
                rf"{{\raggedright {cell}\par}}" if number in wrapped else cell
                for number, cell in enumerate(cells)
            )
        )
    return lines


def _cell(text: str) -> str:
    """Return a cell's text, with a real minus where it is a number."""
    return f"${text}$" if re.fullmatch(r"[+-]\d+(\.\d+)?", text) else escape_latex(text)


def _row(cells: Iterable[str]) -> str:
    return " & ".join(cells) + r" \\"
