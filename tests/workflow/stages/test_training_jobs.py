"""What a training asks of Snakemake: devices, machines, threads, and labels for its log alone."""

from __future__ import annotations

import re
from copy import deepcopy
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import small_archive

pytestmark = pytest.mark.workflow


def planned(snakemake: Any, config: dict[str, Any], folder: Path) -> dict[str, str]:
    """Return the lines of the planned training, by what they are about."""
    target = "results/portraits/models/unadapted/seed0/backbone.safetensors"
    done = snakemake(folder, config, "-n", "--cores", "64", "--workflow-profile", "none", target)
    assert done.returncode == 0, done.stderr
    text = (done.stdout + done.stderr).split("rule train_unadapted:")[1]
    return dict(re.findall(r"^ {4}(\w+): (.*)$", text, re.MULTILINE))


@pytest.mark.parametrize(
    ("changes", "asked"),
    [({"device": "cpu"}, "gpu=0"), ({"device": "auto", "gpus": 4}, "gpu=4")],
)
def test_gpus(
    snakemake: Any,
    miniature: dict[str, Any],
    tmp_path: Path,
    changes: dict[str, Any],
    asked: str,
) -> None:
    config = deepcopy(miniature)
    config["recipes"]["portraits"] |= {"threads": 3} | changes
    job = planned(snakemake, config, tmp_path)
    assert asked in job["resources"]
    assert int(job["threads"]) == 3 * changes.get("gpus", 1)
    assert "manifest" not in job["input"]


def test_weights_of_the_user_are_an_input_of_every_training(snakemake: Any, tmp_path: Path) -> None:
    # another file under the same name would else give the training that was made from the first
    from safetensors.numpy import save_file

    small_archive.draw(tmp_path)
    save_file({"weight": np.zeros(3, dtype=np.float32)}, tmp_path / "weights.safetensors")
    config = small_archive.config()
    config["recipes"]["tiny"]["backbone"]["pretrained"] = "weights.safetensors"
    done = snakemake(tmp_path, config, "-n", "archive_models")
    assert done.returncode == 0, done.stderr[-3000:]
    text = done.stdout + done.stderr
    for rule in ("train_unadapted", "train_adapted"):
        jobs = text.split(f"rule {rule}:")[1:]
        assert jobs
        assert all("weights.safetensors" in job.split("output:")[0] for job in jobs)
