"""Plain text tables with headings and blocks, as CSV, Markdown and LaTeX (booktabs)."""

import operator
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache, reduce
from itertools import groupby
from pathlib import Path
from typing import Any

import pandas as pd
import yaml
from jinja2 import Environment, StrictUndefined

from anonbench.core.io import write_csv, write_text
from anonbench.core.wording import count
from anonbench.reporting.labels import AT_CHANCE, NOT_RUN, TEXTS, TIED


@dataclass
class Cell:
    """One score in percent, or none if the scenario was not run."""

    value: float | None = None
    sd: float | None = None  # standard deviation between seeds, if there are several
    se: float | None = None  # standard error over queries or images
    low: float | None = None
    high: float | None = None
    best: bool = False  # the highest of its column, as printed
    tied: bool = False  # not the highest, but not distinguishable from it by a paired test
    chance: bool = False  # its interval includes chance, or the floor of its query kind

    @property
    def text(self) -> str:
        """The value and the standard deviation between seeds."""
        if self.value is None:
            return NOT_RUN
        return f"{self.value:.1f}" if self.sd is None else f"{self.value:.1f} ± {self.sd:.1f}"

    @property
    def interval(self) -> str:
        """The interval; empty if there is none."""
        return "" if self.low is None or self.high is None else f"{self.low:.1f}–{self.high:.1f}"

    @property
    def marks(self) -> str:
        """Marks after the value: tied with the best, at chance."""
        return TIED * self.tied + AT_CHANCE * self.chance


Row = tuple[str | Cell, ...]  # texts and scores, as many as a table has columns


@dataclass(frozen=True)
class GridBlock:
    """Rows that belong together, under a label that may be empty."""

    label: str
    rows: tuple[Row, ...]


@dataclass(frozen=True)
class Grid:
    """Headings and rows of text; nothing in it is escaped yet."""

    stem: str  # file name without suffix, and the LaTeX label
    title: str
    heads: tuple[str, ...]
    blocks: tuple[GridBlock, ...]
    notes: tuple[str, ...] = ()
    groups: tuple[tuple[str, int], ...] = ()
    """Headings above the headings with the columns that each spans; they fill the whole width."""
    left: int = 1  # columns, from the first, that are flush left; the others are flush right
    wrapped: tuple[tuple[int, float], ...] = ()
    """Columns of running text, by number, with their width as a share of the page's."""

    @property
    def caption(self) -> str:
        """Title and notes as one text."""
        return " ".join([f"{self.title}.", *self.notes])


def grid_of(
    kind: str,
    table: pd.DataFrame,
    stem: str = "",
    left: int = 1,
    wrapped: tuple[tuple[int, float], ...] = (),
    **values: Any,
) -> Grid:
    """Make a grid of a table of texts, with the title and notes of its kind in `notes.yaml`.

    Columns are headings, or pairs of one above and a heading. A first column without a heading has
    the label of each row's block; otherwise the index has, unless it only counts. The templates get
    `values`; by default the stem is the kind and the data set.
    """
    if table.columns[0] in ("", ("", "")):
        table = table.set_index(table.columns[0])
    elif isinstance(table.index, pd.RangeIndex):
        table = table.set_axis([""] * len(table))
    pairs = [each if isinstance(each, tuple) else ("", each) for each in table.columns]
    above = [label for label, _ in pairs]
    return Grid(
        stem=stem or f"{kind}_{values['dataset']}",
        title=notes("titles", kind, **values)[0],
        heads=tuple(str(head) for _, head in pairs),
        groups=tuple((label, len(list(same))) for label, same in groupby(above) if any(above)),
        blocks=tuple(
            GridBlock(str(label), tuple(rows.itertuples(index=False, name=None)))
            for label, rows in table.groupby(level=0, sort=False)
        ),
        notes=notes(kind, **values),
        left=left,
        wrapped=wrapped,
    )


def notes(*table: str, **values: Any) -> tuple[str, ...]:
    """Notes of a kind of table in `notes.yaml`, without empty ones; after `titles`, its title.

    `values` are the variables of its templates.
    """
    catalogue, environment = _notes()
    texts = reduce(operator.getitem, table, catalogue)
    templates = map(environment.from_string, [texts] if isinstance(texts, str) else texts)
    filled = (re.sub(r"[ \n]+", " ", each.render(**values)) for each in templates)
    return tuple(filter(None, (text.strip(" ") for text in filled)))


@cache
def _notes() -> tuple[Any, Environment]:
    environment = Environment(undefined=StrictUndefined)
    environment.filters |= {"counted": count, "g": lambda share: f"{100 * share:g}"}
    return yaml.safe_load(TEXTS.joinpath("notes.yaml").read_text("utf-8")), environment


def write_grid(grid: Grid, table: pd.DataFrame, outputs: Sequence[Path], wide: bool = True) -> None:
    """Write the values behind a grid, and the grid (`to_latex`), to files (`write_table`)."""
    write_table(table, to_markdown(grid), to_latex(grid, wide), outputs)


def write_table(table: pd.DataFrame, markdown: str, latex: str, outputs: Sequence[Path]) -> None:
    """Write a table to three files: values as CSV, and its texts in Markdown and LaTeX."""
    csv, *texts = outputs
    write_csv(table, csv)
    for path, text in zip(texts, (markdown, latex), strict=True):
        write_text(path, text)


def to_markdown(grid: Grid, mark: str = "") -> str:
    """Format a grid as Markdown, caption below, with a `mark` around the labels of blocks."""
    heads = list(grid.heads)
    if grid.groups:  # Markdown has only one row of headings
        above = [label for label, span in grid.groups for _ in range(span)]
        heads = [f"{a} {b}".strip() for a, b in zip(above, heads, strict=True)]
    rows: list[list[str]] = []
    for block in grid.blocks:
        label = f"{mark}{escape_markdown(block.label)}{mark}"
        rows += [[label, *[""] * (len(heads) - 1)]] if block.label else []
        rows += ([_markdown_cell(cell) for cell in row] for row in block.rows)
    table = markdown_grid(heads, rows, left=grid.left, escaped=True)
    return f"{table}\n{escape_markdown(grid.caption)}\n"


def _markdown_cell(cell: str | Cell) -> str:
    if isinstance(cell, str):
        return escape_markdown(cell)
    return (f"**{cell.text}**" if cell.best else cell.text) + cell.marks


def to_latex(grid: Grid, wide: bool = True) -> str:
    """Format a grid as LaTeX (`table*` if `wide`) for booktabs and textcomp's glyphs.

    Running text is in braces, because `\\raggedright` redefines the end of a row.
    """
    how: Any = {"trim_blocks": True, "lstrip_blocks": True, "keep_trailing_newline": True}
    latex = Environment("<%", "%>", "<<", ">>", undefined=StrictUndefined, **how)
    latex.filters["latex"] = escape_latex
    template = latex.from_string(TEXTS.joinpath("table.tex.j2").read_text("utf-8"))
    return template.render(grid=grid, wide=wide, widths=dict(grid.wrapped), cell=_latex_cell)


def _latex_cell(cell: str | Cell) -> str:
    if isinstance(cell, str):  # a number with a sign gets a real minus
        return f"${cell}$" if re.fullmatch(r"[+-]\d+(\.\d+)?", cell) else escape_latex(cell)
    text = escape_latex(cell.text)
    marks = "".join(_MARKS[mark] for mark in cell.marks)
    return (rf"\textbf{{{text}}}" if cell.best else text) + (f"$^{{{marks}}}$" if marks else "")


_MARKS = {TIED: r"\approx", AT_CHANCE: r"\dagger"}
_GLYPHS = ("backslash", "asciitilde", "asciicircum", "less", "greater", "bar")
_LATEX = str.maketrans(
    {character: f"\\{character}" for character in "&%$#_{}"}
    | {character: rf"\text{name}{{}}" for character, name in zip("\\~^<>|", _GLYPHS, strict=True)}
    | {"±": r"$\pm$", "−": "$-$", "τ": r"$\tau$", "†": r"$\dagger$", "≈": r"$\approx$"}
    | {"–": "--", "“": "``", "”": "''", '"': "''", "’": "'"}
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
