"""Evidence pages of the report, with the figures and tables on each."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd

from anonbench.config import Presentation
from anonbench.core.registries.tables import Grid
from anonbench.core.vocabulary import ORIGINAL
from anonbench.evaluation.policy.evidence import MISSED
from anonbench.reporting import dataset_tables
from anonbench.reporting.choices.best import Bests
from anonbench.reporting.choices.effects import costs_grid, recommendations_grid
from anonbench.reporting.grids.layout import Layout, lay_out
from anonbench.reporting.html import tables
from anonbench.reporting.html.dataset_section import DatasetSection, digested
from anonbench.reporting.html.page import FIGURES, Picture, pictures
from anonbench.reporting.html.words import Facts
from anonbench.reporting.labels import ENTITIES


@dataclass(frozen=True)
class Results:
    """Tables read for a data set."""

    section: DatasetSection
    tables: Mapping[str, pd.DataFrame]
    effects: pd.DataFrame | None
    choices: pd.DataFrame
    facts: Facts


PAGES = {
    "retrieval": "Retrieval",
    "models": "Models",
    "privacy": "Privacy",
    "images": "Images",
    "detection": "Detection",
    "paper": "Paper beside ours",
    "statistics": "Methods and statistics",
    "provenance": "Provenance",
}
"""Evidence pages: id and title."""
METRIC = "map"
"""Metric whose figures are in the report; those of other metrics are only files."""
TABLES = {
    **dict.fromkeys(("policy", "front_area", "reidentification", "attacks", "given"), "privacy"),
    **dict.fromkeys(("corrected", "mapped", "deployments"), "retrieval"),
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

    `effects` are those of each data set; of the other arguments see
    `anonbench.reporting.html.build.build_report`.

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
    read = {r.section.name: r.tables for r in results}
    for name, of_sets in dataset_tables.sections(read, shown).items():
        grids[TABLES.get(name, "statistics")] += of_sets
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


def span(first: Mapping[str, Any]) -> dict[str, Any] | None:
    """Lowest and highest values of a data set's first page, each with its method, or None.

    Keys: `dataset`, `kept` and `rates`, which are None if nothing is known.
    """
    shown = [row for row in first["rows"] if row["shown"]]
    found: dict[str, Any] = {"dataset": first["name"]}
    for key, name in (("kept", "kept"), ("rates", "rate")):
        known = [row for row in shown if row[f"{name}_bar"]]
        known.sort(key=lambda row: (row[f"{name}_bar"]["value"], row[name], row["label"]))
        ends = [known[0], known[-1]] if known else []
        found[key] = [text for row in ends for text in (row[name], row["label"])] or None
    return found if shown else None


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
    """List the cells of a table without a value, with reasons; empty if there are none."""
    columns = [label for _ in layout.groups for _, label in layout.methods]
    cells = [
        (f"{row.label} with {column}", cell.value is None)
        for block in layout.blocks
        for row in block.rows
        for cell, column in zip(row.cells, columns, strict=True)
    ]
    missing = dict.fromkeys(name for name, is_missing in cells if is_missing)
    if not missing:
        return ""
    if all(is_missing for _, is_missing in cells):
        return "Not run: no scenario of this table has a score."
    return (
        f"Not run: {', '.join(missing)}. The scores have no value there: the scenario is not part "
        "of the experiment, or its training or scoring failed (see the folder logs of the results)."
    )
