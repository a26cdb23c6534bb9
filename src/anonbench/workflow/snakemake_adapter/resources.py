"""Resources of rules: memory, time, threads and GPUs that they do not name themselves."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from snakemake.exceptions import WorkflowError

Change = Callable[[int, Any, int], int]
"""From a resource's value, the wildcards and the attempt to what is asked for."""
_GROWING = ("mem_mb", "runtime")


def set_resources(workflow: Any, rule: Any, asked: Mapping[str, Any]) -> None:
    """Complete what a rule asks for by what it does not name itself.

    Memory and time grow with the attempt. More GPUs than the run may use are refused: Snakemake
    runs such a job as if it wanted fewer.

    Args:
        workflow: Snakemake's.
        rule: one of its rules.
        asked: numbers or functions of wildcards: `mem_mb` in megabytes and `runtime` in minutes of
            every rule; of some `threads`, `gpu` and what an executor knows.

    Raises:
        WorkflowError: when a job is planned that wants more GPUs than there may be.

    """
    settings, info = workflow.resource_settings, rule.ruleinfo
    named = {"threads"} if info.threads is not None else set()
    named |= set(info.resources[1] if info.resources else ())
    named |= set(settings._parsed_overwrite_resources.get(rule.name, ()))
    named |= {"threads"} if rule.name in settings._parsed_overwrite_threads else set()
    for name, value in asked.items():
        if name not in named:
            rule.resources["_cores" if name == "threads" else name] = value
    for name in _GROWING:
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
