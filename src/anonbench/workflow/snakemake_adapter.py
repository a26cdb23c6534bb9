"""The one module that uses what Snakemake does not document.

Each section names what it relies on. `tests/workflow/test_snakemake_adapter.py` fails where another
version of Snakemake has it no longer.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

from snakemake.exceptions import WorkflowError

from anonbench.core.jobs.fingerprint import code_digest
from anonbench.reporting.pipeline import trace

# Rules: attributes of snakemake.rules.Rule and Workflow._rules


def command_line() -> list[str]:
    """Return the words of the command line.

    Snakemake keeps targets from the Snakefile: `Workflow.dag_settings` is empty until it is parsed.
    """
    return sys.argv[1:]


def own_rules(workflow: Any, namespace: Mapping[str, Any]) -> list[Any]:
    """Return the rules of a Snakefile, without those of one that uses it as a module.

    Args:
        workflow: Snakemake's.
        namespace: the Snakefile's `globals()`.

    """
    return [rule for rule in workflow.rules if rule.module_globals is namespace]


def set_code(workflow: Any, rule: Any, script: Path) -> None:
    """Make a rule's code a parameter: where it is another than before, its jobs run again.

    It is asked where jobs are planned; a job itself need not know.
    """
    rule.set_params(code=lambda _: code_digest(script) if workflow.is_main_process else "")


def remove_rules(workflow: Any, names: Iterable[str]) -> None:
    """Remove rules: what they would make are source files then.

    Snakemake's own way, `--allowed-rules`, is not open to a Snakefile.
    """
    for name in names:
        del workflow._rules[name]


def benchmark_like_log(rule: Any) -> None:
    """Give a rule a benchmark file of its log's name, in the folder of benchmarks."""
    log = rule.ruleinfo.log.paths[0]
    rule.benchmark_modifier = rule.log_modifier  # the storage or prefix of its files
    rule.benchmark = log.replace("<logs>", "<benchmarks>").removesuffix(".log") + ".tsv"


def waiting_jobs(workflow: Any) -> int:
    """Return how many jobs with a script have to run before results are up to date."""
    return sum(bool(job.rule.script) for job in workflow.dag.needrun_jobs())


def stages_of(rules: Iterable[Any]) -> list[tuple[str, str, str, list[str]]]:
    """Return stage (the file), name, script and wildcards of each rule that has a script."""
    return [
        (Path(rule.snakefile).stem, rule.name, Path(rule.script).stem, sorted(rule.wildcard_names))
        for rule in rules
        if rule.script
    ]


def reads_of(rules: Iterable[Any], target: str) -> dict[str, list[str]]:
    """Return which rules each rule reads from, for all that a target needs."""
    named = {rule.name: rule for rule in rules}

    def producer(path: str) -> tuple[str, Mapping[str, str]] | None:
        found = next((rule for rule in named.values() if rule.is_producer(path)), None)
        return None if found is None else (found.name, found.get_wildcards(path))

    def inputs(job: tuple[str, Mapping[str, str]]) -> Iterable[str]:
        name, wildcards = job
        return map(str, named[name].expand_input(wildcards)[0])

    return trace(inputs((target, {})), producer, inputs, "dataset")


# Resources: snakemake.resources.Resource, RuleInfo.resources and --set-resources

Change = Callable[[int, Any, int], int]
"""From a resource's value, the wildcards and the attempt to what is asked for."""


def set_resources(workflow: Any, rule: Any, defaults: Mapping[str, int]) -> None:
    """Complete what a rule asks for.

    Memory and time that it does not name get a default, and all of it grows with the attempt. More
    GPUs than the run may use are refused: Snakemake runs such a job as if it wanted fewer.

    Args:
        workflow: Snakemake's.
        rule: one of its rules.
        defaults: `mem_mb` in megabytes and `runtime` in minutes.

    Raises:
        WorkflowError: when a job is planned that wants more GPUs than there may be.

    """
    _, named = rule.ruleinfo.resources or ((), {})
    by_user = workflow.resource_settings._parsed_overwrite_resources.get(rule.name, {})
    for name, value in defaults.items():
        if name not in named and name not in by_user:
            rule.resources[name] = value
        resource = rule.resources[name]
        if "attempt" not in str(resource.raw):  # else it is the user's own expression
            rule.resources[name] = _adjusted(resource, lambda asked, _, attempt: asked * attempt)
    limit = workflow.global_resources.get("gpu").value
    if "gpu" in rule.resources and limit is not None and workflow.is_main_process:
        rule.resources["gpu"] = _adjusted(rule.resources["gpu"], _at_most(limit, rule.name))


def _adjusted(resource: Any, change: Change) -> Callable[..., Any]:
    def value(
        wildcards: Any, input: Any, attempt: int, threads: int, rulename: str, async_run: Any
    ) -> Any:
        known = {"input": input, "attempt": attempt, "threads": threads, "rulename": rulename}
        asked = resource.evaluate(wildcards, async_run=async_run, **known).value
        return change(asked, wildcards, attempt) if isinstance(asked, int) else asked

    return value


def _at_most(limit: int, name: str) -> Change:
    def checked(asked: int, wildcards: Any, _: int) -> int:
        if asked > limit:
            raise WorkflowError(
                f"{name} {' '.join(wildcards)} wants {asked} GPUs, and gpu={limit} (--resources or "
                "the profile) is all there may be: lower gpus or nodes of the recipe, or raise gpu="
            )
        return asked

    return checked
