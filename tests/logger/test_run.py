"""Model of a run: counts, estimate, progress line and summary."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from snakemake_logger_plugin_anonbench.run import SHOWN, Run, duration, last_lines


def planned(jobs: dict[str, int], usual: dict[str, float] | None = None) -> Run:
    run = Run()
    run.apply({"event": "run", "jobs": jobs, "usual": usual or {}, "at": 0.0})
    return run


def start(run: Run, job: int, rule: str, *wildcards: str, at: float = 0.0, **facts: Any) -> None:
    event = {"event": "started", "rule": rule, "wildcards": wildcards, "logs": []}
    run.apply(event | {"job": job, "at": at} | facts)


def done(run: Run, job: int, at: float) -> None:
    run.apply({"event": "done", "job": job, "at": at})


def fail(run: Run, job: int, *logs: str, message: str = "") -> None:
    run.apply({"event": "failed", "job": job, "logs": logs, "message": message, "at": 1.0})


def test_a_run_is_counted_and_estimated_rule_by_rule() -> None:
    run = planned({"train": 4, "table": 2, "total": 6})
    assert run.seconds_left(1.0) is None
    start(run, 1, "train", "ids")
    start(run, 2, "train", "faces")
    assert "train ids, train faces" in run.line(5.0)
    done(run, 1, 10.0)
    done(run, 2, 10.0)
    # left: two trainings of ten seconds, two tables taken to last the mean; two run at once
    assert run.seconds_left(10.0) == pytest.approx(20.0)
    start(run, 3, "table", at=10.0)
    done(run, 3, 11.0)
    assert run.seconds_left(11.0) == pytest.approx((2 * 10 + 1) / (21 / 11))
    assert run.line(11.0).startswith("[ 50 %] 3 of 6 jobs, 11 s so far, about ")


def test_what_never_ran_here_lasts_as_long_as_in_earlier_runs() -> None:
    run = planned({"train": 1, "table": 2, "total": 3}, {"train": 60.0})
    start(run, 1, "train")
    # a table, of which nothing is known, as the mean of all
    assert run.seconds_left(10.0) == pytest.approx(60 + 2 * 60 - 10)
    assert run.seconds_left(90.0) == pytest.approx(2 * 60), "a long job takes no time off others"
    done(run, 1, 100.0)
    assert run.seconds_left(100.0) == pytest.approx(2 * 100)


def test_a_job_that_failed_is_neither_done_nor_waiting() -> None:
    run = planned({"train": 2, "total": 2})
    start(run, 1, "train")
    start(run, 2, "train")
    fail(run, 1)
    done(run, 2, 4.0)
    assert (run.done, len(run.failed), run.waiting) == (1, 1, {})
    assert run.seconds_left(5.0) == 0.0
    assert "1 failed" in run.line(5.0)
    done(run, 99, 5.0)  # a job that was never seen to begin
    assert run.done == 1


def test_done_failed_with_the_logs_last_line_and_what_did_not_run(tmp_path: Path) -> None:
    log = tmp_path / "train.log"
    log.write_text("INFO a: step 1\nERROR root: the disk is full\n\n", encoding="utf-8")
    run = planned({"train": 3, "embed": 3, "table": 1, "total": 7})
    start(run, 1, "train", "ids", "1")
    start(run, 2, "train", "ids", "2", logs=[str(log)])
    done(run, 1, 1.0)
    fail(run, 2, str(log), "slurm/7.log", message="SLURM status is: 'TIMEOUT'")
    assert run.summary().splitlines() == [
        "1 of 7 jobs done, 1 failed, 5 not run because of it (3 embed, 1 table, 1 train):",
        "  train ids 2 failed: SLURM status is: 'TIMEOUT'",
        f"    {log}",
        "    slurm/7.log",
        "    | ERROR root: the disk is full",
        "What is done is kept: fix the cause and run the same command again.",
    ]


def test_nothing_is_said_of_a_job_that_failed_first_and_ended_well() -> None:
    run = planned({"train": 2, "total": 2})
    start(run, 1, "train", "1")
    start(run, 2, "train", "2")
    fail(run, 1)
    assert "train 1 failed" in run.summary()
    start(run, 1, "train", "1")
    assert (run.failed, len(run.running), run.waiting) == ({}, 2, {})
    done(run, 1, 2.0)
    done(run, 2, 2.0)
    assert (run.done, run.failed, run.summary()) == (2, {}, "")


def test_of_many_failures_some_are_shown() -> None:
    run = planned({"train": 100, "total": 100})
    for job in range(100):
        start(run, job, "train", str(job))
        fail(run, job, message="killed")
    lines = run.summary().splitlines()
    assert len(lines) == SHOWN + 3
    assert f"and {100 - SHOWN} more" in lines[-2]


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(3.4, "3 s"), (59.9, "1 min 00 s"), (3599, "59 min 59 s"), (7322, "2 h 02 min")],
)
def test_durations_read_as_people_say_them(seconds: float, text: str) -> None:
    assert duration(seconds) == text


@pytest.mark.parametrize(
    ("content", "line"),
    [
        (b"", []),
        (b"\n\n", []),
        (b"one\ntwo\r\n", ["two"]),
        (b"x" * 20_000 + b"\nWARNING root: stopped", ["WARNING root: stopped"]),
        (b"\xff\xfe broken", ["\N{REPLACEMENT CHARACTER}" * 2 + " broken"]),
        (b"y" * 9000, ["y" * 300]),
    ],
)
def test_last_lines(tmp_path: Path, content: bytes, line: list[str]) -> None:
    (tmp_path / "log").write_bytes(content)
    assert last_lines(tmp_path / "log", 0.0, 1) == line


def test_a_log_of_an_earlier_run_says_nothing_of_this_one(tmp_path: Path) -> None:
    log = tmp_path / "log"
    log.write_text("ERROR root: as it was before", encoding="utf-8")
    os.utime(log, (100, 100))
    assert last_lines(log, 99.0, 1) == ["ERROR root: as it was before"]
    assert last_lines(log, 103.0, 1) == []
