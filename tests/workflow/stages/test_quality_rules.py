"""`snakemake detection_quality`: measured where the truth is known, a list everywhere."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from planned_jobs import planned

from anonbench.datasets.images import encode

pytestmark = pytest.mark.workflow


def folder_of(path: Path, miniature: dict[str, Any], **changes: Any) -> dict[str, Any]:
    """Return a config of one folder of images: too few for the recipe, enough for the rest."""
    for split, first in (("train", 0), ("val", 100)):
        (path / "images" / split).mkdir(parents=True)
        for number, name in enumerate((split, "b", "c", "d")):
            grey = np.full((40, 40), first + number, dtype=np.uint8)
            (path / "images" / split / f"{name}.png").write_bytes(encode(grey))
    config = {name: part for name, part in miniature.items() if name != "recipes"}
    config["datasets"] = {"own": {"layout": "folder", "path": "images", "detectors": ["zxing"]}}
    config["datasets"]["own"] |= changes
    return config


def test_without_a_truth_there_is_a_list_alone(
    snakemake: Any, miniature: dict[str, Any], tmp_path: Path
) -> None:
    config = folder_of(tmp_path, miniature)
    arguments = ("-n", "--cores", "1", "--workflow-profile", "none")
    run = snakemake(tmp_path, config, *arguments, "detection_quality")
    assert "quality_own" in planned(run) and "anonymize" not in planned(run)
    (made,) = re.findall(
        r"rule quality_own:\n(?:\s+input: .*\n)\s+output: (.*)", run.stdout + run.stderr
    )
    assert made == "results/own/quality/least_certain.csv"


def test_with_a_truth_it_is_measured_and_in_the_report(
    snakemake: Any, miniature: dict[str, Any], tmp_path: Path
) -> None:
    config = folder_of(tmp_path, miniature, truth="truth.csv")
    (tmp_path / "truth.csv").write_text("id,entity,x0,y0,x1,y1\ntrain/train,barcode,0,0,9,9\n")
    config["recipes"] = {"one": {"optimizer": {"batch_size": 1}}}
    config["datasets"]["own"]["recipe"] = "one"
    config["retrieval"] = {"fraction": 0.5}
    for target in ("detection_quality", "report"):
        arguments = ("-n", "--cores", "1", "--workflow-profile", "none", target)
        assert "quality_own" in planned(snakemake(tmp_path, config, *arguments))


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
