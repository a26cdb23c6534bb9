"""Jobs planned by Snakemake, in a dry run or at the start of a run."""

from __future__ import annotations

import signal
import sys
from collections.abc import Callable, Sequence
from contextlib import redirect_stderr, redirect_stdout, suppress
from io import StringIO
from typing import Any

from snakemake import cli
from snakemake import workflow as snakemake_workflow
from snakemake.workflow import Workflow

from anonbench.core.errors import InputError
from anonbench.workflow.refusal import START


def dry_run(arguments: Sequence[str], use: Callable[[Any], Any]) -> Any:
    """Plan with Snakemake and return the result of `use` on its workflow; prints nothing.

    `arguments` are snakemake's, including --dry-run.

    Raises:
        InputError: Snakemake refuses the arguments, the config or the targets; the message is
            Snakemake's.
    """
    execute, words, on_sigterm = Workflow.execute, sys.argv, signal.getsignal(signal.SIGTERM)
    persistence, output, used = snakemake_workflow.FilePersistence, StringIO(), []

    def execute_and_use(workflow: Any, *args: Any, **options: Any) -> Any:
        done = execute(workflow, *args, **options)
        used.append(use(workflow))
        return done

    Workflow.execute, sys.argv = execute_and_use, ["snakemake", *arguments]
    try:
        with redirect_stdout(output), redirect_stderr(output), suppress(SystemExit):
            cli.main(list(arguments))
    finally:
        Workflow.execute, sys.argv = execute, words
        snakemake_workflow.FilePersistence = persistence  # a Snakefile may have replaced it
        signal.signal(signal.SIGTERM, on_sigterm)  # Snakemake's scheduler has set its own
    if not used:
        # Snakemake's messages about host and files come before the error
        text = f"\n{output.getvalue()}"
        _, begun, error = text.rpartition("Building DAG of jobs...")
        raise InputError((error if begun else text.rpartition(f"\n{START}")[2]).strip())
    return used[0]


def sorted_jobs(dag: Any) -> list[Any]:
    """All jobs, each after those that it depends on."""
    return [job for level in dag.toposorted() for job in level]


def waiting_jobs(workflow: Any) -> int:
    """Number of jobs with a script that must run before results are up to date."""
    return sum(bool(job.rule.script) for job in workflow.dag.needrun_jobs())
