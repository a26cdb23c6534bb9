"""Trainings on several GPUs: torchrun, pretended trainings, signals, errors as one line."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from ranks.pretended_rank import (
    BUG,
    DEAF,
    DONE,
    FULL_DISK,
    LISTENING,
    STUCK,
    WRONG_INPUT,
)

from anonbench.config.training import Recipe
from anonbench.core.vocabulary import Adaption
from anonbench.training.loop import launch, train
from anonbench.training.loop.launch import TrainJob

Make = Callable[..., Recipe]
Start = Callable[..., Any]
Made = Callable[..., TrainJob]
RANKS = Path(__file__).parents[1] / "ranks"

RUN = """
import sys
from anonbench.core.jobs.job import logged
with logged(sys.argv[2], 1):
    from pathlib import Path
    from anonbench.training.loop import launch
    launch.RANK_MODULE = "pretended_rank"
    launch.run(launch.TrainJob.model_validate_json(Path(sys.argv[1]).read_text()))
"""


@pytest.fixture
def job(recipe: Make, tmp_path: Path) -> Made:
    def make(how: int, **changes: Any) -> TrainJob:
        return TrainJob(
            recipe=recipe(**({"gpus": 2, "threads": 3} | changes)),
            adaption=Adaption.A,
            original=[tmp_path / "0.tar"],
            root=tmp_path,
            seed=how,
            output=tmp_path / "backbone",
            log=tmp_path / "log.csv",
            checkpoint=tmp_path / "backbone.checkpoint",
        )

    return make


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[[TrainJob], subprocess.Popen[str]]]:
    """Return a function that starts a launcher as a workflow's job."""
    running: list[subprocess.Popen[str]] = []

    def run(job: TrainJob) -> subprocess.Popen[str]:
        path = tmp_path / "job.json"
        path.write_text(job.model_dump_json(), encoding="utf-8")
        process = subprocess.Popen(
            [sys.executable, "-c", RUN, str(path), str(tmp_path / "job.log")],
            env=os.environ | {"PYTHONPATH": os.pathsep.join([str(RANKS), *sys.path])},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        running.append(process)
        return process

    yield run
    for process in running:
        process.kill()
        process.communicate()


def wait_for(path: Path) -> None:
    for _ in range(2400):
        if path.exists():
            return
        time.sleep(0.05)
    raise AssertionError(f"{path} did not come")


def alive(tmp_path: Path) -> list[str]:
    """Command lines of processes that still name the test's folder."""
    lines = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            lines.append(path.read_bytes().replace(b"\0", b" ").decode())
        except OSError:
            continue
    return [line for line in lines if f"{tmp_path}/.backbone" in line]


@pytest.mark.slow
def test_several_processes_train_together(job: Made, start: Start, tmp_path: Path) -> None:
    out, error = (process := start(job(DONE))).communicate(timeout=240)
    log = (tmp_path / "job.log").read_text(encoding="utf-8")
    assert (process.returncode, out, error) == (0, "", ""), log
    assert "process 0: 3 threads, A" in log
    assert "process 1: 3 threads, A" in log
    assert (tmp_path / "backbone").read_text(encoding="utf-8") == "trained"
    assert not list(tmp_path.glob(".*"))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("how", "line"),
    [
        (WRONG_INPUT, "anonbench: x.tar: its index is missing\n"),
        (FULL_DISK, "anonbench: the disk is full; make room and run again"),
        (BUG, "anonbench: TrainingFailed, an error of the program; see "),
        (STUCK, "anonbench: TrainingFailed, an error of the program; see "),
    ],
)
def test_an_error_of_one_process_is_one_line(
    job: Made, start: Start, tmp_path: Path, how: int, line: str
) -> None:
    _, error = (process := start(job(how))).communicate(timeout=240)
    log = (tmp_path / "job.log").read_text(encoding="utf-8")
    assert process.returncode == 1, log
    assert error.startswith(line)
    assert error.count("\n") == 1
    assert ("ZeroDivisionError" in log) == (how == BUG)
    assert not list(tmp_path.glob(".*"))
    assert not alive(tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGUSR1, signal.SIGINT])
def test_a_signal_reaches_all_processes_and_the_checkpoint_is_written(
    job: Made, start: Start, tmp_path: Path, number: signal.Signals
) -> None:
    process = start(job(LISTENING))
    wait_for(tmp_path / "started-0")
    wait_for(tmp_path / "started-1")
    time.sleep(0.2)
    process.send_signal(number)
    _, error = process.communicate(timeout=240)
    step = (tmp_path / "backbone.checkpoint").read_text(encoding="utf-8")
    line = f"stopped by {number.name} at step {step}; run again to go on from there"
    assert (process.returncode, error) == (75, f"anonbench: {line}\n")
    assert not alive(tmp_path)


@pytest.mark.slow
def test_the_end_of_the_time_is_no_failure_of_a_process(
    job: Made, start: Start, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SLURM_JOB_ID", "1")
    monkeypatch.setenv("SLURM_JOB_END_TIME", str(int(time.time()) + 50))
    _, error = (process := start(job(LISTENING))).communicate(timeout=240)
    line = "anonbench: stopped by the time limit at step 1; run again to go on from there\n"
    assert (process.returncode, error) == (75, line)
    # torchrun would end the others, which may still be writing, as soon as one fails
    assert "ChildFailedError" not in (tmp_path / "job.log").read_text(encoding="utf-8")


@pytest.mark.slow
def test_a_signal_that_nobody_listens_to_ends_everything(
    job: Made, start: Start, tmp_path: Path
) -> None:
    process = start(job(DEAF))
    wait_for(tmp_path / "deaf-0")
    wait_for(tmp_path / "deaf-1")
    process.terminate()
    assert process.wait(timeout=240) == -signal.SIGTERM
    assert not alive(tmp_path)


@pytest.mark.slow
def test_processes_end_with_a_killed_launcher(job: Made, start: Start, tmp_path: Path) -> None:
    process = start(job(LISTENING))
    wait_for(tmp_path / "started-0")
    wait_for(tmp_path / "started-1")
    process.kill()
    wait_for(tmp_path / "backbone.checkpoint")
    for _ in range(1600):
        if not alive(tmp_path):
            return
        time.sleep(0.05)
    raise AssertionError(alive(tmp_path))


def test_one_process_is_this_one(
    job: Made, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    given: dict[str, Any] = {}
    monkeypatch.setattr(train, "train", lambda **arguments: given.update(arguments))
    monkeypatch.setattr(
        "anonbench.datasets.image_sets.shards.ImageSet.open", lambda files, root=None: (files, root)
    )
    made = job(DONE, gpus=1)
    launch.run(made)
    assert given["original"] == (made.original, tmp_path)
    assert given["anonymized"] is None
    assert given["recipe"] == made.recipe
    launch.run(made.model_copy(update={"anonymized": [tmp_path / "1.tar"]}))
    assert given["anonymized"] == ([tmp_path / "1.tar"], None)
