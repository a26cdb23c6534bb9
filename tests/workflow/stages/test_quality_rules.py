"""`snakemake detection_quality`: measured where the truth is known, a list everywhere."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import small_archive
from planned_jobs import planned

pytestmark = pytest.mark.workflow


def test_without_a_truth_there_is_a_list_alone(snakemake: Any, tmp_path: Path) -> None:
    small_archive.draw(tmp_path)
    config = small_archive.config()
    config["recipes"]["tiny"]["optimizer"]["batch_size"] = 100  # too many for a training alone
    arguments = ("-n", "--cores", "1", "--workflow-profile", "none")
    run = snakemake(tmp_path, config, *arguments, "detection_quality")
    assert "quality_archive" in planned(run) and "anonymize" not in planned(run)
    (made,) = re.findall(
        r"rule quality_archive:\n(?:\s+input: .*\n)\s+output: (.*)", run.stdout + run.stderr
    )
    assert made == "results/archive/quality/least_certain.csv"


@pytest.mark.slow
def test_the_demo_is_measured_by_what_was_drawn(done: Path) -> None:
    folder = done / "results" / "portraits" / "quality"
    summary = pd.read_csv(folder / "summary.csv").set_index(["entity", "metric"])
    assert summary.loc[("face", "covered"), "images"] == 52
    assert 0.8 < summary.loc[("face", "covered"), "value"] <= 1
    left = pd.read_csv(folder / "visible_area.csv").set_index(["degree", "entity"])["visible_area"]
    missed = 1 - summary.loc[("face", "covered"), "value"]
    assert abs(left[100, "face"] - missed) < 1e-6
    assert "| Face | 52 |" in (folder / "summary.md").read_text(encoding="utf-8")
    assert len(pd.read_csv(folder / "least_certain.csv")) >= 4
