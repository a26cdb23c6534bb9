"""Real trainings of two processes: one fails, all end, the next run comes to the same bytes."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from anonbench.config.training import Recipe
from anonbench.core.errors import InputError, Interrupted
from anonbench.core.io import read_json
from anonbench.core.vocabulary import Adaption
from anonbench.datasets.image_sets.shards import ImageSet
from anonbench.training.loop import launch
from anonbench.training.loop.launch import TrainingFailed, TrainJob

Make = Callable[..., Recipe]
RANKS = Path(__file__).parents[1] / "ranks"

Launch = Callable[..., TrainJob]


@pytest.fixture
def start(
    recipe: Make,
    write_shard: Callable[[Path], Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Launch:
    """Return a function that runs a training of two processes: `start("1 3 kill", name="a")`."""
    shard = write_shard(tmp_path / "0.tar")
    monkeypatch.setattr(launch, "RANK_MODULE", "failing_rank")
    paths = [str(RANKS), os.environ.get("PYTHONPATH", "")]
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(paths))

    def run(fails: str = "9 9 never", name: str = "part", **changes: Any) -> TrainJob:
        monkeypatch.setenv("FAIL", f"{fails} {os.getpid()}")
        job = TrainJob(
            recipe=recipe(**({"gpus": 2, "checkpoint_minutes": 1e-9} | changes)),
            adaption=Adaption.UNADAPTED,
            original=[shard],
            root=tmp_path,
            seed=0,
            output=tmp_path / f"{name}.safetensors",
            log=tmp_path / f"{name}.csv",
            checkpoint=tmp_path / f"{name}.checkpoint",
            labels=(tmp_path / "manifest.parquet", "person") if "knn_every" in changes else None,
        )
        launch.run(job)
        return job

    return run


@pytest.fixture
def ended(monkeypatch: pytest.MonkeyPatch) -> list[dict[int, str]]:
    """How the processes of each training ended, by rank."""
    seen: list[dict[int, str]] = []
    real = launch._raise_cause

    def note(folder: Path, processes: int, heard: Any) -> None:
        paths = {rank: launch.outcome_file(folder, rank) for rank in range(processes)}
        seen.append({rank: read_json(p)["kind"] for rank, p in paths.items() if p.exists()})
        real(folder, processes, heard)

    monkeypatch.setattr(launch, "_raise_cause", note)
    return seen


def same(one: TrainJob, other: TrainJob) -> bool:
    return (one.output.read_bytes(), one.log.read_bytes()) == (
        other.output.read_bytes(),
        other.log.read_bytes(),
    )


@pytest.mark.slow
def test_killed_and_terminated_it_goes_on_to_the_same_bytes(
    start: Launch, ended: list[dict[int, str]]
) -> None:
    whole = start(name="whole", checkpoint_minutes=30)
    with pytest.raises(TrainingFailed, match="process 1 of the training ended without a message"):
        start("1 2 kill")
    with pytest.raises(Interrupted) as stop:
        start("0 4 term")
    assert (stop.value.reason, stop.value.step) == ("SIGTERM", 5)
    assert same(start(), whole)
    done, stopped = dict.fromkeys(range(2), "done"), dict.fromkeys(range(2), "interrupted")
    assert ended == [done, {0: "left alone"}, stopped, done]


@pytest.mark.slow
def test_after_an_error_too_with_spread_weights(
    start: Launch, ended: list[dict[int, str]], capfd: pytest.CaptureFixture[str]
) -> None:
    whole = start(name="whole", sharding="fsdp")
    capfd.readouterr()
    with pytest.raises(TrainingFailed, match="ZeroDivisionError: by the test"):
        start("0 3 raise", sharding="fsdp")
    log = capfd.readouterr().err
    assert "stopped, as another process of the training failed" in log
    assert "Connection closed" not in log  # the one traceback is of what went wrong
    assert same(start(sharding="fsdp"), whole)
    assert ended[1] == {0: "error", 1: "left alone"}


@pytest.mark.slow
def test_labels_that_one_machine_does_not_see_end_all_before_the_start(
    start: Launch,
    ended: list[dict[int, str]],
    original: ImageSet,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    """As Slurm would start it on two machines: srun and its like are stood in for."""
    frame = pd.DataFrame({"id": original.ids, "split": "train", "person": "a"})
    frame.to_parquet(tmp_path / "manifest.parquet")
    srun = [
        'while [ "${1#--}" != "$1" ]; do shift; done',
        '"$@" & first=$!; "$@" & second=$!',
        "wait $first; one=$?; wait $second; exit $((one | $?))",
    ]
    tools = {"srun": srun, "squeue": ["echo here"], "scontrol": ["echo localhost; echo localhost"]}
    for name, lines in tools.items():
        (tmp_path / name).write_text("\n".join(["#!/bin/sh", *lines, ""]), encoding="utf-8")
        (tmp_path / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    monkeypatch.setenv("SLURM_JOB_ID", str(os.getpid()))
    with pytest.raises(InputError, match="knn_every needs labels, but 0 of 24 training images"):
        start(gpus=1, nodes=2, knn_every=2)
    assert ended == [{0: "input", 1: "input"}]
    assert "0/64" not in capfd.readouterr().err  # no step was begun
    assert not (tmp_path / "part.checkpoint").exists()
