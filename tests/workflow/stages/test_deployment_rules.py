"""Files of deployments; their jobs are in `test_planned_jobs`."""

from __future__ import annotations

from copy import deepcopy
from pathlib import Path
from typing import Any

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
