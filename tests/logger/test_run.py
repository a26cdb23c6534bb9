"""Model of a run: counts, estimate, progress line, summary and file."""

import os
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from snakemake_interface_logger_plugins.common import LogEvent

from snakemake_logger_plugin_anonbench.run import SHOWN, JobRun, Run


def planned(jobs: dict[str, int], usual: dict[str, float] | None = None) -> Run:
    run = Run(usual=usual or {})
    stats = jobs | {"total": sum(jobs.values())}
    apply(run, LogEvent.RUN_INFO, at=0.0, stats=stats)
    return run


def apply(run: Run, event: LogEvent, at: float, **attributes: Any) -> None:
    run.apply(event, SimpleNamespace(**attributes), at)


def start(run: Run, job: int, rule: str, *values: str, at: float = 1.0, log: str = "") -> None:
    wildcards = {str(number): value for number, value in enumerate(values)}
    logs = [log] if log else []
    facts = {"rule_name": rule, "wildcards": wildcards, "log": logs}
    apply(run, LogEvent.JOB_INFO, at, jobid=job, **facts)


def done(run: Run, job: int, at: float) -> None:
    apply(run, LogEvent.JOB_FINISHED, at, job_id=job)


def fail(run: Run, job: int, *logs: str, message: str | None = None) -> None:
    apply(run, LogEvent.JOB_ERROR, 2.0, jobid=job, log=logs, rule_msg=message)


def test_targets_are_left_out_also_if_the_log_comes_late() -> None:
    late, early = Run(), planned({"all": 1, "train": 2})
    late.leave_out(["all"])
    apply(late, LogEvent.RUN_INFO, at=0.0, stats={"all": 1, "train": 2, "total": 3})
    early.leave_out(["all"])
    assert late.total == early.total == 2
    assert late.waiting == early.waiting


def test_a_run_is_counted_and_estimated_rule_by_rule() -> None:
    run = planned({"train": 4, "table": 2})
    start(run, 1, "train", "ids")
    start(run, 2, "train", "faces")
    assert run.seconds_left(5.0) is None
    assert run.line(5.0) == "[  0 %] 0 of 6 jobs, 4 s so far | train ids, train faces"
    done(run, 1, 11.0)
    done(run, 2, 11.0)
    # done: 2 × 10 s; left: 2 trainings of 10 s, 2 tables taken to last the mean
    assert run.seconds_left(11.0) == pytest.approx((10 + 60) * 40 / (20 + 60))
    start(run, 3, "table", at=11.0)
    done(run, 3, 13.0)
    assert run.seconds_left(13.0) == pytest.approx((12 + 60) * 22 / (22 + 60))
    assert run.line(13.0) == "[ 50 %] 3 of 6 jobs, 12 s so far, about 19 s left"
    start(run, 4, "train", at=13.0)
    done(run, 4, 33.0)
    assert run.seconds == {"train": pytest.approx(40 / 3), "table": 2.0}


def test_earlier_runs_and_the_plan_tell_the_time_at_first() -> None:
    run = planned({"train": 1, "table": 2}, {"train": 60.0})
    start(run, 1, "train", at=100.0)
    assert run.seconds_left(100.0) is None
    # a table, of which nothing is known, as the mean of all
    assert run.seconds_left(110.0) == pytest.approx(60 + 2 * 60 - 10)
    # a job that takes longer than usual counts as its usual time
    assert run.seconds_left(190.0) == pytest.approx((90 + 60) * 120 / (60 + 60))
    done(run, 1, 200.0)
    assert run.seconds_left(200.0) == pytest.approx(2 * 100)
    run = planned({"train": 1, "table": 1, "list": 1, "new": 1}, {"train": 60.0, "table": 2.0})
    start(run, 1, "table", at=0.0)
    done(run, 1, 6.0)
    # 6 s of a table are no reason to take a training for three times as long
    training = 60 * (60 + 6) / (60 + 2)
    assert run.seconds_left(6.0) == pytest.approx(training + 2 * (training + 6) / 2)
    run = planned({"detect": 10}, {"detect": 60.0})
    run.at_once = 2.0
    start(run, 1, "detect", at=0.0)
    start(run, 2, "detect", at=0.0)
    assert run.seconds_left(0.01) == pytest.approx(10 * 60 / 2, rel=0.001)
    done(run, 1, 60.0)
    done(run, 2, 60.0)
    assert run.seconds_left(60.0) == pytest.approx(8 * 60 / 2)


def test_a_job_that_failed_counts_unless_it_ends_well() -> None:
    run = planned({"train": 2})
    start(run, 1, "train")
    start(run, 2, "train")
    fail(run, 1)
    done(run, 2, 4.0)
    assert (run.done, len(run.failed), run.waiting) == ({"train": 1}, 1, {})
    assert run.seconds_left(5.0) == 0.0
    assert "1 failed" in run.line(5.0)
    done(run, 99, 5.0)  # a job that was never seen to begin
    assert run.done == {"train": 1}
    run = planned({"train": 2})
    start(run, 1, "train", "1")
    start(run, 2, "train", "2")
    fail(run, 1)
    assert "train 1 failed" in run.summary()
    start(run, 1, "train", "1")
    assert (run.failed, len(run.running), run.waiting) == ({}, 2, {})
    done(run, 1, 2.0)
    done(run, 2, 2.0)
    assert (run.done, run.failed, run.summary()) == ({"train": 2}, {}, "")


def test_done_failed_with_the_logs_last_line_and_what_did_not_run(tmp_path: Path) -> None:
    log = tmp_path / "train.log"
    log.write_text("INFO a: step 1\nERROR root: the disk is full\n\n", encoding="utf-8")
    run = planned({"train": 3, "embed": 3, "table": 1})
    start(run, 1, "train", "ids", "1")
    start(run, 2, "train", "ids", "2", log=str(log))
    done(run, 1, 1.0)
    fail(run, 2, str(log), "slurm/7.log", message="\nSLURM status is: 'TIMEOUT'\nmore")
    assert run.summary().splitlines() == [
        "1 job failed, 5 not run because of it:",
        "  train ids 2 failed: SLURM status is: 'TIMEOUT'",
        f"    {log}",
        "    slurm/7.log",
        "    | ERROR root: the disk is full",
        "What is done is kept: fix the cause and run the same command again.",
    ]
    log.write_text("images searched:  50%|##  | 3/6 [00:01<00:02,  1.00it/s]", encoding="utf-8")
    for path in (log, tmp_path / "none.log"):
        run = planned({"detect": 1})
        start(run, 1, "detect", log=str(path))
        fail(run, 1, str(path))
        why = "  detect failed: its log says no reason; if none is above, perhaps it was killed"
        assert run.summary().splitlines()[1] == f"{why}, out of memory"
        run.is_stopping = True
        assert "perhaps it was ended with the run" in run.summary().splitlines()[1]
    run = planned({"train": 100})
    for job in range(100):
        start(run, job, "train", str(job))
        fail(run, job, message="killed")
    lines = run.summary().splitlines()
    assert len(lines) == SHOWN + 3
    assert f"and {100 - SHOWN} more" in lines[-2]


@pytest.mark.parametrize(
    ("content", "line"),
    [
        (b"\n\n", ""),
        (b"one\ntwo\r\n", "two"),
        (b"x" * 20_000 + b"\nWARNING root: stopped", "WARNING root: stopped"),
        (b"\xff\xfe broken", "\N{REPLACEMENT CHARACTER}" * 2 + " broken"),
        (b"y" * 9000, "y" * 300),
        (b"one\n 10 %|#   \r 20 %|##  ", " 20 %|##"),
    ],
)
def test_the_last_line_of_a_log_of_this_run(tmp_path: Path, content: bytes, line: str) -> None:
    log = tmp_path / "log"
    log.write_bytes(content)
    os.utime(log, (100, 100))
    for began, logs, said in ((99.0, ["log"], line), (103.0, ["log"], ""), (0.0, ["none"], "")):
        job = JobRun(rule="train", label="train", began=began, logs=logs)
        assert job.last_line(tmp_path) == said
    assert JobRun(rule="train", label="train", began=0.0, logs=[]).last_line(tmp_path) == ""


def test_a_line_says_how_far_a_long_job_is_and_not_about_to_end(tmp_path: Path) -> None:
    run = planned({"embed": 2})
    run.folder = tmp_path
    bar = "groups of 64 images:  15%|######    | 3/20 [05:00<28:20, 100.0s/it]"
    (tmp_path / "a.log").write_text(f"started\n\rgroups of 64 images:   0%|   | 0/20\r{bar}")
    (tmp_path / "b.log").write_text("nothing of the kind")
    start(run, 1, "embed", "ids", log="a.log")
    start(run, 2, "embed", "faces", log="b.log")
    line = run.line(300.0)
    assert line.endswith(" | embed ids (3 of 20 groups of 64 images), embed faces")
    run = planned({"attack": 1, "embed": 1}, {"attack": 36.0, "embed": 60.0})
    run.folder = tmp_path
    start(run, 1, "embed", "faces", at=1.0)
    done(run, 1, at=61.0)
    start(run, 2, "attack", "faces", at=61.0, log="a.log")
    for told, left in (("00:58<?", 0.0), ("00:58<01:40", 100.0), ("00:58<1:00:00", 3600.0)):
        bar = f"images attacked:  30%|###    | 24/78 [{told}, 1.8s/it]"
        (tmp_path / "a.log").write_text(bar)
        assert run.seconds_left(121.0) == pytest.approx(left, rel=0.25)
