"""The figures that are no table's: what their rules read, and when they run again."""

from __future__ import annotations

import re
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.workflow

ARGUMENTS = ("--cores", "1", "--workflow-profile", "none")


def test_costs_are_counted_after_all_that_the_report_shows(
    snakemake: Any, miniature: dict[str, Any], tmp_path: Path
) -> None:
    run = snakemake(tmp_path, miniature, *ARGUMENTS, "-n", "costs")
    assert run.returncode == 0, run.stderr[-3000:]
    planned = run.stdout + run.stderr
    rules = set(re.findall(r"^ *rule (\w+):", planned, re.MULTILINE))
    assert {
        "cost",
        "explore",
        "present_scores_portraits",
        "present_privacy_portraits",
        "quality_portraits",
        "attention_portraits",
    } <= rules
    assert "report" not in rules


@pytest.mark.parametrize("originals", [False, True])
def test_originals_are_read_only_where_they_may_be_seen(
    snakemake: Any, miniature: dict[str, Any], tmp_path: Path, originals: bool
) -> None:
    config = deepcopy(miniature)
    config["presentation"]["show_originals"] = originals
    run = snakemake(tmp_path, config, *ARGUMENTS, "-n", "results/figures/attention_portraits.png")
    assert run.returncode == 0, run.stderr[-3000:]
    inputs = re.search(r"rule attention_portraits:\n\s+input: (.*)", run.stdout + run.stderr)
    assert inputs is not None
    assert ("images/original/" in inputs[1]) == originals
    assert "images/blur-100/" in inputs[1]
    assert "images/mask-100/" not in inputs[1]  # attention is looked at on the first method
    models = set(re.findall(r"attention/([\w-]+)\.npz", run.stdout + run.stderr))
    assert models == {"unadapted", "A-blur-100"}
