"""Deployments within the workflow: what is planned, and that nothing is without the setting."""

from __future__ import annotations

import re
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest

from anonbench.config import load
from anonbench.config.experiment import Experiment
from anonbench.workflow.paths import Paths


def paths_of(config: dict[str, Any], **deployments: Any) -> Paths:
    chosen = deepcopy(config) | ({"deployments": deployments} if deployments else {})
    experiment = Experiment(load(chosen))
    return Paths(experiment, {}, {name: {} for name in experiment.datasets})


def test_without_the_setting_there_is_no_file_of_them(miniature: dict[str, Any]) -> None:
    off, on = paths_of(miniature), paths_of(miniature, mixed=True)
    assert not any("deployments" in file for file in off.reported())
    assert on.reported("deployments")

    def registered(paths: Paths) -> set[str]:
        return {file for name in off.experiment.datasets for file in paths.dataset_tables(name)}

    tables = registered(on) - registered(off)
    assert {Path(file).name for file in tables} == {
        f"deployments_{name}.{suffix}"
        for name in ("portraits", "documents")
        for suffix in ("csv", "md", "tex")
    }


def test_they_are_made_of_the_highest_degree(miniature: dict[str, Any]) -> None:
    paths = paths_of(miniature, mixed=True)
    folder = "embeddings/unadapted/seed0"
    assert paths.deployed("documents") == {"mask": f"results/documents/{folder}/mask-100/val.h5"}
    assert paths.deployed("portraits") == {
        method: f"results/portraits/{folder}/{method}-100/val.h5" for method in ("blur", "mask")
    }
    assert paths.references("portraits") == [
        f"results/portraits/embeddings/unadapted/seed{seed}/original/val.h5" for seed in (0, 1)
    ]


@pytest.mark.workflow
def test_their_jobs_are_planned(snakemake: Any, miniature: dict[str, Any], tmp_path: Path) -> None:
    config = deepcopy(miniature) | {"deployments": {"mixed": True}}
    config["datasets"]["documents"]["anonymized_first"] = "class"
    target = "table_deployments_documents"
    arguments = ("--cores", "1", "--workflow-profile", "none", "-n")
    one = "results/portraits/retrieval/A-mask-100/seed0/mask-100.json"
    run = snakemake(tmp_path, config, *arguments, target, "table_deployments_portraits", one)
    assert run.returncode == 0, run.stderr[-3000:]
    jobs = run.stdout + run.stderr
    planned = re.findall(r"^(?:local)?rule (\w+):$", jobs, re.MULTILINE)
    assert planned.count("deployments") == 2
    assert {"present_others_documents", "present_others_portraits"} <= {*planned}
    inputs = {"documents": "", "portraits": ""}
    for part in jobs.split("\n["):  # each job begins with its time
        for name in inputs:
            if f"output: results/{name}/deployments.csv" in part:
                inputs[name] = part
    assert "rankings_portraits" in planned
    assert "documents/manifest.parquet" in inputs["documents"]
    assert "portraits/manifest.parquet" not in inputs["portraits"]
    assert "unadapted/seed0/mask-100/val.h5" in inputs["portraits"]


@pytest.mark.workflow
def test_near_duplicates_are_hashed_by_shard(
    snakemake: Any, miniature: dict[str, Any], tmp_path: Path
) -> None:
    config = deepcopy(miniature)
    assert not any("near_duplicates" in file for file in paths_of(config).reported())
    config["retrieval"] |= {"near_duplicates": [0, 4]}
    config["datasets"]["documents"]["shard_size"] = 8
    target = "table_near_duplicates_documents"
    arguments = ("--cores", "1", "--workflow-profile", "none", "-n")
    run = snakemake(tmp_path, config, *arguments, target)
    assert run.returncode == 0, run.stderr[-3000:]
    planned = re.findall(r"^(?:local)?rule (\w+):$", run.stdout + run.stderr, re.MULTILINE)
    assert planned.count("hash_images") > 1
    assert planned.count("near_duplicates") == planned.count("retrieve_documents") == 1
