"""What planned jobs would cost, and how long they take side by side."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

from anonbench.core.jobs.checksums import MADE_FROM, write_checksum
from anonbench.core.provenance import file_digest
from anonbench.workflow.plan.causes import NEW, chain, reasons
from anonbench.workflow.plan.costs import Cost, costs, wall_seconds
from anonbench.workflow.plan.jobs import Job, Plan
from anonbench.workflow.plan.report import Report, as_json, as_text, size


def job(number: int, rule: str = "train", after: Iterable[int] = (), **options: Any) -> Job:
    values: dict[str, Any] = {
        "stage": rule,
        "wildcards": {"dataset": "ids", "seed": str(number)},
        "script": True,
        "threads": 1,
        "minutes": 10.0,
        "gpus": 0.0,
        "inputs": [],
        "ancient": [],
        "outputs": [f"to-be-made/{number}"],
        "log": [],
        "benchmark": None,
        "parameters": {},
        "seconds": None,
        "planned": False,
        "forced": False,
        "unrecorded": [],
        "reason": "",
        "images": {},
    }
    return Job(number, rule, after=list(after), **values | options)


def again(number: int, rule: str = "train", after: Iterable[int] = (), **options: Any) -> Job:
    return job(number, rule, after, planned=True, **options)


def made_from(path: Path, parameters: dict[str, Any], **inputs: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch()
    write_checksum(path, **{MADE_FROM: {"parameters": parameters, "inputs": inputs}})


def planned(jobs: Iterable[Job], folder: Path) -> Plan:
    return Plan({each.id: each for each in jobs}, folder, {})


def measured(folder: Path, name: str, seconds: float) -> dict[str, Any]:
    path = folder / "benchmarks/train/ids" / f"{name}.tsv"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"s\tmax_rss\tcpu_time\n{seconds}\tNA\t{2 * seconds}\n", encoding="utf-8")
    output = folder / f"{name}.safetensors"
    output.write_bytes(b"x" * int(seconds))
    return {"benchmark": str(path), "outputs": [str(output)]}


def runtimes(plan: Plan) -> dict[int, tuple[float, bool]]:
    return {number: (cost.seconds, cost.measured) for number, cost in costs(plan).items()}


def test_a_job_costs_what_it_cost_and_a_new_one_the_median_of_its_like(tmp_path: Path) -> None:
    known = [job(n, **measured(tmp_path, str(n), 10.0 * n)) for n in (1, 2, 4)]
    once_more = again(5, **measured(tmp_path, "5", 70.0))
    benchmark = str(tmp_path / "benchmarks/train/ids/6.tsv")
    new = again(6, benchmark=benchmark, gpus=2.0)
    other = again(7, "embed", threads=4)
    found = costs(planned([*known, once_more, new, other], tmp_path))
    assert found[5] == Cost(70.0, 140.0, 0.0, True, 70, 70)
    assert found[6] == Cost(20.0, 40.0, 40.0, True, 30.0, 0)
    assert found[7] == Cost(600.0, 2400.0, 0.0, False, None, 0)


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
    new = again(2, seconds=now, benchmark=str(tmp_path / "benchmarks/train/ids/2.tsv"))
    assert runtimes(planned([known, new], tmp_path))[2][0] == pytest.approx(seconds)


def test_a_training_grows_with_its_steps(tmp_path: Path) -> None:
    before, now = ({"slice": {"optimizer": {"steps": steps}}} for steps in (10, 30))
    files = measured(tmp_path, "1", 50.0)
    made_from(Path(files["outputs"][0]), before)
    once_more = again(1, seconds=300.0, parameters=now, **files)
    assert runtimes(planned([once_more], tmp_path))[1][0] == pytest.approx(150.0)


def test_a_run_takes_its_longest_chain_or_all_work_on_all_devices() -> None:
    jobs = [job(1, threads=2), job(2), job(3, after=[1, 2]), job(4, gpus=1.0), job(5, gpus=1.0)]
    seconds = {1: 10.0, 2: 4.0, 3: 1.0, 4: 3.0, 5: 9.0}
    expected = {number: Cost(each, 0, 0, True, 0, 0) for number, each in seconds.items()}
    assert wall_seconds(jobs, expected, 8, 2) == 11.0  # job 3 after job 1
    assert wall_seconds(jobs, expected, 8, 1) == 12.0  # jobs 4 and 5 on one GPU
    assert wall_seconds(jobs, expected, 2, 2) == (2 * 10 + 4 + 1 + 3 + 9) / 2
    assert wall_seconds(jobs, expected, 1, 1) == 27.0  # two threads are cut down to one
    assert wall_seconds([], {}, 1, 0) == 0.0


def test_the_beginning_of_a_chain_is_the_reason_of_all_that_follows(tmp_path: Path) -> None:
    outputs = [str(tmp_path / name) for name in ("models", "embeddings", "scores")]
    for path in outputs:
        made_from(Path(path), {"slice": {"k": 1}} if path == outputs[0] else {})
    jobs = [
        again(1, outputs=outputs[:1], parameters={"slice": {"k": 2}}),
        again(2, "embed", [1], outputs=outputs[1:2]),
        again(3, "score", [2], outputs=outputs[2:]),
        again(4, "all", [3], script=False, outputs=[]),
        again(5, "explore", [3]),
    ]
    plan = planned(jobs, tmp_path)
    found = reasons(plan)
    cause = "k: 1 → 2"
    assert found.own == {1: [cause], 2: [], 3: [], 4: [], 5: [NEW]}
    assert found.roots[3] == [cause]
    assert found.roots[5] == [NEW]
    assert [each.id for each in chain(plan, found, plan.jobs[3], cause)] == [3, 2, 1]
    report = Report(plan, found, costs(plan), cores=2, gpus=0)
    text = as_text(report)
    assert "4 jobs would run, because:\n  1. k: 1 → 2  [train (1)]\n  2. not made yet" in text
    assert "About 40 min 00 s with 2 cores" in text
    assert "At most: no job of embed, explore, score, train was measured here" in text
    assert [each["because"] for each in as_json(report, plan.jobs[3])["jobs"]] == [["k: 1 → 2"]] * 3


def causes(plan: Plan, number: int) -> list[str]:
    return list(reasons(plan).own[number])


def test_inputs_are_compared_by_digest_but_those_that_do_not_count(tmp_path: Path) -> None:
    output, now = tmp_path / "scores", tmp_path / "own.csv"
    now.write_text("now", encoding="utf-8")
    names = {str(now): "0" * 64, "gone": "1" * 64, "tar": "2" * 64, "made": "3" * 64}
    made_from(output, {"given": [["list", "a"]]}, **names)
    given = {"given": [["list", "b"]]}
    files = {"inputs": [str(now), "tar", "made"], "ancient": ["tar"], "outputs": [str(output)]}
    plan = planned([again(1, outputs=["made"]), again(2, parameters=given, **files)], tmp_path)
    assert causes(plan, 2) == [
        "list has changed, SHA-256 a… → b…",
        f"{now} has changed, SHA-256 000000000000… → {file_digest(now)[:12]}…",
        "gone was removed",
    ]


def test_an_output_is_gone_or_changed_or_unknown_or_the_job_is_forced(tmp_path: Path) -> None:
    paths = [tmp_path / name for name in ("good", "gone", "edited", "unknown")]
    for path in paths[:3]:
        made_from(path, {})
    paths[1].unlink()
    paths[2].write_text("edited", encoding="utf-8")
    paths[3].touch()
    plan = planned([again(1, outputs=list(map(str, paths)), forced=True)], tmp_path)
    assert causes(plan, 1) == [
        f"{paths[1]} is gone",
        f"{paths[2]} was changed by hand",
        f"{paths[3]} is unfinished, or no job of this workflow made it",
    ]
    forced = planned([again(1, outputs=[str(paths[0])], forced=True)], tmp_path)
    assert causes(forced, 1) == ["forced by an option of snakemake"]
    unrecorded = again(1, outputs=[str(paths[0])], forced=True, unrecorded=[str(paths[0])])
    assert causes(planned([unrecorded], tmp_path), 1) == [f"{paths[0]} has no record of its making"]
    other = planned([again(1, outputs=[str(paths[0])], reason="Software changed")], tmp_path)
    assert causes(other, 1) == ["Software changed"]


def test_bytes_read_as_people_say_them() -> None:
    assert [size(each) for each in (800, 2.5e6, 3e9)] == ["1 kB", "2.5 MB", "3.0 GB"]
