"""Trainings on several GPUs: torchrun, pretended trainings, signals, the end of a job, errors."""

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from ranks.pretended_rank import DEAF, DONE, LISTENING, STUCK, WRONG_INPUT

import preloaded
from anonbench.config.training import Recipe
from anonbench.core.errors import InputError, Interrupted, TrainingFailed
from anonbench.core.vocabulary import Adaption
from anonbench.training.loop import launch, train
from anonbench.training.loop.checkpoint import SIGNALS, Interrupts, end_of_job
from anonbench.training.loop.launch import TrainJob
from processes import wait_for

Made = Callable[..., TrainJob]
RANKS = Path(__file__).parents[1] / "ranks"
LAUNCHER = """
import sys
from pathlib import Path
from anonbench.training.loop import launch
launch.RANK_MODULE = "pretended_rank"
launch.run(launch.TrainJob.model_validate_json(Path(sys.argv[1]).read_text()))
"""


@pytest.fixture
def job(
    recipe: Callable[..., Recipe], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[..., TrainJob]:
    monkeypatch.setattr(launch, "RANK_MODULE", "pretended_rank")
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(RANKS), *sys.path]))
    monkeypatch.setenv("PYTHON_EXEC", preloaded.python())

    def make(how: int, gpus: int = 2) -> TrainJob:
        return TrainJob(
            recipe=recipe(gpus=gpus, threads=3),
            adaption=Adaption.A,
            original=[tmp_path / "0.tar"],
            root=tmp_path,
            seed=how,
            output=tmp_path / "backbone",
            log=tmp_path / "log.csv",
            checkpoint=tmp_path / "backbone.checkpoint",
        )

    return make


def started(job: TrainJob) -> subprocess.Popen[bytes]:
    """Start a launcher of its own, and wait for its processes."""
    path = job.root / "job.json"
    path.write_text(job.model_dump_json(), encoding="utf-8")
    process = subprocess.Popen([sys.executable, "-c", LAUNCHER, str(path)])
    wait_for_ranks(job.root)
    return process


def wait_for_ranks(folder: Path) -> None:
    wait_for(lambda: all((folder / f"started-{number}").exists() for number in (0, 1)))


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
def test_several_processes(job: Made, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    launch.run(job(DONE))
    out = capfd.readouterr().out
    assert "process 0: 3 threads, A" in out
    assert "process 1: 3 threads, A" in out
    assert (tmp_path / "backbone").read_text(encoding="utf-8") == "trained"
    assert not list(tmp_path.glob(".*"))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("how", "error", "message"),
    [
        (WRONG_INPUT, InputError, r"^x\.tar: its index is missing$"),
        (STUCK, TrainingFailed, "ended without a message; it may have been killed"),
    ],
)
def test_an_error_of_one_process_ends_all(
    job: Made, tmp_path: Path, how: int, error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        launch.run(job(how))
    assert not list(tmp_path.glob(".*"))
    assert not alive(tmp_path)


@pytest.mark.parametrize(
    ("error", "raised"),
    [
        (OSError(28, "No space left on device"), OSError(28, "No space left on device")),
        (ZeroDivisionError("of 0"), TrainingFailed("ZeroDivisionError: of 0")),
    ],
)
def test_the_error_of_the_first_process_is_that_of_the_training(
    job: Made, monkeypatch: pytest.MonkeyPatch, error: Exception, raised: Exception
) -> None:
    errors = iter([error, InputError("the other is gone")])

    def fail(job: TrainJob) -> None:
        raise next(errors)

    class OneAfterTheOther:
        """Stands in for torchrun: its processes are this one."""

        def __init__(self, command: list[str], **options: Any) -> None:
            self.job_file = Path(command[-1])

        def wait(self) -> int:
            for rank in (0, 1):
                monkeypatch.setenv("RANK", str(rank))
                monkeypatch.setattr(os, "getpid", partial(int, rank))
                with pytest.raises(SystemExit):
                    launch.main(self.job_file)
            return 1

    monkeypatch.setattr(launch, "train", fail)
    monkeypatch.setattr(launch, "guard_output", lambda: None)
    monkeypatch.setattr(os, "_exit", sys.exit)
    monkeypatch.setattr(subprocess, "Popen", OneAfterTheOther)
    with pytest.raises(type(raised)) as caught:
        launch.run(job(DONE))
    assert str(caught.value) == str(raised)


@pytest.mark.slow
def test_signal_is_passed_on(job: Made, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    def signalled() -> None:
        wait_for_ranks(tmp_path)
        os.kill(os.getpid(), signal.SIGUSR1)

    threading.Thread(target=signalled).start()
    with pytest.raises(Interrupted) as stop:
        launch.run(job(LISTENING))
    step = (tmp_path / "backbone.checkpoint").read_text(encoding="utf-8")
    assert str(stop.value) == f"stopped by SIGUSR1 at step {step}; run again to go on from there"
    # torchrun would end the others, which may still be writing, as soon as one fails
    assert "ChildFailedError" not in capfd.readouterr().err
    assert not alive(tmp_path)


@pytest.mark.slow
def test_a_signal_that_nobody_listens_to_ends_everything(job: Made, tmp_path: Path) -> None:
    process = started(job(DEAF))
    wait_for(lambda: all((tmp_path / f"deaf-{number}").exists() for number in (0, 1)))
    process.terminate()
    assert process.wait(timeout=240) == -signal.SIGTERM
    assert not alive(tmp_path)


@pytest.mark.slow
def test_processes_end_with_a_killed_launcher(job: Made, tmp_path: Path) -> None:
    process = started(job(LISTENING))
    process.kill()
    process.wait()
    wait_for((tmp_path / "backbone.checkpoint").exists)
    wait_for(lambda: not alive(tmp_path))


def test_this_process_alone(job: Made, monkeypatch: pytest.MonkeyPatch) -> None:
    given: list[TrainJob] = []
    monkeypatch.setattr(train, "train", given.append)
    made = job(DONE, gpus=1)
    launch.run(made)
    assert given == [made]


@pytest.mark.parametrize("number", SIGNALS)
def test_a_signal_is_noted_and_does_nothing_else(number: signal.Signals) -> None:
    before = signal.getsignal(number)
    with pytest.raises(ZeroDivisionError), Interrupts() as interrupts:
        assert interrupts.reason() is None
        signal.raise_signal(number)
        assert interrupts.reason() == number.name
        assert interrupts.reason() == number.name
        _ = 1 / 0
    assert signal.getsignal(number) is before


def test_signals_twice_in_a_fork_and_another_thread() -> None:
    with Interrupts() as interrupts:
        signal.raise_signal(signal.SIGTERM)
        signal.raise_signal(signal.SIGUSR1)
        assert interrupts.reason() == "SIGTERM"
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)
    with Interrupts():
        child = os.fork()
        if child == 0:
            os.kill(os.getpid(), signal.SIGTERM)
            os._exit(7)
        _, status = os.waitpid(child, 0)
    assert os.waitstatus_to_exitcode(status) == 7
    reasons: list[str | None] = []

    def work() -> None:
        with Interrupts(end=0.0) as interrupts:
            reasons.append(interrupts.reason())

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert reasons == ["the time limit"]


@pytest.mark.parametrize(
    ("step", "checkpoint", "margin"), [(1.0, 0.0, 60.0), (1.0, 50.0, 150.0), (45.0, 0.0, 90.0)]
)
def test_margin_before_the_time_limit(step: float, checkpoint: float, margin: float) -> None:
    now = 1000.0
    with Interrupts(end=now + 3 * step + margin, clock=lambda: now) as interrupts:
        assert interrupts.reason(checkpoint) is None
        for _ in range(3):
            now += step
            assert interrupts.reason(checkpoint) is None
        now += 0.5
        assert interrupts.reason(checkpoint) == "the time limit"


def test_end_of_a_slurm_job(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert end_of_job({"SLURM_JOB_END_TIME": "17"}) is None
    assert end_of_job({"SLURM_JOB_ID": "1", "SLURM_JOB_END_TIME": "1795176070"}) == 1795176070.0
    assert end_of_job({"SLURM_JOB_ID": "1", "SLURM_JOB_END_TIME": "NONE"}) is None
    squeue = tmp_path / "squeue"  # asked where Slurm sets no variable
    squeue.write_text("#!/bin/sh\necho $SQUEUE_SAYS\n", encoding="utf-8")
    squeue.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    monkeypatch.setenv("SQUEUE_SAYS", "2026-11-20T12:01:10+00:00")
    assert end_of_job({"SLURM_JOB_ID": "1"}) == 1795176070.0
    monkeypatch.setenv("SQUEUE_SAYS", "NONE")
    assert end_of_job({"SLURM_JOB_ID": "1"}) is None
    squeue.unlink()
    monkeypatch.setenv("PATH", str(tmp_path))
    assert end_of_job({"SLURM_JOB_ID": "1"}) is None
