"""Commands that make the numbers of the report."""

from __future__ import annotations

import json
from copy import deepcopy
from pathlib import Path
from typing import Any

import pandas as pd

from anonbench.config import Retrieval, load
from anonbench.config.experiment import Experiment
from anonbench.evaluation.retrieval.scoring.metrics import COLUMNS
from anonbench.evaluation.retrieval.stage.job import summarize
from anonbench.workflow.commands import commands
from anonbench.workflow.paths import Paths


def test_a_cell_is_the_file_of_its_scenario(miniature: dict[str, Any]) -> None:
    config = deepcopy(miniature) | {"training_seeds": [0, 5]}
    experiment = Experiment(load(config))
    found = commands(experiment)
    targets = Paths(experiment, {}, {}).page_targets()
    for stem, made in found.items():
        program, cores, number, target = made.table.split()
        assert (program, cores, number) == ("snakemake", "--cores", "2")
        assert target in targets and f"results/tables/{stem}.csv" in targets[target]
    cells = dict(found["retrieval_portraits_100"].cells)
    folder = "results/portraits/retrieval"
    assert cells["A, Blur"] == "snakemake --cores 2 " + " ".join(
        f"{folder}/A-blur-100/seed{seed}/blur-100.json" for seed in (0, 5)
    )
    retrained = cells["Unadapted, retrained, original images"]
    assert retrained == "snakemake --cores 2 " + " ".join(
        f"{folder}/unadapted/seed{seed}/original.json" for seed in (5, 1)
    )
    everything = {
        file for made in found.values() for _, command in made.cells for file in command.split()[3:]
    }
    all_files = {
        file
        for name in experiment.datasets
        for stage in ("retrieval", "downstream")
        for file in Paths(experiment, {}, {}).scenario_files(name, stage, "json")
    }
    assert everything == all_files, "each scenario's file is of some cell, and there are no others"
    halves = found["retrieval_documents_50"].cells
    assert not any("mask-100" in command for _, command in halves)


def test_numbers_stand_where_it_says() -> None:
    rows = [
        {"query": kind} | dict.fromkeys(COLUMNS, value)
        for kind, value in (("original", 0.25), ("anonymized", 0.5))
    ]
    summary = json.loads(
        json.dumps(summarize(pd.DataFrame(rows), 200, {"map": 0.1}, {}, Retrieval()))
    )
    assert summary["queries"]["original"]["map"] == 0.25
    assert summary["queries"]["anonymized"]["mndcg"] == 0.5


def test_a_folder_elsewhere_is_not_named(miniature: dict[str, Any], tmp_path: Path) -> None:
    elsewhere = deepcopy(miniature) | {"results": str(tmp_path / "anna")}
    found = commands(Experiment(load(elsewhere)))
    assert "anna" not in repr(found)
    command = dict(found["retrieval_portraits_100"].cells)["A, Blur"]
    assert command.endswith(" $RESULTS/portraits/retrieval/A-blur-100/seed0/blur-100.json")
