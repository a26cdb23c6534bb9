"""Snakemake's plan as JSON, for programs.

Snakemake prints its plan for people. So this module is run in a process of its own, `python -m
anonbench.workflow.plan.collect FILE ARGUMENT...`: Snakemake makes a dry run with these arguments,
and the plan is written to FILE.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Collection
from dataclasses import asdict
from pathlib import Path
from typing import Any

from anonbench.core.jobs.checksums import plain, read_made_from
from anonbench.core.jobs.fingerprint import known_codes
from anonbench.workflow.code_snapshots import shortened
from anonbench.workflow.plan.images import changed_images
from anonbench.workflow.plan.jobs import Job
from anonbench.workflow.snakemake_adapter import dry_run, own_reason, sorted_jobs


def main(output: Path, arguments: list[str]) -> None:
    """Let Snakemake plan with these arguments and write the plan; ends the process."""

    def write(workflow: Any) -> None:
        output.write_text(json.dumps(_plan(workflow)), encoding="utf-8")

    dry_run(arguments, write)


def _plan(workflow: Any) -> dict[str, Any]:
    numbers = {job: number for number, job in enumerate(sorted_jobs(workflow.dag))}
    planned = set(workflow.dag.needrun_jobs())
    digests = known_codes().keys() & {job.params.get("code") for job in planned}
    unknown = set(workflow.globals["store"].unknown)
    jobs = [asdict(_job(workflow, job, numbers, job in planned, unknown)) for job in numbers]
    return {
        "jobs": jobs,
        "results": str(workflow.globals["results"]),
        "config": workflow.globals["settings"].model_dump(mode="json"),
        "codes": {digest: shortened(known_codes()[digest]) for digest in digests},
    }


def _job(
    workflow: Any, job: Any, numbers: dict[Any, int], planned: bool, unknown: Collection[Path]
) -> Job:
    stage = job.rule.name
    if job.benchmark:
        inside = Path(job.benchmark).relative_to(
            Path(str(workflow.globals["results"]), "benchmarks")
        )
        stage = inside.with_suffix("").parts[0]
    return Job(
        id=numbers[job],
        rule=job.rule.name,
        stage=stage,
        wildcards=dict(job.wildcards.items()),
        script=bool(job.rule.script),
        threads=job.threads,
        minutes=float(job.resources.get("runtime") or 0),
        gpus=float(job.resources.get("gpu") or 0),
        inputs=[str(file) for file in job.input],
        ancient=[str(file) for file in job.input if file.is_ancient],
        outputs=[str(file) for file in job.output],
        log=[str(file) for file in job.log],
        benchmark=str(job.benchmark) if job.benchmark else None,
        parameters=plain(job.params),
        seconds=_expected(workflow, job),
        after=[numbers[other] for other in workflow.dag.dependencies[job]],
        planned=planned,
        forced=bool(workflow.dag.reason(job).forced),
        unrecorded=[str(file) for file in job.output if Path(file) in unknown],
        reason=own_reason(workflow.dag, job),
        images=_images(workflow, job) if planned else {},
    )


def _expected(workflow: Any, job: Any) -> float | None:
    wildcards = dict(job.wildcards.items())
    if not job.rule.script or "dataset" not in wildcards:
        return None
    try:
        return float(
            workflow.globals["estimates"].seconds(
                Path(job.rule.script).stem, wildcards["dataset"], wildcards.get("split", "train")
            )
        )
    except ValueError:  # a stage without a formula
        return None


def _images(workflow: Any, job: Any) -> dict[str, list[str]]:
    """Return which images changed, for a manifest that was made from another scan of the folder."""
    scan = job.params.get("scan")
    before = read_made_from(map(Path, job.output)) if scan else None
    if not before or before["parameters"].get("scan") == scan:
        return {}
    name = job.wildcards.dataset
    root = workflow.globals["root_of"](workflow.globals["experiment"].datasets[name])
    listed = workflow.globals["listings"][name]["path"]
    return changed_images(root, listed, Path(job.output.manifest))


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2:])
