"""Tables as CSV, Markdown and LaTeX (booktabs)."""

from __future__ import annotations

import csv as csv_module
import io
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import pandas as pd

from anonbench.experiment import Table
from anonbench.files import atomic
from anonbench.presentation.labels import NOT_RUN
from anonbench.presentation.layout import Block, Cell, Layout, lay_out

SIZE_COLUMNS = {
    "split": "Split",
    "listed": "Listed",
    "unreadable": "Unreadable",
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
    reference_seed: int | None = None,
) -> None:
    """Write one retrieval or accuracy table in the paper's layout, values in percent.

    Args:
        table: data set, degree and kind.
        scores: tidy scores (`anonbench.presentation.summary.read_scores`).
        csv: one row a model and query kind; columns ``<metric>_<method>``, and ``…_sd`` where there
            are several seeds.
        markdown: the table for people, best values bold.
        latex: a `table` environment that needs booktabs and nothing else.
        reference_seed: see `anonbench.presentation.summary.summarize`.

    """
    layout = lay_out(table, scores, reference_seed)
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
        csv, _csv_text([["dataset", *SIZE_COLUMNS], *[[str(v) for v in row] for row in sizes]])
    )
    write_text(markdown, f"{markdown_grid(heads, rows, left=2)}\n{SIZE_TITLE}.\n")
    body = [_latex_row(map(escape_latex, row)) for row in rows]
    head = _latex_row(map(escape_latex, heads))
    write_text(latex, _latex_table("sizes", f"{SIZE_TITLE}.", "llrrrr", [head, r"\midrule", *body]))


def read_sizes(counts: Mapping[str, Path]) -> list[tuple[str, str, int, int, int, int]]:
    """Return data set, split, listed, unreadable, without regions and used, in the order given."""
    rows: list[tuple[str, str, int, int, int, int]] = []
    for name, path in counts.items():
        for row in pd.read_csv(path)[list(SIZE_COLUMNS)].itertuples(index=False):
            listed, unreadable, without, used = (int(value) for value in row[1:])
            rows.append((name, str(row[0]), listed, unreadable, without, used))
    return rows


def to_csv(layout: Layout) -> str:
    """Return a layout as CSV: numbers with one decimal, missing ones as ``not run``."""
    seeds = any(cell.sd is not None for cell in _cells(layout.blocks))
    names = [f"{metric}_{method}" for metric, _ in layout.groups for method, _ in layout.methods]
    head = ["query"] if layout.blocks[0].key else []
    rows = [[*head, "adaption", *names, *([f"{name}_sd" for name in names] if seeds else [])]]
    for block in layout.blocks:
        for row in block.rows:
            values = [NOT_RUN if cell.value is None else f"{cell.value:.1f}" for cell in row.cells]
            deviations = ["" if cell.sd is None else f"{cell.sd:.1f}" for cell in row.cells]
            key = [block.key] if block.key else []
            rows.append([*key, row.key, *values, *(deviations if seeds else [])])
    return _csv_text(rows)


def to_markdown(layout: Layout) -> str:
    """Return a layout as a Markdown table, caption below."""
    heads = [
        "Model",
        *(f"{group} {method}" for _, group in layout.groups for _, method in layout.methods),
    ]
    rows: list[list[str]] = []
    for block in layout.blocks:
        if block.label:
            rows.append([f"*{block.label}*", *([""] * (len(heads) - 1))])
        for row in block.rows:
            rows.append([row.label, *(_markdown_cell(cell) for cell in row.cells)])
    return (
        f"{markdown_grid(heads, rows, left=1, escaped=True)}\n{_escape_markdown(layout.caption)}\n"
    )


def to_latex(layout: Layout) -> str:
    """Return a layout as a LaTeX `table`; the document needs ``\\usepackage{booktabs}``."""
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
            _latex_row([escape_latex(row.label), *(_latex_cell(cell) for cell in row.cells)])
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
    "†": r"$\dagger$",
    "“": "``",
    "”": "''",
    "’": "'",
} | {character: f"\\{character}" for character in "&%$#_{}"}


def escape_latex(text: str) -> str:
    """Return text that LaTeX prints as it is."""
    return "".join(_LATEX.get(character, character) for character in text)


def _latex_cell(cell: Cell) -> str:
    text = escape_latex(cell.text)
    if cell.best:
        text = rf"\textbf{{{text}}}"
    return text + (r"$^\dagger$" if cell.chance else "")


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


def _markdown_cell(cell: Cell) -> str:
    text = f"**{cell.text}**" if cell.best else cell.text
    return text + ("†" if cell.chance else "")


def _escape_markdown(text: str) -> str:
    escaped = "".join(f"\\{c}" if c in "\\`*_[]|#" else c for c in text)
    return escaped.replace("<", "&lt;").replace(">", "&gt;").replace("\n", " ")


def markdown_grid(
    heads: Sequence[str], rows: Sequence[Sequence[str]], left: int, escaped: bool = False
) -> str:
    """Return a grid; the first `left` columns are flush left, the others right."""
    if not escaped:
        rows = [[_escape_markdown(text) for text in row] for row in rows]
    rules = ["---" if number < left else "---:" for number in range(len(heads))]
    lines = [[_escape_markdown(head) for head in heads], rules, *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def _csv_text(rows: Sequence[Sequence[str]]) -> str:
    buffer = io.StringIO()
    csv_module.writer(buffer, lineterminator="\n").writerows(rows)
    return buffer.getvalue()


def _cells(blocks: Sequence[Block]) -> list[Cell]:
    return [cell for block in blocks for row in block.rows for cell in row.cells]


def write_text(path: Path, text: str) -> None:
    """Write a file, whole or not at all."""
    with atomic(path) as temporary:
        temporary.write_text(text, encoding="utf-8")
