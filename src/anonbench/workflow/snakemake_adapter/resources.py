"""Default resources of rules: memory, time, threads and GPUs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from snakemake.exceptions import WorkflowError

Change = Callable[[int, Any, int], int]
"""Function from a resource's value, the wildcards and the attempt to the requested amount."""
_GROWING = ("mem_mb", "runtime")


def set_resources(workflow: Any, rule: Any, asked: Mapping[str, Any]) -> None:
    """Add default resources to a rule where it does not set them itself.

    Memory and time grow with the attempt. Jobs that need more GPUs than the run may use are
    refused, because Snakemake would silently reduce the number.

    Args:
        workflow: Snakemake's workflow.
        rule: one of its rules.
        asked: numbers or functions of wildcards: `mem_mb` in megabytes and `runtime` in minutes of
            every rule; of some `threads`, `gpu` and what an executor knows.

    Raises:
        WorkflowError: raised in planning, if a job needs more GPUs than allowed.
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
        if "attempt" not in str(resource.raw):  # otherwise it is the user's own expression
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
