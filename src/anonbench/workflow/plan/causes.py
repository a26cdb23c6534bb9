"""Root causes of planned jobs, without the changes that only follow from them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from anonbench.core.jobs.checksums import DIGEST, is_intact, plain, read_checksum, read_parameters
from anonbench.core.jobs.fingerprint import code_changes
from anonbench.datasets.listing import changed_images, root_of
from anonbench.workflow.plan.jobs import Job, Plan
from anonbench.workflow.plan.settings import changes, config_name, described
from snakemake_logger_plugin_anonbench.run import read

NEW = "not made yet"
_SHOWN = 3


def reasons(plan: Plan) -> dict[Job, dict[str, list[Job]]]:
    """Root causes of all jobs that would run, nearest first.

    Each cause comes with the chain of jobs from this one to the job that has the cause itself.
    """
    last = read(plan.started.settings.results).unfinished()
    found: dict[Job, dict[str, list[Job]]] = {}
    for job in plan.planned:
        own = _own(plan, job, last.get(job.label))
        found[job] = {cause: [job] for cause in own}
        for each in job.before if NEW not in own else ():
            for cause, way in found.get(each, {}).items():
                found[job].setdefault(cause, [job, *way])
    return found


def _own(plan: Plan, job: Job, last: str | None) -> list[str]:
    """A job's own causes; `last` is the state of its last run if that did not end."""
    causes = [f"{job.outputs[0]} {last}"] if last else [*_of_outputs(plan, job)]
    if before := read_parameters(job.outputs):
        causes += _of_parameters(plan, job, before)
    if not causes and (job.reason or not any(map(Path.exists, job.outputs))):
        causes = [job.reason or NEW]
    return causes


def _of_outputs(plan: Plan, job: Job) -> Iterator[str]:
    files = [file for file in job.outputs if plan.started.settings.results in file.parents]
    if gone := [file for file in files if not file.exists() and read_checksum(file)]:
        yield f"{gone[0]} is gone" + (f", and {len(gone) - 1} more" if len(gone) > 1 else "")
    for file in filter(Path.exists, files):
        if is_intact(file) is False:
            yield f"{str(file).removesuffix(DIGEST)} was changed by hand"
        elif file in plan.unrecorded:
            yield f"{file} has no complete record of its making"


def _of_parameters(plan: Plan, job: Job, before: Mapping[str, Any]) -> Iterator[str]:
    for change in changes(before, plain(job.raw.params)):
        match change.key[0]:
            case "code":
                yield from code_changes(plan.started.settings.results, change.old, change.new)
            case "scan":
                yield from _of_images(plan, job)
            case "given" if isinstance(change.old, list):  # pairs of path and digest
                files = changes(dict(change.old), dict(change.new))
                yield from (f"{file.key[0]} has changed" for file in files)
            case _:
                yield f"{config_name(change, plan.config)}: {described(change)}"


def _of_images(plan: Plan, job: Job) -> Iterator[str]:
    name = job.wildcards["dataset"]
    root, listed = root_of(plan.started.experiment.datasets[name]), plan.started.listings[name]
    changed = changed_images(root, listed["path"], Path(job.raw.output.manifest))
    for what, files in changed.items():
        if files:
            yield f"images {what}: {len(files)}, such as {', '.join(files[:_SHOWN])}"
    if not any(changed.values()):
        yield f"{name}: list files or times changed, and no image did"
