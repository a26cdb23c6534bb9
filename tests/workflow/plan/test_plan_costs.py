"""What planned jobs would cost, and how long they take side by side, and what a plan says."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from anonbench.config import Recipe
from anonbench.workflow.estimates import STARTED
from anonbench.workflow.plan_costs import as_data, as_text, costs, usual_seconds, wall_seconds
from anonbench.workflow.planned_jobs import Job, Plan, wildcards_of

Maker = Callable[..., Job]
Planner = Callable[..., Plan]


def measured(folder: Path, name: str, seconds: float) -> dict[str, Any]:
    path = folder / f"{name}.tsv"
    path.write_text(f"s\tmax_rss\tcpu_time\n{seconds}\tNA\t{2 * seconds}\n", encoding="utf-8")
    output = folder / f"{name}.safetensors"
    output.write_bytes(b"x" * int(seconds))
    return {"benchmark": path, "outputs": [output]}


def times(plan: Plan) -> dict[str, tuple[float, bool]]:
    return {
        job.wildcards["seed"]: (cost["seconds"], cost["basis"] == "measured")
        for job, cost in costs(plan).iterrows()
    }


def test_a_new_job_costs_the_median(tmp_path: Path, job: Maker, plan: Planner) -> None:
    known = [job(n, planned=False, **measured(tmp_path, str(n), 10.0 * n)) for n in (1, 2, 4)]
    once_more = job(5, **measured(tmp_path, "5", 70.0), stage="embed")
    new, other = job(6, gpus=2.0), job(7, "score", threads=4)
    found = costs(plan(*known, once_more, new, other))
    assert [*found.loc[once_more]] == [70.0, 140.0, 0.0, "measured", 70]
    assert [*found.loc[new]] == [20.0, 40.0, 40.0, "measured", 20]
    alike = 1.0 + STARTED
    assert [*found.loc[other]][:4] == [alike, 4 * alike, 0.0, "rates"]
    assert np.isnan(found["disk"][other])


def test_jobs_of_the_same_data_set_first(tmp_path: Path, job: Maker, plan: Planner) -> None:
    mine, other = (job(n, **measured(tmp_path, str(n), 10.0 * n)) for n in (1, 2))
    new = job(3)
    for each, dataset in ((mine, "ids"), (other, "faces"), (new, "faces")):
        each.wildcards["dataset"] = dataset  # type: ignore[index]
    assert times(plan(mine, other, new))["3"] == (20.0, True)
    assert times(plan(mine, new))["3"] == (10.0, True)


@pytest.mark.parametrize(
    ("before", "now", "seconds"),
    [
        (100.0, 200.0, 100.0),  # twice the work takes twice the time
        (100.0, 10.0, 5.0),
        (1.0, 601.0, 600.0),  # what a short job tells of a long one ends at its limit of 10 minutes
    ],
)
def test_time_grows_with_the_work(
    tmp_path: Path, job: Maker, plan: Planner, before: float, now: float, seconds: float
) -> None:
    known, new = job(1, **measured(tmp_path, "1", 50.0)), job(2)
    new.wildcards["dataset"] = "faces"  # type: ignore[index]
    found = costs(plan(known, new, seconds={"ids": before, "faces": now})).loc[new]
    assert found["seconds"] == pytest.approx(seconds)
    assert found["cpu_seconds"] == pytest.approx(min(2 * seconds, 600.0))


def test_a_training_grows_with_its_steps(tmp_path: Path, job: Maker, plan: Planner) -> None:
    files, log = measured(tmp_path, "1", 50.0), tmp_path / "log.csv"
    log.write_text("step,loss\n5,2.0\n10,1.0\n")
    now = Recipe().optimizer.steps
    before = job(1, **files | {"outputs": [*files["outputs"], log]})
    assert times(plan(before))["1"][0] == pytest.approx(50.0 * now / 10)


def test_a_run_takes_its_longest_chain_or_all_work_on_all_devices(job: Maker) -> None:
    first, second = job(1, threads=2), job(2)
    jobs = [first, second, job(3, before=[first, second]), job(4, gpus=1.0), job(5, gpus=1.0)]
    seconds = (10.0, 4.0, 1.0, 3.0, 9.0)
    found = dict(zip(jobs, seconds, strict=True))
    assert wall_seconds(found, 8, 2) == 11.0  # job 3 after job 1
    assert wall_seconds(found, 8, 1) == 12.0  # jobs 4 and 5 on one GPU
    assert wall_seconds(found, 2, 2) == (2 * 10 + 4 + 1 + 3 + 9) / 2
    assert wall_seconds(found, 1, 1) == 27.0  # two threads are cut down to one
    assert wall_seconds({}, 1, 0) == 0.0


def test_usual_times_and_what_is_left_at_first(tmp_path: Path, job: Maker) -> None:
    jobs = [job(n, **measured(tmp_path, str(n), 10.0 * n)) for n in (1, 2, 4)]
    jobs += [job(5), job(6, "table"), job(7, "embed", benchmark=tmp_path / "none.tsv")]
    estimates: Any = SimpleNamespace(
        seconds=lambda stage, *of: {"embed": 7.0}.get(stage, 0) if of == (None, 0, 0) else 9
    )
    found, _ = usual_seconds(jobs, {"ids": estimates}, 1, None)
    assert found == {"train": 20.0, "table": 1.0 + STARTED, "embed": 7.0 + STARTED}
    jobs = [*(job(number) for number in range(4)), job(4, gpus=1.0), job(5, planned=False)]
    estimates: Any = SimpleNamespace(seconds=lambda *of: 90.0)
    each = 90.0 + STARTED
    for cores, whole in ((1, 5 * each), (2, 5 * each / 2), (None, 5 * each), (8, each)):
        usual, at_once = usual_seconds(jobs, {"ids": estimates}, cores, None)
        assert 5 * usual["train"] / at_once == pytest.approx(whole)
    assert usual_seconds([], {}, 2, 1) == ({}, 1.0)


def test_the_data_set_of_a_rule_for_one_is_known() -> None:
    own = SimpleNamespace(params=SimpleNamespace(dataset="mine"), wildcards={"seed": "0"})
    assert wildcards_of(own) == {"dataset": "mine", "seed": "0"}
    none = SimpleNamespace(params=SimpleNamespace(recipe={}), wildcards={"dataset": "ids"})
    assert wildcards_of(none) == {"dataset": "ids"}


def test_costs_are_shown_by_stage_and_given_by_job(
    tmp_path: Path, job: Callable[..., Job], plan: Callable[..., Plan]
) -> None:
    benchmark = tmp_path / "1.tsv"
    benchmark.write_text("s\tmax_rss\tcpu_time\n30\tNA\t60\n", encoding="utf-8")
    made = [tmp_path / name for name in ("models", "embeddings")]
    for path in made:
        path.write_bytes(b"x" * 2000)
    train = job(1, outputs=made[:1], benchmark=benchmark, gpus=2.0)
    embed = job(2, "embed", outputs=made[1:], before=[train], gpus=1.0)
    chain = plan(train, embed, job(3, "figure", before=[embed]))
    text = as_text(as_data(chain, cores=2, gpus=2.0))
    lines = [" ".join(line.split()) for line in text.splitlines()]
    assert lines[0] == "3 jobs would run (snakemake -n says why):"
    assert lines[2:7] == [
        "jobs time CPU time GPU time writes",
        "train 1 30 s 1 min 00 s 1 min 00 s 2.00kB",
        "embed 1 ≈ 2 s ≈ 2 s ≈ 2 s 2.00kB",
        "figure 1 ≈ 2 s ≈ 2 s 0 s ?",
        "total 3 ≈ 34 s ≈ 1 min 04 s ≈ 1 min 02 s ≥ 4.00kB",
    ]
    assert lines[8] == "About 34 s with 2 cores and 2 GPUs; ≥ 4.00kB on disk."
    assert lines[9].startswith("≈: no job of embed, figure was measured here")
    data: dict[str, Any] = json.loads(json.dumps(as_data(chain, 1, 2.0)))
    assert [job["job"] for job in data["jobs"]] == ["train ids 1", "embed ids 2", "figure ids 3"]
    assert [job["basis"] for job in data["jobs"]] == ["measured", "rates", "rates"]
    assert (data["jobs"][2]["disk"], data["wall_seconds"]) == (None, 34.0)


def test_gone_and_full(plan: Callable[..., Plan], job: Callable[..., Job], tmp_path: Path) -> None:
    data = as_data(plan(job(1, planned=False)), 1, 0.0)
    assert as_text(data).startswith("Nothing would run")
    text = as_text(as_data(plan(missing=[Path("a/scores.csv")]), 1, 0.0))
    assert "GONE, and needed by no job that would run: a/scores.csv. " in text
    assert text.endswith("with --forcerun a/scores.csv")
    (tmp_path / "model").write_bytes(b"x" * 1000)
    again = plan(job(1, outputs=[tmp_path / "model"]))
    assert "DISK TOO SMALL" not in as_text(as_data(replace(again, free=0), 1, 2.0))
    both = replace(again, jobs=[*again.jobs, job(2)])  # a new output is as large as the other
    assert "DISK TOO SMALL: 900B are free" in as_text(as_data(replace(both, free=900), 1, 2.0))
    assert "DISK TOO SMALL" not in as_text(as_data(replace(both, free=1000), 1, 2.0))
