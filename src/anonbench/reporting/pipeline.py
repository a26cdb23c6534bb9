"""Stages of the pipeline, derived from its rules."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

Job = tuple[str, Mapping[str, str]]
"""A rule's name and the wildcards of one of its jobs."""


@dataclass(frozen=True)
class Step:
    """One rule, or several that run the same script with the same wildcards."""

    stage: str
    name: str
    wildcards: tuple[str, ...]
    """Wildcards of its jobs: `dataset`, `split`, …; empty: each rule is a single job."""
    rules: int = 1


@dataclass(frozen=True)
class Pipeline:
    """Stages in the order of the rules."""

    steps: dict[str, list[Step]]
    """By stage."""
    arrows: list[tuple[str, str]]
    """Pairs of stages, of which the second reads outputs of the first."""


def trace(
    targets: Iterable[str],
    producer: Callable[[str], Job | None],
    inputs: Callable[[Job], Iterable[str]],
    alike: str,
) -> dict[str, list[str]]:
    """Rules that each rule reads from, found by following one job of each rule and `alike`.

    Args:
        targets: files to begin with.
        producer: function from a file to the job that makes it, or None.
        inputs: the files that a job reads.
        alike: wildcard of which every value is followed. For the others one value suffices, because
            dependencies between rules do not vary with them.
    """
    found: dict[str, set[str]] = {}
    seen: set[tuple[str, str]] = set()
    waiting: list[tuple[str, str | None]] = [(path, None) for path in targets]
    while waiting:
        path, reader = waiting.pop()
        job = producer(path)
        if job is None:
            continue
        rule, wildcards = job
        found.setdefault(rule, set())
        if reader is not None:
            found[reader].add(rule)
        key = (rule, wildcards.get(alike, ""))
        if key not in seen:
            seen.add(key)
            waiting += [(source, rule) for source in inputs(job)]
    return {rule: sorted(sources) for rule, sources in sorted(found.items())}


def pipeline(
    rules: Sequence[tuple[str, str, str, Sequence[str]]], reads: Mapping[str, Sequence[str]]
) -> Pipeline:
    """Stages of those rules that take part.

    Args:
        rules: rules of the workflow, in order: stage, name, script and wildcards.
        reads: result of `trace`; rules that are not in it are left out.
    """
    grouped: dict[tuple[str, str, tuple[str, ...]], list[str]] = {}
    stages: dict[str, str] = {}
    for stage, name, script, wildcards in rules:
        if name in reads:
            stages[name] = stage
            grouped.setdefault((stage, script, tuple(wildcards)), []).append(name)
    steps: dict[str, list[Step]] = {}
    for (stage, script, wildcards), names in grouped.items():
        name = names[0] if len(names) == 1 else script
        steps.setdefault(stage, []).append(Step(stage, name, wildcards, len(names)))
    arrows = {
        (stages[source], stages[rule])
        for rule, sources in reads.items()
        for source in sources
        if stages[source] != stages[rule]
    }
    return Pipeline(steps, sorted(arrows))


def essential(arrows: Iterable[tuple[str, str]]) -> list[tuple[str, str]]:
    """Arrows without those implied by a longer path (transitive reduction).

    All arrows of a cycle are kept.
    """
    given = set(arrows)
    after: dict[str, set[str]] = {}
    for source, target in given:
        after.setdefault(source, set()).add(target)

    def reaches(start: str, end: str) -> bool:
        seen: set[str] = set()
        waiting = [start]
        while waiting:
            for following in after.get(waiting.pop(), ()):
                if following == end:
                    return True
                if following not in seen:
                    seen.add(following)
                    waiting.append(following)
        return False

    return sorted(
        (source, target)
        for source, target in given
        if not any(
            middle not in (source, target)
            and reaches(middle, target)
            and not reaches(middle, source)
            for middle in after[source]
        )
    )


def layers(stages: Sequence[str], arrows: Iterable[tuple[str, str]]) -> list[list[str]]:
    """Stages in layers: each after all that it reads from, as early as possible.

    Args:
        stages: in the order of the rules, which is kept within a layer; an arrow against this order
            is ignored.
        arrows: from stage to stage.
    """
    order = {stage: place for place, stage in enumerate(stages)}
    forward = [(a, b) for a, b in arrows if order[a] < order[b]]
    depth = dict.fromkeys(stages, 0)
    for stage in stages:
        depth[stage] = max((depth[a] + 1 for a, b in forward if b == stage), default=0)
    return [
        [stage for stage in stages if depth[stage] == level]
        for level in range(max(depth.values(), default=-1) + 1)
    ]
