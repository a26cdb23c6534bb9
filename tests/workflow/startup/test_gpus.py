"""Snakemake counts GPUs, `devices` says which: trainings side by side on one machine."""

from __future__ import annotations

from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest

import preloaded

pytestmark = pytest.mark.workflow

SNAKEFILE = """
rule all:
    input: expand("done/{n}.txt", n=range(6))
rule train:
    output: "done/{n}.txt"
    resources: gpu=1
    script: "train.py"
"""
TRAIN = """
import time
from pathlib import Path
from anonbench.core.libraries.devices import locked_gpus
with locked_gpus(1, Path("locks")) as mine:
    began = time.time()
    time.sleep(2)
    Path(snakemake.output[0]).write_text(f"{mine[0]} {began} {time.time()}")
"""


def test_four_trainings_run_at_once_each_on_its_own_device(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "Snakefile").write_text(SNAKEFILE, encoding="utf-8")
    (tmp_path / "train.py").write_text(TRAIN, encoding="utf-8")
    # the GPUs of this test are names; nothing is computed on them
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0,1,2,3")
    given = ["--cores", "8", "--resources", "gpu=4"]
    done = preloaded.completed("snakemake", given, tmp_path)
    assert done.returncode == 0, done.stderr
    texts = [path.read_text(encoding="utf-8").split() for path in tmp_path.glob("done/*.txt")]
    runs = [(device, float(began), float(ended)) for device, began, ended in texts]
    in_use = [
        [device for device, began, ended in runs if began <= moment < ended]
        for _, moment, _ in runs
    ]
    assert max(map(len, in_use)) == 4
    assert all(len(set(devices)) == len(devices) for devices in in_use)


def test_more_gpus_than_there_may_be_are_refused(
    snakemake: Any, miniature: dict[str, Any], tmp_path: Path
) -> None:
    config = deepcopy(miniature)
    config["recipes"]["portraits"] |= {"device": "auto", "gpus": 8}
    target = "results/portraits/models/unadapted/seed0/backbone.safetensors"
    arguments = ["-n", "--cores", "8", "--workflow-profile", "none", "--resources", "gpu=4"]
    few = snakemake(tmp_path, config, *arguments, "--", target)
    assert few.returncode != 0
    assert "train_unadapted portraits 0 wants 8 GPUs, and gpu=4 " in few.stdout + few.stderr
    assert "lower gpus of the recipe, or raise gpu=" in few.stdout + few.stderr
