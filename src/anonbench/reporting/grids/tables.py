"""Tables as CSV, Markdown and LaTeX (booktabs)."""

from __future__ import annotations

import csv as csv_module
import io
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import pandas as pd

from anonbench.config.outputs import Table
from anonbench.core.io import atomic
from anonbench.reporting.grids.layout import ON_ORIGINALS, Cell, Layout, Row, lay_out
from anonbench.reporting.labels import AT_CHANCE, NOT_RUN, TIED

SIZE_COLUMNS = {
    "split": "Split",
    "listed": "Listed",
    "unreadable": "Unreadable",
    "failed": "Detector failed",
    "without_regions": "Without regions",
    "used": "Used",
}
SIZE_TITLE = "Images of each data set and split before and after images were dropped"


def write_table(
    table: Table,
    scores: pd.DataFrame,
    csv: Path,
    markdown: Path,
    latex: Path,
    comparisons: pd.DataFrame | None = None,
    confidence: float = 0.95,
) -> None:
    """Write one retrieval or accuracy table in the paper's layout, values in percent.

    Args:
        table: data set, degree and kind.
        scores: tidy scores (`anonbench.reporting.summary.read_scores`).
        csv: see `to_csv`.
        markdown: the table for people, best values bold.
        latex: a `table` environment that needs booktabs and nothing else.
        comparisons: see `anonbench.reporting.grids.layout.lay_out`.
        confidence: see `anonbench.reporting.grids.layout.lay_out`.

    """
    layout = lay_out(table, scores, comparisons, confidence)
    write_text(csv, to_csv(layout))
    write_text(markdown, to_markdown(layout))
    write_text(latex, to_latex(layout))


def write_sizes(counts: Mapping[str, Path], csv: Path, markdown: Path, latex: Path) -> None:
    """Write the number of images before and after dropping, by data set and split.

    Args:
        counts: by data set, a CSV with the columns `SIZE_COLUMNS`.
        csv: the rows, machine-readable.
        markdown: for people.
        latex: for papers.

    """
    sizes = read_sizes(counts)
    heads = ["Data set", *SIZE_COLUMNS.values()]
    rows = [[str(name), str(split), *(f"{n:,}" for n in rest)] for name, split, *rest in sizes]
    write_text(
        csv, csv_text([["dataset", *SIZE_COLUMNS], *[[str(v) for v in row] for row in sizes]])
    )
    write_text(markdown, f"{markdown_grid(heads, rows, left=2)}\n{SIZE_TITLE}.\n")
    body = [_latex_row(map(escape_latex, row)) for row in rows]
    head = _latex_row(map(escape_latex, heads))
    write_text(
        latex, _latex_table("sizes", f"{SIZE_TITLE}.", "llrrrrr", [head, r"\midrule", *body])
    )


def read_sizes(counts: Mapping[str, Path]) -> list[tuple[str, str, *tuple[int, ...]]]:
    """Return data set, split and the other `SIZE_COLUMNS`, in the order given."""
    return [
        (name, str(row[0]), *map(int, row[1:]))
        for name, path in counts.items()
        for row in pd.read_csv(path)[list(SIZE_COLUMNS)].itertuples(index=False, name=None)
    ]


CSV_NUMBERS = {"low": 1, "high": 1, "se": 2, "sd": 2}
"""What the CSV says of a value beside it, and with how many decimals."""


def to_csv(layout: Layout) -> str:
    """Return a layout as CSV, in percent.

    One row a model and query kind, then one for each baseline, which holds for all of them; `row`
    tells which: scenario; originals, control, pixels or untrained (on originals); chance or floor.
    Columns ``<metric>_<method>`` with one decimal (missing ones: ``not run``), then the same names
    with ``_low`` and ``_high`` (interval), ``_se`` (standard error over queries or images), ``_sd``
    (standard deviation between seeds, empty for one) and ``_tied`` (1 where a paired test cannot
    tell it from the best, which is ``_best``).
    """
    names = [f"{metric}_{method}" for metric, _ in layout.groups for method, _ in layout.methods]
    heads = [f"{name}_{part}" for part in (*CSV_NUMBERS, "best", "tied") for name in names]
    queried = bool(layout.blocks[0].key)
    rows = [[*(["query"] if queried else []), "row", "adaption", *names, *heads]]
    for block in layout.blocks:
        query = [block.key] if queried else []
        rows += [[*query, "scenario", row.key, *_csv_cells(row)] for row in block.rows]
    for row in layout.baselines:
        adaption = ON_ORIGINALS.get(row.key, "")
        rows.append([*([""] if queried else []), row.key, adaption, *_csv_cells(row)])
    return csv_text(rows)


def _csv_cells(row: Row) -> list[str]:
    cells = row.cells
    values = [NOT_RUN if cell.value is None else f"{cell.value:.1f}" for cell in cells]
    for part, decimals in CSV_NUMBERS.items():
        numbers = [getattr(cell, part) for cell in cells]
        values += ["" if number is None else f"{number:.{decimals}f}" for number in numbers]
    for part in ("best", "tied"):
        flags = [getattr(cell, part) for cell in cells]
        values += [
            "" if cell.value is None else str(int(flag))
            for cell, flag in zip(cells, flags, strict=True)
        ]
    return values


def to_markdown(layout: Layout, intervals: bool = False) -> str:
    """Return a layout as a Markdown table, caption below; on demand with each cell's interval."""
    heads = [
        "Model",
        *(f"{group} {method}" for _, group in layout.groups for _, method in layout.methods),
    ]
    rows: list[list[str]] = []
    for block in layout.blocks:
        if block.label:
            rows.append([f"*{block.label}*", *([""] * (len(heads) - 1))])
        for row in block.rows:
            rows.append([row.label, *(_markdown_cell(cell, intervals) for cell in row.cells)])
    return (
        f"{markdown_grid(heads, rows, left=1, escaped=True)}\n{escape_markdown(layout.caption)}\n"
    )


def to_latex(layout: Layout, intervals: bool = False) -> str:
    """Return a layout as a LaTeX `table`; the document needs ``\\usepackage{booktabs}``.

    On demand, each cell has its interval behind it.
    """
    width = len(layout.methods)
    total = 1 + width * len(layout.groups)
    spans = [(2 + number * width, 1 + (number + 1) * width) for number in range(len(layout.groups))]
    lines = []
    if width:
        groups = [rf"\multicolumn{{{width}}}{{c}}{{{escape_latex(g)}}}" for _, g in layout.groups]
        heads = [escape_latex(method) for _, method in layout.methods] * len(layout.groups)
        rules = "".join(rf"\cmidrule(lr){{{start}-{end}}}" for start, end in spans)
        lines = [_latex_row(["", *groups]), rules, _latex_row(["Model", *heads])]
    for block in layout.blocks:
        lines.append(r"\midrule")
        if block.label:
            label = rf"\multicolumn{{{total}}}{{l}}{{\emph{{{escape_latex(block.label)}}}}}"
            lines.append(_latex_row([label]))
        lines += [
            _latex_row(
                [escape_latex(row.label), *(_latex_cell(cell, intervals) for cell in row.cells)]
            )
            for row in block.rows
        ]
    columns = "l" + ("r" * width) * len(layout.groups)
    return _latex_table(layout.stem, layout.caption, columns, lines)


_LATEX = {
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
} | {character: f"\\{character}" for character in "&%$#_{}"}
_MARKS = {TIED: r"\approx", AT_CHANCE: r"\dagger"}


def escape_latex(text: str) -> str:
    """Return text that LaTeX prints as it is."""
    return "".join(_LATEX.get(character, character) for character in text)


def _latex_cell(cell: Cell, interval: bool) -> str:
    text = escape_latex(cell.text)
    if cell.best:
        text = rf"\textbf{{{text}}}"
    marks = "".join(_MARKS[mark] for mark in cell.marks)
    return text + (f"$^{{{marks}}}$" if marks else "") + escape_latex(_bracket(cell, interval))


def _latex_row(cells: Iterable[str]) -> str:
    return " & ".join(cells) + r" \\"


def _latex_table(stem: str, caption: str, columns: str, lines: Sequence[str]) -> str:
    return "\n".join(
        [
            r"\begin{table}[t]",
            r"\centering",
            rf"\caption{{{escape_latex(caption)}}}",
            rf"\label{{tab:{''.join(c if c.isalnum() else '-' for c in stem)}}}",
            rf"\begin{{tabular}}{{{columns}}}",
            r"\toprule",
            *lines,
            r"\bottomrule",
            r"\end{tabular}",
            r"\end{table}",
            "",
        ]
    )


def _markdown_cell(cell: Cell, interval: bool) -> str:
    text = f"**{cell.text}**" if cell.best else cell.text
    return text + cell.marks + escape_markdown(_bracket(cell, interval))


def _bracket(cell: Cell, interval: bool) -> str:
    return f" [{cell.interval}]" if interval and cell.interval else ""


def escape_markdown(text: str) -> str:
    """Return text that Markdown shows as it is."""
    escaped = "".join(f"\\{c}" if c in "\\`*_[]|#" else c for c in text)
    return escaped.replace("<", "&lt;").replace(">", "&gt;").replace("\n", " ")


def markdown_grid(
    heads: Sequence[str], rows: Sequence[Sequence[str]], left: int, escaped: bool = False
) -> str:
    """Return a grid; the first `left` columns are flush left, the others right."""
    if not escaped:
        rows = [[escape_markdown(text) for text in row] for row in rows]
    rules = ["---" if number < left else "---:" for number in range(len(heads))]
    lines = [[escape_markdown(head) for head in heads], rules, *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def csv_text(rows: Sequence[Sequence[str]]) -> str:
    """Return rows as CSV."""
    buffer = io.StringIO()
    csv_module.writer(buffer, lineterminator="\n").writerows(rows)
    return buffer.getvalue()


def write_text(path: Path, text: str) -> None:
    """Write a file, whole or not at all."""
    with atomic(path) as temporary:
        temporary.write_text(text, encoding="utf-8")
