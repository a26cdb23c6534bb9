"""What Snakemake plans, as data: jobs, what they depend on, and how they differ from before.

Snakemake has a dry run for people and no plan for programs. So this runs as a process of its own,
`python -m anonbench.workflow.plan.collect FILE [arguments of snakemake]`: Snakemake reads the
workflow and decides as it always does, and where it would begin to run, the plan is written to
FILE.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from snakemake import cli
from snakemake.workflow import Workflow

from anonbench.core.jobs.checksums import DIGEST
from anonbench.core.jobs.fingerprint import known_codes
from anonbench.core.provenance import file_digest
from anonbench.workflow.code_snapshots import shortened
from anonbench.workflow.plan.images import changed_images

_LARGE = 10**6
"""Bytes; Snakemake compares larger inputs by time alone."""


def main(output: Path, arguments: list[str]) -> None:
    """Let Snakemake plan with these arguments and write the plan; ends the process."""

    def write(workflow: Any, *_: object, **__: object) -> None:
        plan = json.dumps(_plan(workflow), default=str)
        output.write_text(plan, encoding="utf-8")

    Workflow.execute = write
    cli.main(arguments)


def _plan(workflow: Any) -> dict[str, Any]:
    workflow._prepare_dag(
        forceall=workflow.dag_settings.forceall,
        ignore_incomplete=workflow.execution_settings.ignore_incomplete,
        lock_warn_only=True,
    )
    workflow._build_dag()
    dag = workflow.dag
    planned = set(dag.needrun_jobs())
    numbers = {job: number for number, job in enumerate(dag.jobs)}
    jobs = []
    for job, number in numbers.items():
        dependencies = {numbers[other] for other in dag.dependencies[job]}
        content = _job(workflow, job) | {"id": number, "after": sorted(dependencies)}
        content["why"] = _why(workflow, job, planned) if job in planned else None
        jobs.append(content)
    return {
        "jobs": jobs,
        "results": str(workflow.globals["results"]),
        "config": workflow.globals["settings"].model_dump(mode="json"),
        "codes": {digest: shortened(code) for digest, code in known_codes().items()},
    }


def _job(workflow: Any, job: Any) -> dict[str, Any]:
    wildcards = dict(job.wildcards.items())
    resources = job.resources
    return {
        "rule": job.rule.name,
        "wildcards": wildcards,
        "script": bool(job.rule.script),
        "threads": job.threads,
        "minutes": _number(resources.get("runtime")),
        "megabytes": _number(resources.get("mem_mb")),
        "gpus": _number(resources.get("gpu")),
        "outputs": [str(file) for file in job.output],
        "log": [str(file) for file in job.log],
        "benchmark": str(job.benchmark) if job.benchmark else None,
        "seconds": _expected(workflow, job, wildcards),
    }


def _number(value: Any) -> float:
    return float(value) if isinstance(value, int | float) else 0.0


def _expected(workflow: Any, job: Any, wildcards: dict[str, str]) -> float | None:
    """Return the seconds that `anonbench.config.resources` expects, where it knows the stage."""
    stage = Path(job.rule.script).stem if job.rule.script else ""
    if "dataset" not in wildcards:
        return None
    try:
        seconds = workflow.globals["estimates"].seconds(
            stage, wildcards["dataset"], wildcards.get("split", "train")
        )
    except ValueError:  # a stage without a formula
        return None
    return float(seconds)


def _why(workflow: Any, job: Any, planned: set[Any]) -> dict[str, Any]:
    """Return how a job differs from the one that made what is there."""
    persistence, dag, results = workflow.persistence, workflow.dag, workflow.globals["store"]
    damaged, gone = getattr(results, "damaged", []), getattr(results, "gone", [])
    record = next(filter(None, map(persistence.metadata, job.output)), None)
    missing = [str(file) for file in job.output if not os.path.lexists(file)]
    found: dict[str, Any] = {
        "known": record is not None,
        "made": [str(file) for file in job.output if str(file) not in missing],
        "missing": missing if record else [],
        "by_hand": _outputs_in([*damaged, *gone], job),
        "stopped": bool(
            _outputs_in(getattr(results, "unknown", []), job)
            or persistence._filter_incomplete_keys(map(str, job.output))
        ),
        "forced": bool(dag.reason(job).forced),
        "environment": bool(dag.reason(job).software_stack_changed),
    }
    if record is None:
        return found
    old, new = set(record.params or []), set(persistence._params(job))
    texts = {name: persistence._serialize_param(value) for name, value in job.params.items()}
    now_only = {name: text for name, text in sorted(texts.items()) if text in new - old}
    before, now = set(record.input or []), set(persistence._input(job))
    made_now = {
        file for other in dag.dependencies[job] if other in planned for file in other.output
    }
    found |= {
        "before": sorted(old - new),
        "now": now_only,
        "added": sorted(now - before),
        "removed": sorted(before - now),
        "updated": list(_updated(job, record, made_now)),
    }
    if "scan" in found["now"]:
        found["images"] = _images(workflow, job, record)
    return found


def _outputs_in(paths: Iterable[Path], job: Any) -> list[str]:
    """Return those of a job's outputs that are among some paths, big files without `.digest`."""
    names = {path.as_posix() for path in paths}
    return sorted({file.removesuffix(DIGEST) for file in map(str, job.output) if file in names})


def _updated(job: Any, record: Any, made_now: set[Any]) -> Iterator[dict[str, Any]]:
    """Yield inputs that hold something else than when the job read them; Snakemake's own test."""
    since = record.starttime or 0.0
    for file in job.input:
        path = Path(str(file))
        if file in made_now or file.is_ancient or not path.is_file():
            continue
        stat = path.stat()
        if stat.st_mtime <= since:
            continue
        old = (record.input_checksums or {}).get(str(file))
        old = old.removeprefix("sha256:") if old else None
        new = file_digest(path) if stat.st_size <= _LARGE else None
        if old is None or old != new:
            yield {"file": str(file), "old": old, "new": new, "at": stat.st_mtime}


def _images(workflow: Any, job: Any, record: Any) -> dict[str, list[str]] | None:
    name = job.wildcards.dataset
    dataset = workflow.globals["experiment"].datasets[name]
    listed = workflow.globals["listings"][name]["path"].tolist()
    root = workflow.globals["root_of"](dataset)
    return changed_images(root, listed, Path(job.output.manifest), record.starttime or 0.0)


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2:])
