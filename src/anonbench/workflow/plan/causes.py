"""Why jobs would run: what changed at the beginning of the chain, and not the chain."""

from __future__ import annotations

import re
import time
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

from anonbench.core.jobs.checksums import DIGEST
from anonbench.workflow.code_snapshots import code_changes, read_code
from anonbench.workflow.plan.jobs import Job, Plan
from anonbench.workflow.plan.settings import Change, changes, config_name
from anonbench.workflow.status import unfinished

_SHOWN = 3
_DIGEST = re.compile(r"'?([0-9a-f]{64})'?")


class Kind(StrEnum):
    """What a cause is about."""

    NEW = "not made yet"
    SETTING = "setting"
    CODE = "code"
    PACKAGE = "package"
    INPUT = "input"
    OUTPUT = "output"
    FORCED = "forced"


@dataclass(frozen=True, order=True)
class Cause:
    """One thing that is another than before."""

    kind: Kind
    what: str
    """A setting, a function, a package or a file."""
    change: str = ""
    """How it changed: old and new value, times, digests."""

    @property
    def text(self) -> str:
        """Return the cause as one line."""
        if self.kind is Kind.NEW:
            return str(self.kind)
        if self.kind is Kind.SETTING or self.kind is Kind.PACKAGE:
            return f"{self.what}: {self.change}"
        return f"{self.what} {self.change}"


@dataclass(frozen=True)
class Reasons:
    """Why each planned job would run."""

    own: Mapping[int, Sequence[Cause]]
    """What a job itself has: nothing for one that runs because another one does."""
    roots: Mapping[int, Sequence[Cause]]
    """Its own and those of the jobs before it, the nearest first."""


def reasons(plan: Plan) -> Reasons:
    """Return the causes of all jobs that would run."""
    last = unfinished(plan.results)
    own: dict[int, list[Cause]] = {}
    roots: dict[int, list[Cause]] = {}
    for job in plan.planned:
        mine = own[job.id] = list(dict.fromkeys(_own(plan, job, last)))
        before = [cause for other in job.after for cause in roots.get(other, [])]
        if mine and mine[0].kind is Kind.NEW:
            before = []
        roots[job.id] = list(dict.fromkeys([*mine, *before]))
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


def _own(plan: Plan, job: Job, last: Mapping[str, str]) -> Iterator[Cause]:
    why = job.why or {}
    if not job.script:
        return
    found = list(_of_outputs(job, why, last.get(job.label, "")))
    yield from found
    if why["forced"] and not found:  # what is unfinished is forced by snakemake itself
        yield Cause(Kind.FORCED, "forced", "by an option of snakemake")
    if not why["known"]:
        if not found:
            yield Cause(Kind.NEW, "")
        return
    if why["environment"]:
        yield Cause(Kind.PACKAGE, "software environment", "another one")
    yield from _of_parameters(plan, job, why)
    yield from _of_inputs(why)


def _of_outputs(job: Job, why: Mapping[str, Any], last: str) -> Iterator[Cause]:
    """Yield what became of the outputs; `last` says it of a job that the last run began in vain."""
    named = min(job.outputs, key=lambda file: file.endswith(DIGEST))
    if last and not why["made"]:
        yield Cause(Kind.OUTPUT, named, last)
    elif why["by_hand"]:
        for file in why["by_hand"]:
            yield Cause(Kind.OUTPUT, file, "was changed or removed by hand, or its job failed")
    elif why["stopped"]:
        yield Cause(Kind.OUTPUT, named, "is unfinished: a run was stopped while it was made")
    elif why["missing"]:
        missing = sorted(why["missing"], key=lambda file: file.endswith(DIGEST))
        others = f", and {len(missing) - 1} more of its job" if len(missing) > 1 else ""
        yield Cause(Kind.OUTPUT, missing[0], f"is gone{others}")


def _of_parameters(plan: Plan, job: Job, why: Mapping[str, Any]) -> Iterator[Cause]:
    before, now = list(why["before"]), dict(why["now"])
    code = _DIGEST.fullmatch(now.pop("code", ""))
    old = _old_code(plan, before) if code else None
    if old:
        before.remove(old)
    if code:
        yield from _of_code(plan, old, code[1])
    scan = now.pop("scan", None)
    if scan:
        yield from _of_images(why.get("images"), job)
        before = [text for text in before if not _DIGEST.fullmatch(text)]
    stage = plan.stage(job)
    dataset = job.wildcards.get("dataset", "")
    recipe = plan.config.get("datasets", {}).get(dataset, {}).get("recipe", "")
    sections = {"retrieve": "retrieval", "correlate": "correlation", "embed": "embedding"}
    words = {stage, dataset, recipe, sections.get(stage, "presentation")} - {""}
    for change in changes(before, now):
        if change.key == ("given",):
            yield from _of_given(change, {each["file"] for each in why["updated"]})
            continue
        name = config_name(change, plan.config, words)
        yield Cause(Kind.SETTING, name, change.text())
    if before and not now and not code and not scan:
        yield Cause(Kind.SETTING, "a parameter", Change((), before, []).text())


def _of_given(change: Change, updated: Collection[str]) -> Iterator[Cause]:
    """Yield which of the user's own files hold something else, by pairs of path and SHA-256."""
    pairs = (value if isinstance(value, list) else [] for value in (change.old, change.new))
    old, new = (dict(each) for each in pairs)
    for file in sorted({*old, *new} - {*updated}):
        if file not in old or file not in new:
            yield Cause(Kind.INPUT, file, f"was {'added' if file in new else 'removed'}")
        elif old[file] != new[file]:
            digests = f"SHA-256 {old[file][:12]}… → {new[file][:12]}…"
            yield Cause(Kind.INPUT, file, f"is another one, {digests}")


def _old_code(plan: Plan, before: Sequence[str]) -> str | None:
    """Return the text of the parameter that was the code's digest."""
    digests = [text for text in before if _DIGEST.fullmatch(text)]
    kept = [text for text in digests if read_code(plan.results, text.strip("'")) is not None]
    if kept:
        return kept[0]
    return digests[0] if len(digests) == 1 else None


def _of_code(plan: Plan, old: str | None, new: str) -> Iterator[Cause]:
    code = read_code(plan.results, old.strip("'")) if old else None
    if code is None:
        what = "code that its script can reach"
        yield Cause(Kind.CODE, what, "is another one; nobody has kept what it was before")
        return
    for name, version, now in code_changes(code, plan.codes[new]):
        if version or now:
            yield Cause(Kind.PACKAGE, name, f"{version or 'not used'} → {now or 'not used'}")
        else:
            yield Cause(Kind.CODE, name, "was changed")


def _of_images(images: Mapping[str, Sequence[str]] | None, job: Job) -> Iterator[Cause]:
    found = [(files, how) for how, files in (images or {}).items() if files]
    words = {"added": "added", "removed": "removed", "changed": "changed"}
    for files, how in found:
        if how in words:
            yield Cause(Kind.INPUT, _files(files, "images"), f"{_were(files)} {words[how]}")
        else:
            yield Cause(
                Kind.INPUT, f"{len(files)} images", "were touched; their job looks into each"
            )
    if not found:
        what = f"list files or times of {job.wildcards.get('dataset', 'the data folder')}"
        yield Cause(Kind.INPUT, what, "changed, and no image did")


def _of_inputs(why: Mapping[str, Any]) -> Iterator[Cause]:
    for each in why["updated"]:
        file = each["file"].removesuffix(DIGEST)
        at = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(each["at"]))
        digests = ""
        if not each["file"].endswith(DIGEST) and each["old"] and each["new"]:
            digests = f", SHA-256 {each['old'][:12]}… → {each['new'][:12]}…"
        yield Cause(Kind.INPUT, file, f"is another one since {at}{digests}")
    for how in ("added", "removed"):
        files = [file for file in why[how] if file.removesuffix(DIGEST) == file]
        files = files or [file.removesuffix(DIGEST) for file in why[how]]
        if files:
            what = _files([Path(file).as_posix() for file in files], "inputs")
            yield Cause(Kind.INPUT, what, f"{_were(files)} {how}")


def _were(files: Sequence[str]) -> str:
    return "was" if len(files) == 1 else "were"


def _files(files: Sequence[str], what: str) -> str:
    if len(files) == 1:
        return files[0]
    shown = ", ".join(files[:_SHOWN])
    return f"{len(files)} {what} ({shown}{', …' if len(files) > _SHOWN else ''})"
