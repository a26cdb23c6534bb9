"""Root causes of planned jobs: what changed, and not all that follows from it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from textwrap import shorten
from typing import Any

from anonbench.core.jobs.checksums import (
    DIGEST,
    input_digest,
    is_intact,
    read_checksum,
    read_made_from,
)
from anonbench.workflow.code_snapshots import code_changes, read_code
from anonbench.workflow.plan.jobs import Job, Plan
from anonbench.workflow.plan.settings import changes, config_name, described
from anonbench.workflow.status import unfinished

NEW = "not made yet"
FORCED = "forced by an option of snakemake"
_SHOWN = 3
_SECTIONS = {"retrieve": "retrieval", "correlate": "correlation", "embed": "embedding"}
"""Sections of the config by stage; other stages are called as their section, or show results."""


@dataclass(frozen=True)
class Reasons:
    """Why each planned job would run, by its number: one line a cause."""

    own: Mapping[int, Sequence[str]]
    """Causes of the job itself; none for one that runs because another one does."""
    roots: Mapping[int, Sequence[str]]
    """Its own causes and those of the jobs before it, the nearest first."""


def reasons(plan: Plan) -> Reasons:
    """Return the causes of all jobs that would run."""
    last = unfinished(plan.results)
    own: dict[int, list[str]] = {}
    roots: dict[int, list[str]] = {}
    for job in plan.planned:
        own[job.id] = list(dict.fromkeys(_own(plan, job, last))) if job.script else []
        before = [cause for other in job.after for cause in roots.get(other, [])]
        roots[job.id] = own[job.id] if NEW in own[job.id] else [*own[job.id], *before]
        roots[job.id] = list(dict.fromkeys(roots[job.id]))
    return Reasons(own, roots)


def chain(plan: Plan, why: Reasons, job: Job, cause: str) -> list[Job]:
    """Return a way from a job to one that has the cause itself, both included."""
    way = [job]
    while cause not in why.own[way[-1].id]:
        others = (each for each in way[-1].after if cause in why.roots.get(each, []))
        way.append(plan.jobs[next(others)])
    return way


def _own(plan: Plan, job: Job, last: Mapping[str, str]) -> list[str]:
    causes = list(_of_outputs(plan, job, last.get(job.label)))
    if not causes and job.unrecorded:
        causes.append(f"{job.unrecorded[0]} has no record of its making")
    if not causes and job.forced:
        causes.append(FORCED)
    if before := read_made_from(map(Path, job.outputs)):
        causes += _of_parameters(plan, job, before["parameters"])
        causes += _of_inputs(plan, job, before)
    if not causes and job.reason:
        causes.append(shorten(job.reason, 200, placeholder=" …"))
    if not causes and not any(Path(file).exists() for file in job.outputs):
        causes.append(NEW)
    return causes


def _of_outputs(plan: Plan, job: Job, last: str | None) -> Iterator[str]:
    """Yield what became of the outputs; `last` says it of a job that the last run did not end."""
    if last:
        yield f"{job.named} {last}"
        return
    files = [file for file in job.outputs if plan.results in Path(file).parents]
    gone = [file for file in files if not Path(file).exists() and read_checksum(Path(file))]
    if gone:
        others = f", and {len(gone) - 1} more of its job" if len(gone) > 1 else ""
        yield f"{job.named if job.named in gone else gone[0]} is gone{others}"
    for file in files:
        is_good = not Path(file).exists() or is_intact(Path(file))
        if is_good is None:
            yield f"{file} is unfinished, or no job of this workflow made it"
        elif not is_good:
            yield f"{file.removesuffix(DIGEST)} was changed by hand"


def _of_parameters(plan: Plan, job: Job, before: Mapping[str, Any]) -> Iterator[str]:
    dataset = job.wildcards.get("dataset", "")
    recipe = plan.config.get("datasets", {}).get(dataset, {}).get("recipe", "")
    words = {dataset, recipe, _SECTIONS.get(job.stage, job.stage), "presentation"}
    for change in changes(before, job.parameters):
        match change.key[0]:
            case "code":
                old = read_code(plan.results, str(change.old))
                yield from code_changes(old, plan.codes[change.new])
            case "scan":
                yield from _of_images(job)
            case "given":  # pairs of path and digest
                yield from _of_files(dict(change.old), dict(change.new))
            case _:
                yield f"{config_name(change, plan.config, words)}: {described(change)}"


def _of_images(job: Job) -> Iterator[str]:
    for what, files in job.images.items():
        shown = ", ".join(files[:_SHOWN]) + (", …" if len(files) > _SHOWN else "")
        yield f"{shown} was {what}" if len(files) == 1 else f"{len(files)} images {what}: {shown}"
    if not job.images:
        yield f"{job.wildcards['dataset']}: list files or times changed, and no image did"


def _of_inputs(plan: Plan, job: Job, before: Mapping[str, Any]) -> Iterator[str]:
    ignored = {*job.ancient, *(file for file, _ in job.parameters.get("given") or [])}
    then = {
        str(plan.results / file) if file.startswith("./") else file: digest
        for file, digest in before["inputs"].items()
    }
    old = {file: digest for file, digest in then.items() if file not in ignored}
    now = {
        file: old.get(file) if file in plan.remade else input_digest(Path(file))
        for file in job.inputs
        if file not in ignored
    }
    yield from _of_files(old, now)


def _of_files(old: Mapping[str, str | None], new: Mapping[str, str | None]) -> Iterator[str]:
    """Yield files that were added, removed or changed, by their digests."""
    for file in sorted({*old, *new}):
        name = file.removesuffix(DIGEST)
        if file not in old or file not in new:
            yield f"{name} was {'added' if file in new else 'removed'}"
        elif old[file] != new[file]:
            digests = f", SHA-256 {str(old[file])[:12]}… → {str(new[file])[:12]}…"
            yield f"{name} has changed{digests if name == file else ''}"
