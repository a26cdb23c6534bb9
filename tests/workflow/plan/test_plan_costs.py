"""What planned jobs would cost, and how long they take side by side."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

from anonbench.core.jobs.resource_usage import ResourceUsage, nothing_to_do
from anonbench.workflow.plan.causes import Cause, Kind, chain, reasons
from anonbench.workflow.plan.costs import Cost, costs
from anonbench.workflow.plan.jobs import Job, Plan
from anonbench.workflow.plan.report import Machine, Report, as_json, as_text, hours, size
from anonbench.workflow.plan.walltime import wall_seconds

NEW = {"known": False, "made": [], "missing": [], "by_hand": [], "stopped": False}
NEW |= {"forced": False, "environment": False}
AGAIN = NEW | {"known": True, "before": [], "now": {}, "added": [], "removed": [], "updated": []}


def job(number: int, rule: str = "train", after: Iterable[int] = (), **options: Any) -> Job:
    values: dict[str, Any] = {
        "wildcards": {"dataset": "ids", "seed": str(number)},
        "script": True,
        "threads": 1,
        "minutes": 10.0,
        "megabytes": 1000.0,
        "gpus": 0.0,
        "outputs": [f"to-be-made/{number}"],
        "log": [],
        "benchmark": None,
        "seconds": None,
        "why": None,
    }
    return Job(number, rule, after=list(after), **values | options)


def planned(jobs: Iterable[Job], folder: Path) -> Plan:
    return Plan({each.id: each for each in jobs}, folder, {}, {})


def measured(folder: Path, name: str, seconds: float, log: str = "") -> dict[str, Any]:
    path = folder / "benchmarks/train/ids" / f"{name}.tsv"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"s\tmax_rss\tcpu_time\n{seconds}\tNA\t{2 * seconds}\n", encoding="utf-8")
    (folder / f"{name}.log").write_text(log, encoding="utf-8")
    output = folder / f"{name}.safetensors"
    output.write_bytes(b"x" * int(seconds))
    return {
        "benchmark": str(path), "log": [str(folder / f"{name}.log")], "outputs": [str(output)]
    }  # fmt: skip


def runtimes(plan: Plan) -> dict[int, tuple[float, str]]:
    return {number: (cost.seconds, cost.origin) for number, cost in costs(plan).items()}


def test_a_job_costs_what_it_cost_and_a_new_one_the_median_of_its_like(tmp_path: Path) -> None:
    known = [job(n, **measured(tmp_path, str(n), 10.0 * n)) for n in (1, 2, 4)]
    again = job(5, why=AGAIN, **measured(tmp_path, "5", 70.0))
    benchmark = str(tmp_path / "benchmarks/train/ids/6.tsv")
    new = job(6, why=NEW, benchmark=benchmark, gpus=2.0)
    other = job(7, "embed", why=NEW, threads=4)
    found = costs(planned([*known, again, new, other], tmp_path))
    assert found[5] == Cost(70.0, 140.0, 0.0, "measured", 70, 70)
    assert found[6] == Cost(20.0, 40.0, 40.0, "measured", 30.0, 0)
    assert found[7] == Cost(600.0, 2400.0, 0.0, "declared", None, 0)


@pytest.mark.parametrize(
    ("before", "seconds"), [(None, 50.0), (ResourceUsage(70.0, 80.0, 900.0), 70.0)]
)
def test_of_a_run_that_had_nothing_to_do_the_one_before_counts(
    tmp_path: Path, before: ResourceUsage | None, seconds: float
) -> None:
    known = job(1, **measured(tmp_path, "1", 50.0))
    log = f"INFO anonbench.core.jobs.job_cache: {nothing_to_do(before)}\n"
    again = job(2, why=AGAIN, **measured(tmp_path, "2", 1.0, log))
    assert runtimes(planned([known, again], tmp_path))[2] == (seconds, "measured")


@pytest.mark.parametrize(
    ("before", "now", "seconds"),
    [
        (100.0, 200.0, 100.0),  # twice the work of a long job: twice the time
        (100.0, 10.0, 5.0),
        (1.0, 601.0, 50.0 + 600.0),  # a short one tells nothing of the rate: the formula's
        (None, 200.0, 50.0),
    ],
)
def test_time_grows_with_the_work(
    tmp_path: Path, before: float | None, now: float, seconds: float
) -> None:
    known = job(1, seconds=before, **measured(tmp_path, "1", 50.0))
    new = job(2, seconds=now, why=NEW, benchmark=str(tmp_path / "benchmarks/train/ids/2.tsv"))
    assert runtimes(planned([known, new], tmp_path))[2][0] == pytest.approx(seconds)


def test_a_training_grows_with_its_steps(tmp_path: Path) -> None:
    slices = [{"recipe": {"optimizer": {"steps": steps, "batch_size": 8}}} for steps in (10, 30)]
    why = AGAIN | {"before": [repr(slices[0])], "now": {"slice": repr(slices[1])}}
    again = job(1, seconds=300.0, why=why, **measured(tmp_path, "1", 50.0))
    assert runtimes(planned([again], tmp_path))[1][0] == pytest.approx(150.0)


def test_jobs_share_cores_and_gpus_and_wait_for_each_other() -> None:
    jobs = [job(1, threads=2), job(2), job(3, after=[1, 2]), job(4, gpus=1.0), job(5, gpus=1.0)]
    seconds = {1: 10.0, 2: 4.0, 3: 1.0, 4: 3.0, 5: 3.0}
    assert wall_seconds(jobs, seconds, 8, 2) == 11.0
    assert wall_seconds(jobs, seconds, 8, 1) == 11.0
    assert wall_seconds(jobs, seconds, 2, 1) == 16.0
    assert wall_seconds(jobs, seconds, 1, 1) == 21.0  # two threads are cut down to one
    assert wall_seconds([], {}, 1, 1) == 0.0


def test_the_beginning_of_a_chain_is_the_reason_of_all_that_follows(tmp_path: Path) -> None:
    why = AGAIN | {"before": ["{'k': 1}"], "now": {"slice": "{'k': 2}"}}
    jobs = [job(1, why=why), job(2, "embed", [1], why=AGAIN), job(3, "score", [2], why=AGAIN)]
    collects = job(4, "all", [3], script=False, why=AGAIN)
    new = job(5, "explore", [3], why=NEW)
    plan = planned([*jobs, collects, new], tmp_path)
    found = reasons(plan)
    cause = Cause(Kind.SETTING, "k", "1 → 2")
    assert found.own == {1: [cause], 2: [], 3: [], 4: [], 5: [Cause(Kind.NEW, "")]}
    assert found.roots[3] == [cause]
    assert found.roots[5] == [Cause(Kind.NEW, "")]
    assert [each.id for each in chain(plan, found, plan.jobs[3], cause)] == [3, 2, 1]
    report = Report(plan, found, costs(plan), Machine(2, 0))
    text = as_text(report)
    assert "4 jobs would run, because:\n  1. k: 1 → 2  [train (1)]\n  2. not made yet" in text
    assert "At most 40 min with 2 cores" in text
    assert [each["because"] for each in as_json(report, plan.jobs[3])["jobs"]] == [["k: 1 → 2"]] * 3


def test_numbers_read_as_people_say_them() -> None:
    times = [hours(each) for each in (3.4, 90, 1200, 5400, 7.2e6)]
    assert times == ["3 s", "1.5 min", "20 min", "1.5 h", "2,000 h"]
    assert [size(each) for each in (800, 2.5e6, 3e9)] == ["1 kB", "2.5 MB", "3.0 GB"]
