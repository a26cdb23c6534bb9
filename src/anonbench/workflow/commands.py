"""Snakemake commands that produce each number in the report's tables."""

from __future__ import annotations

from collections.abc import Iterator

from anonbench.config.experiment import Experiment
from anonbench.config.outputs import Scenario, Table, TableKind
from anonbench.core.vocabulary import Variant
from anonbench.evaluation.scores import adaption_of
from anonbench.reporting.grids.grid import TableCommands
from anonbench.reporting.labels import ADAPTIONS, METHODS
from anonbench.workflow.paths import Paths

_PROGRAM = "snakemake --cores 2"
_STAGES: dict[TableKind, str] = {"retrieval": "retrieval", "downstream": "downstream"}
_ANYWHERE = "$RESULTS"
"""Placeholder for a results folder outside the working folder: its path may name a person."""


def commands(experiment: Experiment) -> dict[str, TableCommands]:
    """Commands of each data set's tables, by the file name of the table."""
    paths = Paths(experiment, {}, {})
    found = {
        table.stem: TableCommands(
            f"{_PROGRAM} table_{table.stem}",
            tuple(_cells(paths, table)),
            _reading(experiment, table.kind),
        )
        for table in experiment.tables
    }
    of_datasets = [
        f"{name}_{dataset}"
        for dataset in experiment.datasets
        for name in experiment.tables_of(dataset)
    ]
    return found | {stem: TableCommands(f"{_PROGRAM} table_{stem}") for stem in of_datasets}


def _reading(experiment: Experiment, kind: TableKind) -> str:
    """Fields of a scenario's JSON from which a table's numbers are read."""
    if kind == "downstream":
        return f"knn.{experiment.config.downstream.k}.accuracy and linear.accuracy, as shares"
    return "queries.original.map, queries.anonymized.mndcg and so on, as shares"


def _cells(paths: Paths, table: Table) -> Iterator[tuple[str, str]]:
    """Yield the commands of a table's cells and of its baselines on original images."""
    if table.kind not in _STAGES:
        return  # the same files as for the retrieval table
    experiment = paths.experiment
    files: dict[tuple[str, str], list[str]] = {}
    for scenario, file in zip(
        experiment.scenarios(table.dataset),
        paths.scenario_files(table.dataset, _STAGES[table.kind], "json"),
        strict=True,
    ):
        is_original = scenario.variant == Variant()
        if scenario.variant.degree == table.degree or is_original:
            cell = _row(experiment, scenario, table.kind), _column(scenario)
            files.setdefault(cell, []).append(_shown(paths, file))
    for (row, column), made in files.items():
        yield f"{row}, {column}", f"{_PROGRAM} {' '.join(made)}"


def _row(experiment: Experiment, scenario: Scenario, kind: TableKind) -> str:
    adaption = adaption_of(
        scenario.model,
        scenario.seed,
        experiment.reference_seed,
        experiment.config.control_seeds,
        retrieval=kind == "retrieval",
    )
    return ADAPTIONS.get(adaption, adaption)


def _column(scenario: Scenario) -> str:
    method = scenario.variant.method
    return "original images" if method is None else METHODS.get(method, method)


def _shown(paths: Paths, file: str) -> str:
    """Path of a file in a form that is safe to publish."""
    if not paths.experiment.config.results.is_absolute():
        return file
    return f"{_ANYWHERE}{file.removeprefix(paths.results)}"
