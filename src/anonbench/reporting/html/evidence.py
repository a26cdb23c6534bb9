"""Evidence pages of the report, with the figures and tables on each."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pandas as pd

from anonbench.config import Presentation
from anonbench.core.registries.tables import TABLES as REGISTERED
from anonbench.core.registries.tables import Grid
from anonbench.core.vocabulary import ORIGINAL
from anonbench.evaluation.policy.evidence import MISSED
from anonbench.reporting.choices.effects import costs_grid, recommendations_grid
from anonbench.reporting.choices.table import Bests
from anonbench.reporting.dataset_tables import dataset_grid
from anonbench.reporting.grids.layout import Layout, lay_out
from anonbench.reporting.html import tables
from anonbench.reporting.html.dataset_section import DatasetSection, digested
from anonbench.reporting.html.page import FIGURES, Picture, pictures
from anonbench.reporting.html.words import Facts
from anonbench.reporting.labels import ENTITIES, WORDS
from anonbench.reporting.notes import notes


@dataclass(frozen=True)
class Results:
    """Tables read for a data set."""

    section: DatasetSection
    tables: Mapping[str, pd.DataFrame]
    effects: pd.DataFrame | None
    choices: pd.DataFrame
    facts: Facts


PAGES = WORDS["pages"]
"""Evidence pages: id and title."""
METRIC = "map"
"""Metric whose figures are in the report; those of other metrics are only files."""
TABLES = {
    **dict.fromkeys(("policy", "front_area", "reidentification", "attacks", "given"), "privacy"),
    **dict.fromkeys(("mapped", "deployments"), "retrieval"),
    "trainings": "models",
}
"""Page of each registered table; tables not listed are on the page of methods and statistics."""


@dataclass
class EvidencePage:
    """Evidence page: its first figure is visible, everything else is folded."""

    name: str
    title: str
    figures: list[tuple[str, list[Picture]]] = field(default_factory=list)
    """By kind."""
    layouts: list[Layout] = field(default_factory=list)
    grids: list[Grid] = field(default_factory=list)


def evidence_pages(
    results: Sequence[Results],
    shown: Presentation,
    effects: Mapping[str, pd.DataFrame],
    bests: Bests,
    paper: Sequence[Grid],
    system: str | None,
    versions: Mapping[str, str],
    effort: Path | None,
) -> list[EvidencePage]:
    """Pages with the figures that show more than a table does, and with all tables.

    Raises:
        InputError: a figure is not a PNG, or a file lacks a column.
    """
    pages = {name: EvidencePage(name, title) for name, title in PAGES.items()}
    grids = {name: page.grids for name, page in pages.items()}
    figures = [
        (figure, path)
        for r in results
        for figure, path in r.section.figures
        if figure.metric in (None, METRIC) and figure.query in (None, ORIGINAL)
    ]
    for kind, listed in FIGURES.items():
        if found := pictures(figures, kind):
            pages[listed["page"]].figures.append((kind, found))
    pages["models"].layouts = [
        lay_out(table, r.tables["scores"], r.tables.get("comparisons"), shown.confidence)
        for kind in ("retrieval", "agreement", "downstream")
        for r in results
        for table in r.section.tables
        if table.kind == kind
    ]
    for name, table in effects.items():
        if (grid := costs_grid(name, table)) is not None:
            grids["retrieval"].append(grid)
    for name in shown.tables:
        grids[TABLES.get(name, "statistics")] += [
            dataset_grid(name, r.section.name, r.tables, shown)
            for r in results
            if set(REGISTERED[name].needs) <= r.tables.keys()
        ]
    for r in results:
        for degree, path in sorted(r.section.correlations.items()):
            if path.is_file():
                grids["models"] += tables.correlations(r.section.name, degree, path)

    def files(key: str) -> dict[str, Path]:
        return {r.section.name: path for r in results if (path := r.section.file(key))}

    grids["images"] += tables.attention(files("attention"))
    grids["detection"] += tables.quality(files("quality"))
    grids["detection"] += tables.sizes(files("counts")) + tables.skipped(files("skipped"))
    grids["paper"] += [] if system else [recommendations_grid(effects, bests)]
    grids["paper"] += paper
    stored = digested(r.section for r in results)
    grids["provenance"] += tables.provenance(versions, stored, effort)
    return list(pages.values())


def missed(policy: pd.DataFrame | None) -> Iterable[str]:
    """Yield the share of each entity's true area that the detectors of a data set miss."""
    if policy is None:
        return
    rows = policy[(policy["rule"] == MISSED) & policy["value"].notna()]
    for row in rows.drop_duplicates("entity").to_dict("records"):
        entity = ENTITIES.get(row["entity"], row["entity"])
        named = entity if entity.isupper() else entity.lower()  # MRZ, face
        yield f"{100 * row['value']:.1f} % of the {named} area ({row['dataset']})"


def not_run(layout: Layout) -> str:
    """Say that cells of a table have no value, and why; empty if all have one."""
    cells = [cell for block in layout.blocks for row in block.rows for cell in row.cells]
    missing = sum(cell.value is None for cell in cells)
    return " ".join(notes("without_value", missing=missing, cells=len(cells)))
