"""What a run says at its end: done, failed and why, not run because of it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from snakemake_logger_plugin_anonbench.progress import Progress
from snakemake_logger_plugin_anonbench.summary import SHOWN, last_line, summary

SLURM = (
    "SLURM-job '7' failed, SLURM status is: 'TIMEOUT'. Detailed failure reason unavailable (status "
    "command is not 'sacct').For further error details see the cluster/cloud log"
)


def started(progress: Progress, *jobs: int, rule: str = "train") -> None:
    for job in jobs:
        progress.start(job, rule, {"dataset": "ids", "seed": str(job)}, 0.0)


def test_done_failed_with_the_logs_last_line_and_what_did_not_run(tmp_path: Path) -> None:
    log = tmp_path / "train.log"
    log.write_text("INFO a: step 1\nERROR root: the disk is full\n\n", encoding="utf-8")
    progress = Progress()
    progress.plan({"train": 3, "embed": 3, "table": 1, "total": 7})
    started(progress, 1, 2)
    progress.finish(1, 1.0)
    progress.fail(2, [str(log), "slurm/7.log"], SLURM)
    assert summary(progress).splitlines() == [
        "1 of 7 jobs done, 1 failed, 5 not run because of it (3 embed, 1 table, 1 train):",
        "  train ids 2: the disk is full; SLURM-job '7' failed, SLURM status is: 'TIMEOUT'",
        f"    {log}",
        "    slurm/7.log",
        "What is done is kept: mend the cause and run the same command again.",
    ]


def test_nothing_is_said_of_a_job_that_failed_first_and_ended_well(tmp_path: Path) -> None:
    progress = Progress()
    progress.plan({"train": 2, "total": 2})
    started(progress, 1, 2)
    progress.fail(1)
    assert "train ids 1: nothing is known of it" in summary(progress)
    started(progress, 1)
    assert (progress.failed, progress.left) == (0, {"train": 2})
    progress.finish(1, 2.0)
    progress.finish(2, 2.0)
    assert (progress.done, progress.failed, summary(progress)) == (2, 0, "")


def test_of_many_failures_some_are_shown() -> None:
    progress = Progress()
    progress.plan({"train": 100, "total": 100})
    started(progress, *range(100))
    for job in range(100):
        progress.fail(job, message="killed")
    lines = summary(progress).splitlines()
    assert len(lines) == SHOWN + 3
    assert f"and {100 - SHOWN} more" in lines[-2]


@pytest.mark.parametrize(
    ("content", "line"),
    [
        (b"", ""),
        (b"\n\n", ""),
        (b"one\ntwo\r\n", "two"),
        (
            b"x" * 9000 + b"\nWARNING root: stopped by SIGTERM at step 3",
            "stopped by SIGTERM at step 3",
        ),
        (b"\xff\xfe broken", "\N{REPLACEMENT CHARACTER}" * 2 + " broken"),
        (b"y" * 9000, "y" * 300),
    ],
)
def test_last_lines(tmp_path: Path, content: bytes, line: str) -> None:
    (tmp_path / "log").write_bytes(content)
    assert last_line(tmp_path / "log", 0.0) == line


def test_a_log_of_an_earlier_run_says_nothing_of_this_one(tmp_path: Path) -> None:
    log = tmp_path / "log"
    log.write_text("ERROR root: as it was before", encoding="utf-8")
    os.utime(log, (100, 100))
    assert last_line(log, 99.0) == "as it was before"
    assert last_line(log, 101.0) == ""


def test_a_log_that_is_not_there(tmp_path: Path) -> None:
    assert last_line(tmp_path / "none", 0.0) == ""


SNAKEFILE = """
rule all:
    input: "after.txt", "other.txt"
rule after:
    input: "bad.txt"
    output: "after.txt"
    shell: "touch {output}"
rule bad:
    output: "bad.txt"
    log: "logs/bad.log"
    shell: "echo 'ERROR root: lent-9.png is no image' >{log}; exit 1"
rule other:
    output: "other.txt"
    shell: "sleep 1; touch {output}"
rule second:
    output: "second.txt"
    log: "logs/second.log"
    resources: attempt=lambda wildcards, attempt: attempt
    shell: "test {resources.attempt} = 2 && touch {output}"
"""


def run(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    (folder / "Snakefile").write_text(SNAKEFILE, encoding="utf-8")
    program = Path(sys.executable).with_name("snakemake")
    command = [program, "--cores", "2", "--logger", "anonbench", "--keep-going", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False, cwd=folder)


@pytest.mark.workflow
def test_a_failure_leaves_the_others_running_and_is_named_at_the_end(tmp_path: Path) -> None:
    done = run(tmp_path)
    assert done.returncode != 0
    assert (tmp_path / "other.txt").exists()
    said = done.stderr[done.stderr.index("1 of 4 jobs done") :]
    assert said.splitlines()[0] == (
        "1 of 4 jobs done, 1 failed, 2 not run because of it (1 after, 1 all):"
    )
    assert "  bad: lent-9.png is no image" in said
    assert "    logs/bad.log" in said
    assert done.stderr.count("mend the cause") == 1


@pytest.mark.workflow
def test_a_job_that_ends_well_the_second_time_is_no_failure(tmp_path: Path) -> None:
    done = run(tmp_path, "--retries", "1", "second.txt")
    assert done.returncode == 0, done.stderr
    assert "[100 %] 1 of 1 jobs" in done.stderr
    assert "mend the cause" not in done.stderr
