"""Evidence pages of the report, with the figures and tables on each."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path
from typing import Any

import pandas as pd

from anonbench.config import Presentation
from anonbench.config.outputs import Figure
from anonbench.core.registries.tables import Grid
from anonbench.core.vocabulary import ORIGINAL
from anonbench.evaluation.policy.evidence import MISSED
from anonbench.reporting import dataset_tables
from anonbench.reporting.choices.best import Bests
from anonbench.reporting.choices.effects import costs_grid
from anonbench.reporting.choices.recommendations import recommendations_grid
from anonbench.reporting.grids.layout import Layout, lay_out
from anonbench.reporting.html import tables
from anonbench.reporting.html.dataset_section import DatasetSection
from anonbench.reporting.html.pictures import FIGURES, Picture, pictures
from anonbench.reporting.html.words import Facts
from anonbench.reporting.labels import ENTITIES, METHODS


@dataclass(frozen=True)
class Results:
    """Tables read for a data set."""

    section: DatasetSection
    tables: Mapping[str, pd.DataFrame]
    summary: pd.DataFrame
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
    "policy": "privacy",
    "front_area": "privacy",
    "reidentification": "privacy",
    "attacks": "privacy",
    "given": "privacy",
    "corrected": "retrieval",
    "mapped": "retrieval",
    "deployments": "retrieval",
    "trainings": "models",
}
"""Page of each registered table; tables not listed are on the page of methods and statistics."""
FOLDED = ("learning",)
"""Kinds of figures that are always folded, even as the first of their page."""


@dataclass
class EvidencePage:
    """Evidence page: its first figure is visible, everything else is folded."""

    name: str
    title: str
    figures: list[tuple[str, list[Picture]]] = field(default_factory=list)
    layouts: list[Layout] = field(default_factory=list)
    grids: list[Grid] = field(default_factory=list)

    @property
    def opened(self) -> list[tuple[str, list[Picture]]]:
        """Figures that are visible at once."""
        return [each for each in self.figures[:1] if each[0] not in FOLDED]

    @property
    def folded(self) -> list[tuple[str, list[Picture]]]:
        """Figures that are folded."""
        return self.figures[len(self.opened) :]


def add_figures(pages: Mapping[str, EvidencePage], datasets: Sequence[DatasetSection]) -> None:
    """Add the figures that show more than a table does."""
    files: list[tuple[Figure, Path]] = list(chain.from_iterable(s.figures for s in datasets))
    for kind, listed in FIGURES.items():
        chosen = [
            (figure, path)
            for figure, path in files
            if figure.metric in (None, METRIC) and figure.query in (None, ORIGINAL)
        ]
        if found := pictures(chosen, kind):
            pages[listed["page"]].figures.append((kind, found))


def add_layouts(
    pages: Mapping[str, EvidencePage], results: Sequence[Results], config: Mapping[str, Any]
) -> None:
    """Add the paper's tables."""
    confidence = config.get("presentation", {}).get("confidence")
    sure = {} if confidence is None else {"confidence": confidence}
    pages["models"].layouts = [
        lay_out(table, r.tables["scores"], r.tables.get("comparisons"), **sure)
        for kind in ("retrieval", "agreement", "downstream")
        for r in results
        for table in r.section.tables
        if table.kind == kind
    ]


def add_grids(
    pages: Mapping[str, EvidencePage],
    results: Sequence[Results],
    shown: Presentation,
    effects: Mapping[str, pd.DataFrame],
    bests: Bests,
    paper: Sequence[Grid],
    system: str | None,
) -> None:
    """Add all other tables."""
    for name, table in effects.items():
        if (grid := costs_grid(name, table)) is not None:
            pages["retrieval"].grids.append(grid)
    read = {r.section.name: r.tables for r in results}
    for name, grids in dataset_tables.sections(read, shown).items():
        pages[TABLES.get(name, "statistics")].grids += grids
    for r in results:
        for degree, path in sorted(r.section.correlations.items()):
            if path.is_file():
                pages["models"].grids += tables.correlations(r.section.name, degree, path)
    pages["images"].grids += tables.attention(_files(results, "attention"))
    pages["detection"].grids += [
        *tables.quality(_files(results, "quality")),
        *tables.sizes(_files(results, "counts")),
        *tables.skipped(_files(results, "skipped")),
    ]
    pages["paper"].grids += [
        *([] if system else [recommendations_grid(effects, bests)]),
        *paper,
    ]


def _files(results: Sequence[Results], key: str) -> dict[str, Path]:
    """Existing files of a key, by data set."""
    return {r.section.name: path for r in results if (path := r.section.file(key))}


def span(first: Mapping[str, Any]) -> dict[str, Any] | None:
    """Lowest and highest values of a data set's first page, each with its method, or None.

    Keys: `dataset`, `kept` and `rates`, which are None if nothing is known.
    """
    shown = [row for row in first["rows"] if row["shown"]]
    found: dict[str, Any] = {"dataset": first["name"]}
    for key, name in (("kept", "kept"), ("rates", "rate")):
        known = [row for row in shown if row[f"{name}_bar"]]
        known.sort(key=lambda row: (row[f"{name}_bar"].value, row[name], row["label"]))
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


def labels(explorers: Iterable[Mapping[str, Any]]) -> dict[str, str]:
    """Labels of methods, including those named in the config."""
    shown = {run["method"] for explorer in explorers for run in explorer["scenarios"]}
    return METHODS | {name: METHODS[name] for name in shown - {ORIGINAL}}


def not_run(layout: Layout) -> str:
    """List the cells of a table without a value, with reasons; empty if there are none."""
    columns = [label for _ in layout.groups for _, label in layout.methods]
    rows = [row for block in layout.blocks for row in block.rows]
    missing = [
        (row.label, column)
        for row in rows
        for cell, column in zip(row.cells, columns, strict=True)
        if cell.value is None
    ]
    if not missing:
        return ""
    if len(missing) == len(rows) * len(columns):
        return "Not run: no scenario of this table has a score."
    names = dict.fromkeys(f"{row} with {column}" for row, column in missing)
    return (
        f"Not run: {', '.join(names)}. The scores have no value there: the scenario is not part of "
        "the experiment, or its training or scoring failed (see the folder logs of the results)."
    )
