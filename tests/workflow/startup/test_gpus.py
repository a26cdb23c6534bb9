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
    arguments = ["-n", "--cores", "8", "--workflow-profile", "none"]
    few = snakemake(tmp_path, config, *arguments, "--resources", "gpu=4", "--", target)
    assert few.returncode != 0
    assert "train_unadapted portraits 0 wants 8 GPUs, and gpu=4 " in few.stdout + few.stderr
    assert "lower gpus of the recipe, or raise gpu=" in few.stdout + few.stderr
    enough = snakemake(tmp_path, config, *arguments, "--resources", "gpu=8", "--", target)
    assert enough.returncode == 0, enough.stderr


def test_memory_and_time_grow_with_the_attempt(
    snakemake: Any, miniature: dict[str, Any], tmp_path: Path
) -> None:
    target = "results/portraits/models/unadapted/seed0/backbone.safetensors"
    asked = []
    for attempt, more in (("1", []), ("3", []), ("3", ["train_unadapted:mem_mb=100+attempt"])):
        arguments = ["-n", "--cores", "8", "--workflow-profile", "none", "--attempt", attempt]
        arguments += ["--set-resources", *more] if more else []
        done = snakemake(tmp_path, miniature, *arguments, "--", target)
        assert done.returncode == 0, done.stderr
        text = (done.stdout + done.stderr).split("rule train_unadapted:")[1]
        line = next(line for line in text.splitlines() if "resources:" in line)
        values = dict(part.split("=") for part in line.split(": ", 1)[1].split(", "))
        asked.append((int(values["mem_mb"]), int(values["runtime"])))
    first, third, own = asked
    assert third == (3 * first[0], 3 * first[1])
    assert own == (103, third[1])
