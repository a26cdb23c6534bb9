"""What a plan says to people and to programs."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from anonbench.workflow.plan_costs import as_data, as_text
from anonbench.workflow.planned_jobs import Job, Plan


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
