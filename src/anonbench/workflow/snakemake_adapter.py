"""Adapter to those parts of Snakemake that it does not document."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from snakemake import cli
from snakemake.workflow import Workflow

# --- plan: a dry run whose workflow is handed over ------------------------------------------------


def dry_run(arguments: list[str], use: Callable[[Any], None]) -> None:
    """Call `snakemake` with arguments that make it a dry run; ends the process.

    Args:
        arguments: of snakemake, with --dry-run.
        use: called with Snakemake's workflow once its jobs are planned.

    """
    execute = Workflow.execute

    def execute_and_use(workflow: Any, *args: Any, **options: Any) -> Any:
        done = execute(workflow, *args, **options)
        use(workflow)
        return done

    Workflow.execute = execute_and_use
    cli.main(arguments)


def sorted_jobs(dag: Any) -> list[Any]:
    """Return all jobs, each after those that it depends on."""
    return [job for level in dag.toposorted() for job in level]


def own_reason(dag: Any, job: Any) -> str:
    """Return why Snakemake runs a job; empty where only jobs before it or after it want that."""
    reason = dag.reason(job)
    own = (
        reason.updated_input,
        reason.params_changed,
        reason.input_changed,
        reason.software_stack_changed,
    )
    return str(reason) if any(own) else ""
