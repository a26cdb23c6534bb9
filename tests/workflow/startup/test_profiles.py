"""Profiles name what there is, and say alike what a run does after a failure."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

SHARED = ("logger", "keep-going", "rerun-incomplete", "show-failed-logs", "rerun-triggers")


def profile(root: Path, name: str) -> dict[str, Any]:
    return yaml.safe_load((root / "profiles" / name / "config.yaml").read_text(encoding="utf-8"))


def test_groups_are_of_rules_that_exist(root: Path) -> None:
    text = "\n".join(path.read_text(encoding="utf-8") for path in root.glob("workflow/rules/*.smk"))
    rules = set(re.findall(r"^rule (\w+):", text, re.MULTILINE))
    rules |= set(re.findall(r"^use rule \w+ as (\w+) ", text, re.MULTILINE))
    slurm = profile(root, "slurm")
    assert slurm["groups"].keys() <= rules
    assert set(slurm["groups"].values()) == slurm["group-components"].keys()


@pytest.mark.parametrize("name", ["slurm", "kubernetes"])
def test_profiles_agree_on_what_a_run_is(root: Path, name: str) -> None:
    default, other = profile(root, "default"), profile(root, name)
    assert {key: other[key] for key in SHARED} == {key: default[key] for key in SHARED}


def test_a_training_is_no_member_of_a_group(root: Path) -> None:
    # its checkpoint and its time limit are those of a Slurm job of its own
    assert not {"train_unadapted", "train_adapted"} & profile(root, "slurm")["groups"].keys()
