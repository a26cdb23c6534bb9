"""Reading a dry run."""

from __future__ import annotations

import pytest

from anonbench.plan import PlannedJob, format_plan, parse_jobs

TEXT = """
rule train_unadapted:
    input: results/a/images/original/train/0.tar
    output: results/a/models/unadapted/seed0/backbone.safetensors
    jobid: 7
    reason: Missing output files
    wildcards: dataset=a, seed=0
    threads: 8
    resources: tmpdir=<TBD>, mem_mb=32000, mem_mib=30518, runtime=600, gpu=1

rule table:
    input: results/a/scores.csv
    jobid: 9
    resources: tmpdir=<TBD>, mem_mb=1000, runtime=5

rule all:
    input: results/report.html
    jobid: 0
    resources: tmpdir=<TBD>
"""


def test_jobs_are_read_with_what_they_ask_for() -> None:
    assert list(parse_jobs(TEXT.splitlines())) == [
        PlannedJob("train_unadapted", 8, 600, 32000, 1),
        PlannedJob("table", 1, 5, 1000, 0),
    ]


def test_a_plan_adds_up() -> None:
    jobs = [PlannedJob("train", 8, 600, 32000, 1)] * 3 + [PlannedJob("table", 1, 30, 1000, 0)]
    lines = format_plan(jobs, 1.25).splitlines()
    assert lines[1].split() == ["train", "3", "30", "240", "30", "32.0", "GB"]
    assert lines[-2].split()[:5] == ["total", "4", "30", "240", "30"]
    assert lines[-1] == "planned in 1.2 s"


@pytest.mark.parametrize("text", ["", "Nothing to be done."])
def test_an_empty_plan_is_a_plan(text: str) -> None:
    assert "total" in format_plan(list(parse_jobs(text.splitlines())), 0.0)
