"""Root causes of planned jobs: what changed, and not all that follows from it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

from anonbench.core.jobs.checksums import DIGEST, is_intact, read_checksum
from anonbench.core.jobs.made_from import MADE_FROM, input_digest
from anonbench.workflow.code_snapshots import code_changes, read_code
from anonbench.workflow.plan.jobs import Job, Plan
from anonbench.workflow.plan.settings import changes, config_name
from anonbench.workflow.status import unfinished

_SHOWN = 3
_SECTIONS = {"retrieve": "retrieval", "correlate": "correlation", "embed": "embedding"}
"""Sections of the config by stage; other stages are called as their section, or show results."""


class Kind(StrEnum):
    """What a cause is about."""

    NEW = "not made yet"
    SETTING = "setting"
    CODE = "code"
    PACKAGE = "package"
    INPUT = "input"
    OUTPUT = "output"
    FORCED = "forced"
    OTHER = "other"


@dataclass(frozen=True, order=True)
class Cause:
    """One thing that changed."""

    kind: Kind
    text: str
    """What changed and how, in one line."""


NEW = Cause(Kind.NEW, str(Kind.NEW))


@dataclass(frozen=True)
class Reasons:
    """Why each planned job would run, by its number."""

    own: Mapping[int, Sequence[Cause]]
    """Causes of the job itself; none for one that runs because another one does."""
    roots: Mapping[int, Sequence[Cause]]
    """Its own causes and those of the jobs before it, the nearest first."""


def reasons(plan: Plan) -> Reasons:
    """Return the causes of all jobs that would run."""
    last = unfinished(plan.results)
    own: dict[int, list[Cause]] = {}
    roots: dict[int, list[Cause]] = {}
    for job in plan.planned:
        own[job.id] = list(dict.fromkeys(_own(plan, job, last))) if job.script else []
        before = [cause for other in job.after for cause in roots.get(other, [])]
        is_new = NEW in own[job.id]
        roots[job.id] = list(dict.fromkeys([*own[job.id], *([] if is_new else before)]))
    return Reasons(own, roots)


def chain(plan: Plan, found: Reasons, job: Job, cause: Cause) -> list[Job]:
    """Return the shortest way from a job to one that has the cause itself, both included."""
    ways = [[job]]
    seen = {job.id}
    for way in ways:
        if cause in found.own[way[-1].id]:
            return way
        for number in way[-1].after:
            if number not in seen and cause in found.roots.get(number, []):
                seen.add(number)
                ways.append([*way, plan.jobs[number]])
    return [job]


def _own(plan: Plan, job: Job, last: Mapping[str, str]) -> list[Cause]:
    records = [record for file in job.outputs if (record := read_checksum(Path(file)))]
    before = records[0].get(MADE_FROM) if records else None
    found = list(_of_outputs(plan, job, last.get(job.label)))
    if not found and job.forced:
        found.append(Cause(Kind.FORCED, "forced by an option of snakemake"))
    if before:
        found += _of_parameters(plan, job, before["parameters"])
        found += _of_inputs(plan, job, before)
    if not found and job.reason:
        found.append(Cause(Kind.OTHER, job.reason))
    if not found and not any(Path(file).exists() for file in job.outputs):
        found.append(NEW)
    return found


def _of_outputs(plan: Plan, job: Job, last: str | None) -> Iterator[Cause]:
    """Yield what became of the outputs; `last` says it of a job that the last run did not end."""
    if last:
        yield Cause(Kind.OUTPUT, f"{job.named} {last}")
        return
    files = [file for file in job.outputs if plan.results in Path(file).parents]
    gone = [file for file in files if not Path(file).exists() and read_checksum(Path(file))]
    if gone:
        name = job.named if job.named in gone else gone[0]
        others = f", and {len(gone) - 1} more of its job" if len(gone) > 1 else ""
        yield Cause(Kind.OUTPUT, f"{name} is gone{others}")
    for file in files:
        is_good = not Path(file).exists() or is_intact(Path(file))
        if is_good is None:
            yield Cause(Kind.OUTPUT, f"{file} is unfinished, or no job of this workflow made it")
        elif not is_good:
            yield Cause(Kind.OUTPUT, f"{file.removesuffix(DIGEST)} was changed by hand")


def _of_parameters(plan: Plan, job: Job, before: Mapping[str, Any]) -> Iterator[Cause]:
    dataset = job.wildcards.get("dataset", "")
    recipe = plan.config.get("datasets", {}).get(dataset, {}).get("recipe", "")
    words = {dataset, recipe, _SECTIONS.get(job.stage, job.stage), "presentation"}
    for change in changes(before, job.parameters):
        match change.key[0]:
            case "code":
                yield from _of_code(plan, str(change.old), str(change.new))
            case "scan":
                yield from _of_images(job)
            case "given":  # pairs of path and digest
                yield from _of_files(dict(change.old or []), dict(change.new or []))
            case _:
                name = config_name(change, plan.config, words)
                yield Cause(Kind.SETTING, f"{name}: {change.text}")


def _of_code(plan: Plan, old: str, new: str) -> Iterator[Cause]:
    code = read_code(plan.results, old)
    if code is None:
        yield Cause(Kind.CODE, "code that the script can reach has changed; no copy of the old one")
        return
    for name, was, now in code_changes(code, plan.codes[new]):
        if was or now:
            yield Cause(Kind.PACKAGE, f"{name}: {was or 'not used'} → {now or 'not used'}")
        else:
            yield Cause(Kind.CODE, f"{name} was changed")


def _of_images(job: Job) -> Iterator[Cause]:
    for what, files in (job.images or {}).items():
        shown = ", ".join(files[:_SHOWN]) + (", …" if len(files) > _SHOWN else "")
        text = f"{files[0]} was {what}" if len(files) == 1 else f"{len(files)} images ({shown})"
        yield Cause(Kind.INPUT, text if len(files) == 1 else f"{text} were {what}")
    if not job.images:
        name = job.wildcards["dataset"]
        yield Cause(Kind.INPUT, f"{name}: list files or times changed, and no image did")


def _of_inputs(plan: Plan, job: Job, before: Mapping[str, Any]) -> Iterator[Cause]:
    ignored = {*job.ancient, *(file for file, _ in job.parameters.get("given") or [])}
    old = {file: digest for file, digest in before["inputs"].items() if file not in ignored}
    now = {
        file: old.get(file) if file in plan.remade else input_digest(Path(file))
        for file in job.inputs
        if file not in ignored
    }
    yield from _of_files(old, now)


def _of_files(old: Mapping[str, str | None], new: Mapping[str, str | None]) -> Iterator[Cause]:
    """Yield files that were added, removed or changed, by their digests."""
    for file in sorted({*old, *new}):
        name = file.removesuffix(DIGEST)
        if file not in old or file not in new:
            yield Cause(Kind.INPUT, f"{name} was {'added' if file in new else 'removed'}")
        elif old[file] != new[file]:
            digests = f", SHA-256 {str(old[file])[:12]}… → {str(new[file])[:12]}…"
            yield Cause(Kind.INPUT, f"{name} has changed{digests if name == file else ''}")
