"""The tables, files and figure of the page of findings, from a run's results.

`python tools/site/findings.py`, after `snakemake findings --configfile config/celeba_systems.yaml`.
"""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pandas as pd

from anonbench.reporting.findings.systems import orders_grid, values_grid
from anonbench.reporting.grids.grid import to_markdown

ROOT = Path(__file__).resolve().parents[2]
RESULTS = ROOT / "results/celeba_systems/findings"
PAGE = ROOT / "docs/explanation/findings.md"
FILES = ROOT / "docs/explanation/findings"
FIGURE = ROOT / "docs/images/findings_systems.png"

GRIDS = {"systems": values_grid, "orders": orders_grid}
"""How the table of a file is laid out on the page."""
_TABLE = re.compile(r"(?s)(<!-- table: (\w+) -->\n).*?(<!-- end -->)")
_NUMBER = re.compile(r"(−?[\d.]+)(?: %)?<!-- (\w+): ([^>]*?) -->")


def read(name: str) -> pd.DataFrame:
    """Return a file that is committed beside the page."""
    return pd.read_csv(FILES / f"{name}.csv", keep_default_na=False, na_values=[""])


def with_tables(text: str) -> str:
    """Return a page's text with its tables as the files have them."""

    def table(found: re.Match[str]) -> str:
        return f"{found[1]}{to_markdown(GRIDS[found[2]](read(found[2])))}{found[3]}"

    return _TABLE.sub(table, text)


def numbers(text: str) -> list[tuple[str, str, list[str]]]:
    """Return the numbers of a page that name where they stand: number, file, and the cell.

    A cell is the column's name, and values that only one row of the file has.
    """
    return [(found[1], found[2], found[3].split(", ")) for found in _NUMBER.finditer(text)]


def value(file: str, cell: list[str]) -> float:
    """Return a number of a file.

    Raises:
        ValueError: no row of the file has these values, or several have.

    """
    column, *values = cell
    table = read(file)
    rows = table[[set(values) <= set(map(str, row)) for row in table.itertuples(index=False)]]
    if len(rows) != 1:
        raise ValueError(f"{len(rows)} rows of {file}.csv have {', '.join(values)}")
    return float(rows.iloc[0][column])


def main() -> None:
    """Bring the page up to the results."""
    FILES.mkdir(exist_ok=True)
    for name in GRIDS:
        shutil.copy(RESULTS / f"{name}.csv", FILES)
    shutil.copy(RESULTS / "systems.png", FIGURE)
    PAGE.write_text(with_tables(PAGE.read_text(encoding="utf-8")), encoding="utf-8")


if __name__ == "__main__":
    main()
