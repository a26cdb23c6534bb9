"""Starts of jobs: what the adapter uses of them.

Where one of these tests fails on a new version of Snakemake, look at that function of
`anonbench.workflow.snakemake_adapter` before anything else.
"""

from __future__ import annotations

import inspect
import os
import re
from types import SimpleNamespace

from snakemake import api, cli  # noqa: F401 - first: Snakemake's modules import each other
from snakemake.scheduling.job_scheduler import JobRateLimiter, JobScheduler
from snakemake.script import PythonScript, ScriptBase
from snakemake.settings.types import MaxJobsPerTimespan
from snakemake.shell import shell
from snakemake.workflow import Workflow
from snakemake_source import source

from anonbench.workflow.snakemake_adapter import execution


def test_a_default_rate_of_jobs_is_dropped_and_the_users_stays() -> None:
    text = source(JobScheduler.schedule)
    assert "if self.job_rate_limiter is not None:" in text
    assert "self._schedule_reevalutation(self.job_rate_limiter.timespan)" in text
    asked = vars(cli.get_argument_parser().parse_args([]))["max_jobs_per_timespan"]
    for limit, stays in ((asked, False), (MaxJobsPerTimespan(100, "1m"), True)):
        scheduler = SimpleNamespace(job_rate_limiter=JobRateLimiter(limit))
        execution.drop_default_rate(SimpleNamespace(scheduler=scheduler))
        assert (scheduler.job_rate_limiter is not None) is stays
    # it is made before the run starts, and asked for anew in each look
    run = source(Workflow.execute)
    assert run.index("self.scheduler = JobScheduler(") < run.index("self._onstart(")
    assert run.index("self._onstart(") < run.index("self.scheduler.schedule()")


def test_a_script_is_started_by_this_method_with_these_facts() -> None:
    assert list(inspect.signature(PythonScript.execute_script).parameters) == [
        "self",
        "fname",
        "edit",
    ]
    assert "self.execute_script(fd.name, edit=edit)" in source(PythonScript.evaluate)
    known = source(ScriptBase.__init__)
    for name in ("conda_env", "container_img", "env_modules", "shadow_dir", "bench_record"):
        assert f"self.{name} = {name}" in known
    assert "self.threads = threads" in known and "self.resources = resources" in known
    started = source(shell.__new__)
    for name in execution._THREAD_VARIABLES:
        assert f'envvars["{name}"] = threads' in started
    temporary = dict.fromkeys(re.findall(r'envvars\["(\w+)"\] = tmpdir', started), "t")
    threads = dict.fromkeys(execution._THREAD_VARIABLES, "1")
    made = execution._environment(SimpleNamespace(resources={"tmpdir": "t"}))
    assert len(temporary) == 4 and made == {**os.environ, **threads, **temporary}
    assert "with benchmarked(proc.pid, bench_record): retcode = proc.wait()" in started
