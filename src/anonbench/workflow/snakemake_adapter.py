"""Adapter to what Snakemake does not document: the only module that uses its private names.

`tests/workflow/startup/test_snakemake_adapter.py` names each of them, and fails where Snakemake
has another.
"""

from __future__ import annotations

import atexit
import os
import signal
import sys
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import (
    AbstractContextManager,
    nullcontext,
    redirect_stderr,
    redirect_stdout,
    suppress,
)
from functools import cache, partial
from io import StringIO
from pathlib import Path
from subprocess import CalledProcessError
from typing import Any

from snakemake import api, cli  # noqa: F401 - first: Snakemake's modules import each other
from snakemake import workflow as snakemake_workflow
from snakemake.benchmark import benchmarked
from snakemake.exceptions import WorkflowError
from snakemake.logging import logger
from snakemake.output_index import OutputIndex
from snakemake.persistence.file import FilePersistence
from snakemake.script import PythonScript
from snakemake.workflow import Workflow

from anonbench.core.errors import InputError
from anonbench.core.jobs.checksums import holds, note_time, read_checksum
from anonbench.core.jobs.fingerprint import code_digest
from anonbench.core.jobs.job_cache import settle_benchmark
from anonbench.core.jobs.run_scratch import share_scratch
from anonbench.reporting.pipeline import trace
from anonbench.workflow.forks.jobs import ForkedJobs
from anonbench.workflow.reconcile import Results
from anonbench.workflow.refusal import START, refuse
from anonbench.workflow.s3_metadata import Bucket

_DEFAULT_RATE = (100, 1)
"""Jobs, and seconds in which they may start."""

_THREAD_VARIABLES = (
    "OMP_NUM_THREADS",
    "GOTO_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "VECLIB_MAXIMUM_THREADS",
    "NUMEXPR_NUM_THREADS",
)
"""What Snakemake's `shell` sets."""

# --- metadata -------------------------------------------------------------------------------------

Check = Callable[[set[str], set[str], list[str]], Iterable[str]]
"""From what is asked for, what of it no rule makes, and the names of all targets to warnings."""


class Metadata(FilePersistence):  # type: ignore[misc]
    """Snakemake's records of results, kept with the results instead of in `.snakemake`.

    They name files relative to the results, so that they are still true where the results were
    moved or copied. All else (locks, environments, logs) stays in `.snakemake`.
    """

    def __init__(
        self, store: Results | Bucket, check: Check = lambda *_: (), **settings: Any
    ) -> None:
        """Open the records of `store`; `settings` are those of Snakemake."""
        super().__init__(**settings)
        self._store = store
        self._began = time.time_ns()
        self.is_look: bool = settings["warn_only"]
        is_main = self.dag.workflow.is_main_process
        if is_main:
            try:
                for text in check(*_asked(self.dag)):
                    logger.warning(f"{START}{text}")
                store.before_planning(self.is_look)
            except InputError as error:
                refuse(error)
        self._metadata_path = str(store.metadata / "metadata")
        self._incomplete_path = str(store.metadata / "incomplete")
        self._max_len = 128  # Snakemake takes the file system's, and results may move to another
        if is_main:
            # as Snakemake itself does with incomplete files: what is forced need not be a target
            self.dag.forcefiles.update(store.outdated(self.is_recorded))

    def is_recorded(self, file: str) -> bool:
        """Tell whether there is a record of a file."""
        return Path(self._record_path(self._metadata_path, self._relative(file))).exists()

    async def finished(self, job: Any) -> None:
        """Record a finished job, its benchmark, and the times of outputs that were just touched."""
        await super().finished(job)
        for file in job.output:
            note_time(Path(file), since=self._began)
        if job.benchmark:
            settle_benchmark(Path(job.benchmark), Path(job.output[0]))

    def backup_output(self, path: Path) -> None:
        """Do nothing: what `set_code` leaves is looked at, and nobody writes into it."""

    def restore_output(self, path: Path) -> bool:
        """Tell whether a job that failed has left its earlier output; else it is removed."""
        record = read_checksum(path)
        return record is not None and holds(path, record)

    def cleanup_locks(self) -> None:
        """Do what `snakemake --unlock` asks for."""
        super().cleanup_locks()
        self._store.unlock()

    def save_iocache(self) -> None:
        """Do nothing: a dry run would write what it found for `--trust-io-cache`."""

    def input_checksums(self, job: Any, input_path: Any) -> set[Any]:
        """Return the checksums of an input in the records of a job's outputs."""
        checksums: set[Any] = super().input_checksums(job, self._relative(input_path))
        return checksums

    def _get_key(self, file: Any) -> str:
        return self._relative(super()._get_key(file))

    def _input(self, job: Any) -> list[str]:
        return sorted(map(self._relative, super()._input(job)))

    def _write_record(self, key: str, record: Any) -> None:
        checksums = record.input_checksums or {}
        record.input_checksums = {self._relative(file): checksums[file] for file in checksums}
        super()._write_record(key, record)

    def _relative(self, file: str) -> str:
        prefix = self._store.prefix
        return f"./{file.removeprefix(prefix)}" if file.startswith(prefix) else file


def _asked(dag: Any) -> tuple[set[str], set[str], list[str]]:
    """Return what `Check` takes; Snakemake keeps it from the Snakefile until that is parsed."""
    files = set(map(str, dag.targetfiles))
    unknown = {
        file
        for file in files
        if not Path(file).exists() and not any(rule.is_producer(file) for rule in dag.rules)
    }
    names = [rule.name for rule in dag.rules if not rule.has_wildcards()]
    return files | {rule.name for rule in dag.targetrules}, unknown, sorted(names)


def metadata_store(workflow: Any, results: str, storage_prefix: str) -> Results | Bucket:
    """Return where what Snakemake knows of results is kept: with them, on disk or in a bucket."""
    if workflow.storage_settings.default_storage_provider != "s3":
        return Results(Path(results))
    client = workflow.storage_registry.default_storage_provider.s3c
    return Bucket(client, storage_prefix + results, Path(".snakemake/anonbench-s3"))


def keep_metadata_in(store: Results | Bucket, workflow: Any, check: Check) -> None:
    """Have a workflow's metadata kept in `store`; to be called while its Snakefile is read.

    Before jobs are planned `check` is called, whose InputError ends the run. Snakemake opens a log
    before it reads the Snakefile: that of a look is removed when the process ends.

    Raises:
        WorkflowError: the records are to be kept in a database.

    """
    if workflow.workflow_settings.persistence_backend.name != "FILE":
        raise WorkflowError("--persistence-backend: what is known of results is kept with them")
    snakemake_workflow.FilePersistence = partial(Metadata, store, check)
    if workflow.is_main_process:
        atexit.register(_remove_log_of_look, workflow, workflow.logger_manager.get_logfile())


def _remove_log_of_look(workflow: Any, logs: Iterable[str]) -> None:
    for log in logs:
        # --lint opens no metadata
        if log.endswith(".snakemake.log") and getattr(workflow.persistence, "is_look", True):
            Path(log).unlink(missing_ok=True)


# --- plan: a dry run whose workflow is handed over ------------------------------------------------


def dry_run(arguments: Sequence[str], use: Callable[[Any], Any]) -> Any:
    """Return what `use` makes of Snakemake's workflow once its jobs are planned; prints nothing.

    The `arguments` are those of snakemake, with --dry-run.

    Raises:
        InputError: Snakemake refuses the arguments, the config or the targets; its own message.

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
        snakemake_workflow.FilePersistence = persistence  # which a Snakefile may have replaced
        signal.signal(signal.SIGTERM, on_sigterm)  # Snakemake's scheduler has set its own
    if not used:
        # what Snakemake says of the host and the files comes before the error
        text = f"\n{output.getvalue()}"
        _, begun, error = text.rpartition("Building DAG of jobs...")
        raise InputError((error if begun else text.rpartition(f"\n{START}")[2]).strip())
    return used[0]


def sorted_jobs(dag: Any) -> list[Any]:
    """Return all jobs, each after those that it depends on."""
    return [job for level in dag.toposorted() for job in level]


def own_reason(dag: Any, job: Any) -> str:
    """Return why Snakemake runs a job; empty where only jobs before it or after it want that."""
    reason = dag.reason(job)
    if reason.forced:
        return "forced by an option of snakemake"
    if files := sorted(map(str, reason.updated_input)):
        return f"inputs changed: {len(files)}, such as {files[0]}"
    own = (reason.params_changed, reason.input_changed, reason.software_stack_changed)
    return str(reason) if any(own) else ""


# --- rules ----------------------------------------------------------------------------------------

_SHOWN_IN = {"figures": "figure", "tables": "table", "paper": "paper"}
"""Folders of the results, and of the logs of what is in them."""


def own_rules(workflow: Any, namespace: Mapping[str, Any]) -> list[Any]:
    """Return the rules of a Snakefile, without those of one that uses it as a module.

    Args:
        workflow: Snakemake's.
        namespace: the Snakefile's `globals()`.

    """
    return [rule for rule in workflow.rules if rule.module_globals is namespace]


def set_code(rule: Any, script: Path) -> None:
    """Make a rule's code a parameter: where it is another than before, its jobs run again.

    A script that asks `JobCache.is_done` is left its earlier outputs, as the flag `update` does.
    """
    rule.set_params(code=lambda _: code_digest(script))
    if ".is_done(" in script.read_text(encoding="utf-8"):
        for file in rule.output:
            if not file.flags:  # a plain string has none to be set
                file.clone_flags(file)
            file.flags["update"] = True


def set_parameters(rule: Any, read: Mapping[str, Any]) -> None:
    """Give a rule those parameters that it does not name itself: values or functions."""
    _, named = rule.ruleinfo.params or ((), {})
    rule.set_params(**{name: value for name, value in read.items() if name not in named})


def remove_rules(workflow: Any, names: Iterable[str]) -> None:
    """Remove rules: what they would make are source files then.

    Snakemake's own way, `--allowed-rules`, is not open to a Snakefile.
    """
    for name in names:
        del workflow._rules[name]


def name_log(rule: Any, results: str, benchmarked: bool = True) -> None:
    """Name a rule's log, where it does not do so itself, and its benchmark like its log.

    The log of `<results>/{dataset}/images/{variant}/{shard}.tar` is
    `<logs>/<script>/{dataset}/{variant}/{shard}.log`: its path after the data set's folder of the
    stage, as far as jobs differ by it. Those of figures, tables and the paper's pages are named as
    they are, and that of a rule without wildcards as the rule.
    """
    log = rule.ruleinfo.log.paths[0] if rule.ruleinfo.log else _log_like_output(rule, results)
    if not rule.ruleinfo.log:
        rule.log_modifier = rule.output_modifier
        rule.set_log(log)
    if benchmarked:
        rule.benchmark_modifier = rule.log_modifier  # the storage or prefix of its files
        rule.benchmark = log.replace("<logs>", "<benchmarks>").removesuffix(".log") + ".tsv"


def _log_like_output(rule: Any, results: str) -> str:
    made = rule.ruleinfo.output
    first = [*made.paths, *made.kwpaths.values()][0]
    path = str(first[0] if isinstance(first, list) else first)
    within = path.removeprefix("<results>/").removeprefix(f"{results}/")
    assert within != path, f"{rule.name} has to name its log"
    *folders, name = within.split("/")
    parts = [*folders, name.partition(".")[0]]
    if parts[0] in _SHOWN_IN:
        return "/".join(["<logs>", _SHOWN_IN[parts[0]], *parts[1:]]) + ".log"
    stage = Path(rule.script).stem
    last = max((place for place, part in enumerate(parts) if "{" in part), default=-1)
    differing = [parts[0], *parts[2 : last + 1]] if last >= 0 else [rule.name]
    return "/".join(["<logs>", *([stage] if differing != [stage] else []), *differing]) + ".log"


def drop_default_rate(workflow: Any) -> None:
    """Drop Snakemake's default limit of 100 started jobs a second; one that the user sets stays.

    With a limit, each look for jobs that can start sets a timer for another look, which sets one
    again: after some hundred jobs it looks hundreds of times a second, and takes half a core.
    """
    limiter = workflow.scheduler.job_rate_limiter
    if limiter is not None and (limiter.max_jobs, limiter.timespan) == _DEFAULT_RATE:
        workflow.scheduler.job_rate_limiter = None


def fork_jobs(shares: bool = False) -> None:
    """Run scripts of local jobs as forks of one process, where those are what new ones would be.

    Where it `shares`, jobs find what others of the run have decoded (`run_scratch`).

    Not where a job has several threads (their number is set before libraries are loaded), GPUs
    (CUDA may not be loaded before a fork), a container or an environment of its own.
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
        if record is not None:  # Snakemake looks twice a second: most have ended before
            record.data_collected, record.cpu_time = True, ended.cpu_seconds
            record.max_rss = max(record.max_rss or 0, ended.mebibytes)
        if ended.status:
            raise CalledProcessError(ended.status, f"{sys.executable} {file}")

    PythonScript.execute_script = execute


def _environment(script: Any) -> dict[str, str]:
    """Return the environment that Snakemake's `shell` gives a script."""
    temporary = script.resources.get("tmpdir")
    names = dict.fromkeys(("TMPDIR", "TMP", "TEMPDIR", "TEMP"), temporary) if temporary else {}
    return {**os.environ, **dict.fromkeys(_THREAD_VARIABLES, "1"), **names}


def _watched(record: Any, process: int) -> AbstractContextManager[Any]:
    return nullcontext() if record is None else benchmarked(process, record)


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


# --- resources ------------------------------------------------------------------------------------

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
