"""What jobs ask for stands by the name of their script."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import yaml

from anonbench.config import load
from anonbench.config.experiment import Experiment
from anonbench.config.job_resources import job_resources
from anonbench.config.resources import Estimates
from anonbench.core.vocabulary import Split

WILDCARDS = {"dataset": "celeba", "split": "val", "model": "unadapted"}


class Wildcards(dict[str, str]):
    """What Snakemake hands to functions of wildcards."""

    __getattr__ = dict.__getitem__


def jobs_of_the_paper(root: Path) -> dict[str, dict[str, Any]]:
    experiment = Experiment(load(yaml.safe_load((root / "config/paper.yaml").read_text("utf-8"))))
    sizes = {Split.TRAIN: 40_000, Split.VAL: 400}
    estimates = Estimates(experiment, dict.fromkeys(experiment.datasets, sizes))
    wildcards = Wildcards(WILDCARDS)
    return {
        script: {name: each(wildcards) if callable(each) else each for name, each in asked.items()}
        for script, asked in job_resources(estimates).items()
    }


def test_every_name_is_a_script(root: Path) -> None:
    there = {path.stem for path in (root / "workflow/scripts").glob("*.py")}
    assert jobs_of_the_paper(root).keys() <= there


def test_jobs_and_the_plan_ask_for_a_time_by_the_name_of_a_script(root: Path) -> None:
    source = (root / "src/anonbench/config/job_resources.py").read_text("utf-8")
    asked = set(re.findall(r'minutes\("(\w+)"\)', source))
    assert asked >= {"train", "reidentify"}
    assert not [name for name in asked if not (root / f"workflow/scripts/{name}.py").is_file()]


def test_no_rule_names_again_what_its_script_asks_for(root: Path) -> None:
    # those of one data set each do, for their jobs have no wildcard
    for path in (root / "workflow/rules").glob("*.smk"):
        assert not re.findall("^    (?:threads|resources):", path.read_text("utf-8"), re.MULTILINE)


def test_jobs_ask_for_numbers(root: Path) -> None:
    jobs = jobs_of_the_paper(root)
    for script, asked in jobs.items():
        for name, value in asked.items():
            assert isinstance(value, int) or name in ("mpi", "tasks"), (script, name)
    assert jobs["train"]["gpu"] == jobs["embed"]["gpu"] == 1
    assert jobs["train"]["mpi"] is None
    assert jobs["train"]["threads"] == 8
    assert jobs["train"]["runtime"] > jobs["embed"]["runtime"] >= 5
    assert jobs["copy_originals"] == jobs["anonymize"]


def test_a_job_of_a_few_images_takes_less_than_one_of_many(root: Path) -> None:
    values = yaml.safe_load((root / "config/paper.yaml").read_text("utf-8"))
    experiment = Experiment(load(values))
    sizes = {Split.TRAIN: 8_000, Split.VAL: 80}
    asked = job_resources(Estimates(experiment, dict.fromkeys(experiment.datasets, sizes)))
    few, many = (
        asked["detect"]["runtime"](Wildcards(WILDCARDS | {"split": split}))  # type: ignore[operator]
        for split in ("val", "train")
    )
    assert few < many
