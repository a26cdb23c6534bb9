"""Execution of jobs: rate limit, and scripts as forks of one process."""

from __future__ import annotations

import os
import sys
from contextlib import AbstractContextManager, nullcontext
from functools import partial
from subprocess import CalledProcessError
from typing import Any

from snakemake.benchmark import benchmarked
from snakemake.script import PythonScript

from anonbench.core.jobs.run_scratch import share_scratch
from anonbench.workflow.forks.jobs import ForkedJobs

_DEFAULT_RATE = (100, 1)
"""Number of jobs that may start, and the period in seconds."""

_THREAD_VARIABLES = (
    "OMP_NUM_THREADS",
    "GOTO_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "VECLIB_MAXIMUM_THREADS",
    "NUMEXPR_NUM_THREADS",
)
"""Variables set by Snakemake's `shell`."""


def drop_default_rate(workflow: Any) -> None:
    """Remove Snakemake's default limit of 100 job starts a second, unless the user sets one.

    With a limit, each check for ready jobs sets a timer for another check, which sets one again.
    After some hundred jobs there are hundreds of checks a second, which take half a core.
    """
    limiter = workflow.scheduler.job_rate_limiter
    if limiter is not None and (limiter.max_jobs, limiter.timespan) == _DEFAULT_RATE:
        workflow.scheduler.job_rate_limiter = None


def fork_jobs(shares: bool = False) -> None:
    """Run scripts of local jobs as forks of one process, if equivalent to new processes.

    With `shares`, jobs reuse images that other jobs of the run have decoded (`run_scratch`).

    A job starts a new process if it has several threads (their number is set before libraries are
    loaded), GPUs (CUDA must not be loaded before a fork), a container or its own environment.
    """
    if shares:
        share_scratch()
    forked, in_new_process = ForkedJobs(), PythonScript.execute_script

    def execute(script: Any, file: str, edit: bool = False) -> None:
        places = (script.conda_env, script.container_img, script.env_modules, script.shadow_dir)
        asked = script.resources.get("gpu", 0), script.resources.get("shell_exec")
        record, ended = script.bench_record, None
        if script.threads == 1 and not any((*places, *asked)):
            ended = forked.run(file, _environment(script), partial(_watched, record))
        if ended is None:
            in_new_process(script, file, edit)
            return
        if record is not None:  # Snakemake checks twice a second: most jobs have ended before
            record.data_collected, record.cpu_time = True, ended.cpu_seconds
            record.max_rss = max(record.max_rss or 0, ended.mebibytes)
        if ended.status:
            raise CalledProcessError(ended.status, f"{sys.executable} {file}")

    PythonScript.execute_script = execute


def _environment(script: Any) -> dict[str, str]:
    """Environment that Snakemake's `shell` gives a script."""
    temporary = script.resources.get("tmpdir")
    names = dict.fromkeys(("TMPDIR", "TMP", "TEMPDIR", "TEMP"), temporary) if temporary else {}
    return {**os.environ, **dict.fromkeys(_THREAD_VARIABLES, "1"), **names}


def _watched(record: Any, process: int) -> AbstractContextManager[Any]:
    return nullcontext() if record is None else benchmarked(process, record)
