"""A training is asked to end: by a signal, or because its job's time is nearly over."""

from __future__ import annotations

import os
import signal
import threading
from pathlib import Path

import pytest

from anonbench.training.loop.checkpoint import SIGNALS, Interrupts, end_of_job


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


def test_the_first_signal_is_the_reason_and_a_second_ctrl_c_stops_at_once() -> None:
    with Interrupts() as interrupts:
        signal.raise_signal(signal.SIGTERM)
        signal.raise_signal(signal.SIGUSR1)
        assert interrupts.reason() == "SIGTERM"
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)


def test_a_process_that_is_forked_in_the_block_survives_a_signal() -> None:
    """As a loader's process must, when a scheduler sends a signal to all processes of a job."""
    with Interrupts():
        child = os.fork()
        if child == 0:
            os.kill(os.getpid(), signal.SIGTERM)
            os._exit(7)
        _, status = os.waitpid(child, 0)
    assert os.waitstatus_to_exitcode(status) == 7


def test_in_another_thread_there_is_nothing_to_hear() -> None:
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
def test_the_margin_is_what_a_step_and_a_checkpoint_need(
    step: float, checkpoint: float, margin: float
) -> None:
    now = 1000.0
    with Interrupts(end=now + 3 * step + margin, clock=lambda: now) as interrupts:
        assert interrupts.reason(checkpoint) is None
        for _ in range(3):
            now += step
            assert interrupts.reason(checkpoint) is None
        now += 0.5
        assert interrupts.reason(checkpoint) == "the time limit"


def test_the_end_of_a_job_is_what_slurm_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
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
