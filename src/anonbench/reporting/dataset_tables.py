"""Registered tables of a data set: read, written and shown in the report."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import pandas as pd

from anonbench.anonymization.given.gather import read_given
from anonbench.config import Presentation
from anonbench.core.io import write_csv
from anonbench.core.registries.tables import Grid, Results
from anonbench.evaluation.comparisons.pairwise import read_comparisons
from anonbench.evaluation.deployments.table import read_deployments
from anonbench.evaluation.mapped.gather import read_maps
from anonbench.evaluation.policy.table import read_policy
from anonbench.evaluation.privacy.attacks.table import read_attacks
from anonbench.evaluation.privacy.rates import read_rates
from anonbench.evaluation.retrieval.training_agreement import read_agreement
from anonbench.evaluation.sample_sizes.variance import read_variances
from anonbench.reporting.grids.grid import to_latex, to_markdown, write_text
from anonbench.reporting.kinds import KINDS
from anonbench.reporting.summary import read_scores

READERS: dict[str, Callable[[Path], pd.DataFrame]] = {
    "scores": read_scores,
    "comparisons": read_comparisons,
    "rates": read_rates,
    "attacks": read_attacks,
    "variance": read_variances,
    "trainings": read_agreement,
    "deployments": read_deployments,
    "maps": read_maps,
    "given": read_given,
    "policy": read_policy,
}
"""Readers of the tables that other tables need."""


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
        presentation: section of the config, with the table's own section.
        csv: CSV file of its values.
        markdown: Markdown file to write.
        latex: LaTeX file to write; needs booktabs.
    """
    table = presentation.of(KINDS[name])
    tables = {need: READERS[need](files[need]) for need in table.needs}
    results = Results(dataset, tables, presentation)
    grid = table.grid(results)
    write_csv(table.values(results), csv)
    write_text(markdown, to_markdown(grid))
    write_text(latex, to_latex(grid))


def sections(
    datasets: Mapping[str, Mapping[str, pd.DataFrame]], presentation: Presentation
) -> dict[str, list[Grid]]:
    """Grids of the registered tables, by the name of the table.

    Args:
        datasets: by data set, the existing tables, by the keys of `READERS`.
        presentation: section of the config, which names the tables.
    """
    found: dict[str, list[Grid]] = {}
    for name in presentation.tables:
        kind = KINDS[name]
        grids = [
            presentation.of(kind).grid(Results(dataset, tables, presentation))
            for dataset, tables in datasets.items()
            if set(kind.needs) <= tables.keys()
        ]
        if grids:
            found[name] = grids
    return found
