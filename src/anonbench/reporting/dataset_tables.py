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
    corrected_grid,
    corrected_scores,
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
VALUES: dict[str, Callable[[Tables], pd.DataFrame]] = {
    "front_area": lambda read: front_areas(read["policy"], read["scores"]),
    "corrected": lambda read: corrected_scores(read["scores"]),
}
"""CSV files of the tables; those of other tables hold what the table needs."""
GRIDS: dict[str, Callable[[str, Tables, Presentation], Grid]] = {
    "policy": lambda name, read, _: policy_grid(name, read["policy"]),
    "front_area": lambda name, read, _: front_area_grid(name, VALUES["front_area"](read)),
    "corrected": lambda name, read, _: corrected_grid(name, read["scores"]),
    "reidentification": lambda name, read, shown: reidentification_grid(
        name, read["rates"], shown.confidence, shown.widest_interval
    ),
    "attacks": lambda name, read, shown: attacks_grid(name, read["attacks"], shown.confidence),
    "mapped": lambda name, read, shown: mapped_grid(name, read["maps"], shown.confidence),
    "trainings": lambda name, read, shown: trainings_grid(
        name, read["trainings"], shown.confidence
    ),
    "sample_sizes": lambda name, read, _: sample_size_grid(name, read["variance"]),
    "deployments": lambda name, read, shown: deployments_grid(
        name, read["deployments"], shown.confidence
    ),
    "near_duplicates": lambda name, read, _: near_duplicates_grid(name, read["near_duplicates"]),
    "given": lambda name, read, shown: given_grid(name, read["given"], shown.confidence),
}
"""Tables as people read them, from a data set's name, what it needs, and the section of the config.
"""


def write_dataset_table(
    name: str,
    dataset: str,
    files: Mapping[str, Path],
    presentation: Presentation,
    csv: Path,
    markdown: Path,
    latex: Path,
) -> None:
    """Write one registered table of a data set.

    Args:
        name: name of the table.
        dataset: name of the data set.
        files: inputs of the table, by the keys of `READERS`.
        presentation: section of the config.
        csv: CSV file of its values.
        markdown: Markdown file to write.
        latex: LaTeX file to write; needs booktabs.
    """
    needs = TABLES[name].needs
    read = {need: READERS[need](files[need]) for need in needs}
    grid = GRIDS[name](dataset, read, presentation)
    values = VALUES[name](read) if name in VALUES else read[needs[0]]
    write_grid(grid, values, csv, markdown, latex)


def sections(datasets: Mapping[str, Tables], presentation: Presentation) -> dict[str, list[Grid]]:
    """Grids of the registered tables, by the name of the table.

    Args:
        datasets: by data set, the existing tables, by the keys of `READERS`.
        presentation: section of the config.
    """
    found: dict[str, list[Grid]] = {}
    for name in TABLES:
        grids = [
            GRIDS[name](dataset, read, presentation)
            for dataset, read in datasets.items()
            if set(TABLES[name].needs) <= read.keys()
        ]
        if grids:
            found[name] = grids
    return found
