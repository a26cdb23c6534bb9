"""Registered tables of a data set: read, written and shown in the report."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import pandas as pd

from anonbench.anonymization.given.gather import read_given
from anonbench.config import Presentation
from anonbench.core.registries.tables import TABLES, Grid
from anonbench.evaluation.comparisons.pairwise import read_comparisons
from anonbench.evaluation.deployments import read_deployments
from anonbench.evaluation.mapped.gather import read_maps
from anonbench.evaluation.near_duplicates import read_near_duplicates
from anonbench.evaluation.policy.table import read_policy
from anonbench.evaluation.privacy.attacks.table import read_attacks
from anonbench.evaluation.privacy.rates import read_rates
from anonbench.evaluation.retrieval.training_agreement import read_agreement
from anonbench.evaluation.sample_sizes.variance import read_variances
from anonbench.reporting.grids.grid import write_grid
from anonbench.reporting.privacy_tables import (
    attacks_grid,
    front_area_grid,
    front_areas,
    given_grid,
    policy_grid,
    reidentification_grid,
)
from anonbench.reporting.retrieval_tables import (
    deployments_grid,
    mapped_grid,
    near_duplicates_grid,
    sample_size_grid,
    trainings_grid,
)
from anonbench.reporting.summary import read_scores

READERS: dict[str, Callable[[Path], pd.DataFrame]] = {
    "scores": read_scores,
    "comparisons": read_comparisons,
    "rates": read_rates,
    "attacks": read_attacks,
    "variance": read_variances,
    "trainings": read_agreement,
    "deployments": read_deployments,
    "near_duplicates": read_near_duplicates,
    "maps": read_maps,
    "given": read_given,
    "policy": read_policy,
}
"""Readers of the tables that other tables need."""
Tables = Mapping[str, pd.DataFrame]
GRIDS: dict[str, tuple[Callable[..., Grid], tuple[str, ...]]] = {
    "policy": (policy_grid, ()),
    "front_area": (front_area_grid, ()),
    "reidentification": (reidentification_grid, ("confidence", "widest_interval")),
    "attacks": (attacks_grid, ("confidence",)),
    "mapped": (mapped_grid, ("confidence",)),
    "trainings": (trainings_grid, ("confidence",)),
    "sample_sizes": (sample_size_grid, ()),
    "deployments": (deployments_grid, ("confidence",)),
    "near_duplicates": (near_duplicates_grid, ()),
    "given": (given_grid, ("confidence",)),
}
"""What makes a table that people read from a data set's name, its values, and these settings of the
section `presentation`."""


def write_dataset_table(
    name: str,
    dataset: str,
    files: Mapping[str, Path],
    presentation: Presentation,
    csv: Path,
    markdown: Path,
    latex: Path,
) -> None:
    """Write one registered table of a data set: its values, and as Markdown and LaTeX (booktabs).

    `files` are the inputs of the table, by the keys of `READERS`.
    """
    read = {need: READERS[need](files[need]) for need in TABLES[name].needs}
    grid = dataset_grid(name, dataset, read, presentation)
    write_grid(grid, _values(name, read), csv, markdown, latex)


def dataset_grid(name: str, dataset: str, read: Tables, presentation: Presentation) -> Grid:
    """One registered table of a data set from the tables that it needs."""
    make, settings = GRIDS[name]
    return make(dataset, _values(name, read), *(getattr(presentation, each) for each in settings))


def _values(name: str, read: Tables) -> pd.DataFrame:
    if name == "front_area":
        return front_areas(read["policy"], read["scores"])
    return read[TABLES[name].needs[0]]
