"""The tables, files and figures of the page of findings, from the results of its runs.

`python tools/site/findings.py`, after `snakemake findings` with config/celeba_systems.yaml,
config/celeba_10k.yaml and config/documents_systems.yaml, and after tools/site/sensitivity.py. What
was not run here stays as it is.
"""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pandas as pd

from anonbench.core.registries.tables import Grid, GridBlock
from anonbench.reporting.findings.models import effects_grid
from anonbench.reporting.findings.systems import orders_grid, values_grid
from anonbench.reporting.grids.grid import to_markdown

ROOT = Path(__file__).resolve().parents[2]
RESULTS = ROOT / "results"
PAGE = ROOT / "docs/explanation/findings.md"
FILES = ROOT / "docs/explanation/findings"
IMAGES = ROOT / "docs/images"

SOURCES = {
    "systems": "celeba_systems/findings/systems.csv",
    "orders": "celeba_systems/findings/orders.csv",
    "models": "celeba_10k/findings/models.csv",
    "claims": "celeba_10k/paper/claims.csv",
    "pages": "documents_systems/findings/systems.csv",
    "pages_orders": "documents_systems/findings/orders.csv",
}
"""Where a file beside the page comes from."""
FIGURES = {"findings_systems.png": "celeba_systems/findings/systems.png"}
AS_THEY_ARE = ("orders", "pages_orders", "claims", "sensitivity")
"""Files whose numbers are no shares; those of the others are shown in percent."""


def claims_grid(claims: pd.DataFrame) -> Grid:
    """Return the verdict on each claim of the paper, by both references."""
    ours = claims[claims["numbers"].str.startswith("ours") & (claims["scope"] == "all")]
    by = ours.set_index(["claim", "numbers"])
    rows = tuple(
        (str(statement), *(_verdict(by, (claim, whose)) for whose in WHOSE))
        for claim, statement in dict(zip(ours["claim"], ours["statement"], strict=True)).items()
    )
    return Grid(
        stem="claims",
        title="Claims",
        notes=(),
        heads=("Claim", "By the ranking of each training", "By other trainings"),
        blocks=(GridBlock("", rows),),
        left=3,
    )


WHOSE = ("ours", "ours by a second training")


def _verdict(by: pd.DataFrame, place: tuple[str, str]) -> str:
    if place not in by.index:
        return "–"
    row = by.loc[place]
    if not row["cases"]:
        return f"{row['verdict']}: not run"
    return f"{row['verdict']} ({row['holds']} of {row['cases']}, {row['significant']} told apart)"


def sensitivity_grid(found: pd.DataFrame) -> Grid:
    """Return mAP under each change of a setting, with what ran again for it."""
    wide = found.pivot(index="change", columns=["system", "query"])
    blocks = []
    for system in dict.fromkeys(found["system"]):
        rows = []
        for change, ran in dict(zip(found["change"], found["ran"], strict=True)).items():
            cells = [
                f"{wide[f'map_{method}', system, query][change]:.1f}"
                for query in ("original", "anonymized")
                for method in ("pixelate", "blur", "mask")
            ]
            rows.append((change, *cells, ran or "–"))
        blocks.append(GridBlock(system, tuple(rows)))
    return Grid(
        stem="sensitivity",
        title="mAP (%) with original queries, then with anonymized ones",
        notes=(),
        heads=("Changed", *("Pixelate", "Blur", "Mask") * 2, "Ran again"),
        blocks=tuple(blocks),
    )


GRIDS = {
    "systems": values_grid,
    "orders": orders_grid,
    "models": effects_grid,
    "claims": claims_grid,
    "pages": values_grid,
    "pages_orders": orders_grid,
    "sensitivity": sensitivity_grid,
}
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
    copies = {FILES / f"{name}.csv": place for name, place in SOURCES.items()}
    copies |= {IMAGES / name: place for name, place in FIGURES.items()}
    for target, place in copies.items():
        if (RESULTS / place).exists():
            shutil.copy(RESULTS / place, target)
    PAGE.write_text(with_tables(PAGE.read_text(encoding="utf-8")), encoding="utf-8")


if __name__ == "__main__":
    main()
