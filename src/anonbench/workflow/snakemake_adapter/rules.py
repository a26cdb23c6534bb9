"""Rules as the Snakefile reads them: which there are, and what depends on what."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path
from typing import Any

from snakemake.output_index import OutputIndex

from anonbench.reporting.pipeline import trace


def own_rules(workflow: Any, namespace: Mapping[str, Any]) -> list[Any]:
    """Rules of a Snakefile, without those of a Snakefile that uses it as a module.

    Args:
        workflow: Snakemake's.
        namespace: the Snakefile's `globals()`.
    """
    return [rule for rule in workflow.rules if rule.module_globals is namespace]


def remove_rules(workflow: Any, names: Iterable[str]) -> None:
    """Remove rules, so that their outputs become source files.

    Snakemake's own option, `--allowed-rules`, cannot be used from a Snakefile.
    """
    for name in names:
        del workflow._rules[name]


def stages_of(rules: Iterable[Any]) -> list[tuple[str, str, str, list[str]]]:
    """Stage (the file), name, script and wildcards of each rule that has a script."""
    return [
        (Path(rule.snakefile).stem, rule.name, Path(rule.script).stem, sorted(rule.wildcard_names))
        for rule in rules
        if rule.script
    ]


def reads_of(rules: Iterable[Any], target: str) -> dict[str, list[str]]:
    """For each rule that a target needs, the rules from which it reads."""
    named = {rule.name: rule for rule in rules}
    index = OutputIndex([*named.values()])

    @cache
    def producer(path: str) -> tuple[str, Mapping[str, str]] | None:
        names = {rule.name for rule in index.match_producers(path)}
        found = next((rule for name, rule in named.items() if name in names), None)
        return None if found is None else (found.name, found.get_wildcards(path))

    def inputs(job: tuple[str, Mapping[str, str]]) -> Iterable[str]:
        name, wildcards = job
        return map(str, named[name].expand_input(wildcards)[0])

    return trace(inputs((target, {})), producer, inputs, "dataset")
