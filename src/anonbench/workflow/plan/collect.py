"""Snakemake's plan as JSON, for programs.

Snakemake prints its plan for people. So this module is run in a process of its own, `python -m
anonbench.workflow.plan.collect FILE ARGUMENT...`: Snakemake makes a dry run with these arguments,
and the plan is written to FILE.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from anonbench.core.jobs.checksums import read_checksum
from anonbench.core.jobs.fingerprint import known_codes
from anonbench.core.jobs.made_from import MADE_FROM, plain
from anonbench.workflow.code_snapshots import shortened
from anonbench.workflow.plan.images import changed_images
from anonbench.workflow.snakemake_adapter import dry_run, own_reason, sorted_jobs


def main(output: Path, arguments: list[str]) -> None:
    """Let Snakemake plan with these arguments and write the plan; ends the process."""

    def write(workflow: Any) -> None:
        output.write_text(json.dumps(_plan(workflow)), encoding="utf-8")

    dry_run(arguments, write)


def _plan(workflow: Any) -> dict[str, Any]:
    numbers = {job: number for number, job in enumerate(sorted_jobs(workflow.dag))}
    planned = set(workflow.dag.needrun_jobs())
    codes = {job.params.get("code") for job in planned}
    return {
        "jobs": [
            _job(workflow, job, job in planned)
            | {"id": number, "after": [numbers[each] for each in workflow.dag.dependencies[job]]}
            for job, number in numbers.items()
        ],
        "results": str(workflow.globals["results"]),
        "config": workflow.globals["settings"].model_dump(mode="json"),
        "codes": {
            digest: shortened(known_codes()[digest]) for digest in known_codes() if digest in codes
        },
    }


def _job(workflow: Any, job: Any, planned: bool) -> dict[str, Any]:
    parameters = plain(job.params)
    return {
        "rule": job.rule.name,
        "stage": _stage(workflow, job),
        "wildcards": dict(job.wildcards.items()),
        "script": bool(job.rule.script),
        "threads": job.threads,
        "minutes": _number(job.resources.get("runtime")),
        "megabytes": _number(job.resources.get("mem_mb")),
        "gpus": _number(job.resources.get("gpu")),
        "inputs": [str(file) for file in job.input],
        "ancient": [str(file) for file in job.input if file.is_ancient],
        "outputs": [str(file) for file in job.output],
        "log": [str(file) for file in job.log],
        "benchmark": str(job.benchmark) if job.benchmark else None,
        "parameters": parameters,
        "seconds": _expected(workflow, job),
        "planned": planned,
        "forced": bool(workflow.dag.reason(job).forced),
        "reason": own_reason(workflow.dag, job),
        "images": _images(workflow, job, parameters) if planned else None,
    }


def _stage(workflow: Any, job: Any) -> str:
    if not job.benchmark:
        return str(job.rule.name)
    inside = Path(job.benchmark).relative_to(workflow.globals["benchmarks"])
    return inside.with_suffix("").parts[0]


def _number(value: Any) -> float:
    return float(value) if isinstance(value, int | float) else 0.0


def _expected(workflow: Any, job: Any) -> float | None:
    """Return the seconds that `anonbench.config.resources` expects, where it knows the stage."""
    stage = Path(job.rule.script).stem if job.rule.script else ""
    wildcards = dict(job.wildcards.items())
    if "dataset" not in wildcards:
        return None
    try:
        seconds = workflow.globals["estimates"].seconds(
            stage, wildcards["dataset"], wildcards.get("split", "train")
        )
    except ValueError:  # a stage without a formula
        return None
    return float(seconds)


def _images(workflow: Any, job: Any, parameters: dict[str, Any]) -> dict[str, list[str]] | None:
    """Return which images changed, of a manifest that was made from another scan of the folder."""
    if "scan" not in parameters:
        return None
    manifest = Path(job.output.manifest)
    before = (read_checksum(manifest) or {}).get(MADE_FROM)
    if before is None or before["parameters"].get("scan") == parameters["scan"]:
        return None
    name = job.wildcards.dataset
    root = workflow.globals["root_of"](workflow.globals["experiment"].datasets[name])
    return changed_images(root, workflow.globals["listings"][name]["path"], manifest)


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2:])
