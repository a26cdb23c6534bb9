"""Each private name of Snakemake that the adapter uses is there and means what it did.

Where one of these tests fails on a new version of Snakemake, look at that function of
`anonbench.workflow.snakemake_adapter` before anything else.
"""

from __future__ import annotations

import asyncio
import importlib.util
import inspect
import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Mapping
from importlib import metadata
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from snakemake import api, cli  # noqa: F401 - first: Snakemake's modules import each other
from snakemake import workflow as snakemake_workflow
from snakemake.dag import DAG
from snakemake.exceptions import WorkflowError
from snakemake.io import IOFile
from snakemake.jobs import Job as SnakemakeJob
from snakemake.jobs import Reason
from snakemake.output_index import OutputIndex
from snakemake.persistence.file import FilePersistence
from snakemake.resources import Resource, Resources
from snakemake.rules import Rule
from snakemake.scheduling.job_scheduler import JobRateLimiter, JobScheduler
from snakemake.script import PythonScript, ScriptBase
from snakemake.settings.types import MaxJobsPerTimespan, ResourceSettings
from snakemake.shell import shell
from snakemake.workflow import Workflow
from snakemake_interface_executor_plugins.settings import ExecMode

from anonbench.core.errors import InputError
from anonbench.workflow.reconcile import Results
from anonbench.workflow.snakemake_adapter import execution
from anonbench.workflow.snakemake_adapter.metadata import Metadata
from anonbench.workflow.snakemake_adapter.planning import dry_run
from anonbench.workflow.snakemake_adapter.resources import set_resources
from anonbench.workflow.snakemake_adapter.rules import (
    name_log,
    own_rules,
    remove_rules,
    set_code,
    set_parameters,
)


def source(function: Any) -> str:
    return " ".join(inspect.getsource(function).split())


# --- the names ------------------------------------------------------------------------------------


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


def test_a_workflow_opens_its_metadata_by_a_name_of_its_module() -> None:
    assert snakemake_workflow.FilePersistence is not None
    text = source(Workflow._prepare_dag)
    assert "persistence = FilePersistence" in text
    assert "self._persistence = persistence( nolock=nolock, dag=self._dag," in text
    assert "warn_only=lock_warn_only," in text


def test_only_a_look_is_opened_without_a_lock() -> None:
    assert "lock_warn_only=self.dryrun," in source(Workflow.execute)
    for look in (Workflow.summary, Workflow.printrulegraph, Workflow.printdag):
        assert "lock_warn_only=True," in source(look)
    assert "lock_warn_only=False," in source(Workflow.unlock)
    assert "self.persistence.cleanup_locks()" in source(Workflow.unlock)


@pytest.mark.parametrize(
    ("method", "parameters"),
    [
        ("_record_path", ["self", "subject", "id"]),
        ("_get_key", ["self", "f"]),
        ("_input", ["self", "job"]),
        ("_write_record", ["self", "key", "record"]),
        ("input_checksums", ["self", "job", "input_path"]),
        ("finished", ["self", "job"]),
        ("backup_output", ["self", "path"]),
        ("restore_output", ["self", "path"]),
        ("cleanup_locks", ["self"]),
        ("save_iocache", ["self"]),
        ("all_outputfiles", ["self"]),
    ],
)
def test_metadata_has_this_method(method: str, parameters: list[str]) -> None:
    assert list(inspect.signature(getattr(FilePersistence, method)).parameters) == parameters


@pytest.mark.parametrize("name", ["_metadata_path", "_incomplete_path", "_max_len"])
def test_metadata_has_this_attribute(name: str) -> None:
    assert f"self.{name} = " in source(FilePersistence.__init__)


def test_all_records_and_marks_are_named_by_these_methods() -> None:
    for method in ("metadata", "cleanup_metadata", "started", "finished", "incomplete"):
        assert "self._get_key(" in source(getattr(FilePersistence, method))
    finished = source(FilePersistence.finished)
    assert "input_files = self._input(job)" in finished
    assert "record.input_checksums = checksums" in finished
    assert "self._write_record(key, record)" in finished
    assert "recorded != self._input(job)" in source(FilePersistence._input_changed)
    assert "m.input_checksums.get(input_path)" in source(FilePersistence.input_checksums)
    assert "self.workflow.persistence.input_checksums(job, f)" in source(DAG.update_needrun)


def test_outputs_to_be_updated_are_neither_removed_nor_where_they_are_left_by_a_failure() -> None:
    left = "# output files marked as to be updated are not removed continue"
    assert f'if is_flagged(f, "update"): {left}' in source(SnakemakeJob.remove_existing_output)
    ended = source(SnakemakeJob.postprocess)
    assert "if self.dag.workflow.persistence.restore_output(Path(f)):" in ended
    assert "skip_cleanup_outputs.add(f)" in ended


def test_what_is_asked_for_is_known_where_metadata_is_opened() -> None:
    text = source(Workflow._prepare_dag)
    assert text.index("targetfiles=targetfiles, targetrules=targetrules,") < text.index(
        "self._persistence = persistence("
    )
    for name in ("targetfiles", "targetrules"):
        assert f"self.{name} = {name}" in source(DAG.__init__)
    assert "self.rules = set(rules)" in source(DAG.__init__)


def test_jobs_of_forced_files_run_and_incomplete_files_are_forced() -> None:
    assert "not self.forcefiles.isdisjoint(job.output)" in source(DAG.update_needrun)
    assert "self.forcefiles.update(incomplete_files)" in source(DAG.check_incomplete)


def test_producers_of_a_file_are_found_by_this_method() -> None:
    assert list(inspect.signature(OutputIndex).parameters) == ["rules"]
    assert list(inspect.signature(OutputIndex.match_producers).parameters) == ["self", "targetfile"]


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


# --- what the adapter makes of them ---------------------------------------------------------------


def opened(results: Path, folder: Path) -> Metadata:
    dag = SimpleNamespace(
        workflow=SimpleNamespace(
            is_main_process=True,
            dag_settings=SimpleNamespace(max_checksum_file_size=0),
            execution_settings=SimpleNamespace(keep_metadata=True),
            deployment_settings=SimpleNamespace(deployment_method=set()),
            exec_mode=ExecMode.DEFAULT,
        ),
        forcefiles=set(),
        targetfiles=set(),
        targetrules=set(),
        rules=set(),
    )
    return Metadata(Results(results), dag=dag, warn_only=True, path=folder / ".snakemake")


class Job(SimpleNamespace):
    """A job, with what Snakemake records of it."""

    __hash__ = object.__hash__

    def __init__(self, output: list[str], inputs: dict[str, str]) -> None:
        nothing = ("shellcmd", "run_func_src", "conda_env", "env_modules", "container_img_url")
        super().__init__(
            name="tables",
            input=[Input(file, checksum) for file, checksum in inputs.items()],
            log=[],
            benchmark=None,
            non_derived_params=[],
            workflow=SimpleNamespace(iocache=SimpleNamespace(active=False)),
            **dict.fromkeys(nothing),
        )
        self.rule = self
        self.output = list(map(IOFile, output))
        for file in self.output:
            file.rule = self


class Input(str):
    """An input with a checksum."""

    is_storage = False
    flags: Mapping[str, Any] = {}

    def __new__(cls, path: str, _: str) -> Input:
        return super().__new__(cls, path)

    def __init__(self, _: str, content: str) -> None:
        self._content = content

    async def checksum(self, _: int) -> str:
        return self._content


def finish(metadata: Metadata, job: Job) -> None:
    asyncio.run(metadata.finished(job))


def test_records_lie_with_the_results_and_move_with_them(tmp_path: Path) -> None:
    results, moved = tmp_path / "results", tmp_path / "moved"
    long = "/".join(3 * [100 * "b"])

    def job(folder: Path) -> Job:
        inputs = {"/data/images.csv": "sha256:b", f"{folder}/a.csv": "sha256:a"}
        return Job([f"{folder}/table.csv", f"{folder}/{long}"], inputs)

    here = opened(results, tmp_path)
    assert not results.exists(), "a look makes no folder"
    here.started(job(results))
    finish(here, job(results))
    here.started(Job([f"{results}/killed.csv"], {}))
    finish(here, Job([str(tmp_path / "outside.csv")], {}))
    assert not any((tmp_path / ".snakemake/metadata").iterdir())
    results.rename(moved)
    for name in ("table.csv", "killed.csv", long):
        path = moved / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    there, same = opened(moved, tmp_path), job(moved)
    assert there.has_metadata(same)
    assert not any(there.input_changed(same))
    assert there.input_checksums(same, f"{moved}/a.csv") == {"sha256:a"}
    assert there.input_checksums(same, "/data/images.csv") == {"sha256:b"}
    assert any(there.input_changed(Job([f"{moved}/table.csv"], {})))
    assert there.is_recorded(f"{moved}/{long}")
    assert there.has_metadata(Job([str(tmp_path / "outside.csv")], {}))
    assert not there.is_recorded(f"{moved}/none.csv")
    assert asyncio.run(there.incomplete(same)) == []
    killed = Job([f"{moved}/killed.csv"], {})
    assert asyncio.run(there.incomplete(killed)) == [f"{moved}/killed.csv"]


def test_what_is_outdated_is_forced(tmp_path: Path) -> None:
    (tmp_path / "results").mkdir()
    file = tmp_path / "results" / "a.csv"
    file.write_text("of unknown origin")
    assert opened(tmp_path / "results", tmp_path).dag.forcefiles == {str(file)}


def test_a_record_is_json_as_snakemake_writes_it(tmp_path: Path) -> None:
    metadata = opened(tmp_path / "results", tmp_path)
    finish(metadata, Job([f"{tmp_path}/results/a.csv"], {f"{tmp_path}/results/b.csv": "sha256:b"}))
    (path,) = (tmp_path / "results/.snakemake/metadata").iterdir()
    record = json.loads(path.read_text())
    assert record["rule"] == "tables"
    assert record["input"] == ["./b.csv"]
    assert record["input_checksums"] == {"./b.csv": "sha256:b"}


# --- plan -----------------------------------------------------------------------------------------

SNAKEFILE = """
rule last:
    input: "first.txt"
    output: "last.txt"
    shell: "cp {input} {output}"
rule first:
    output: "first.txt"
    params: number=config["number"]
    shell: "echo {params.number} >{output}"
"""
DRY_RUN = """
import json, sys
from anonbench.workflow.snakemake_adapter.planning import dry_run, own_reason, sorted_jobs

def use(workflow):
    planned = set(workflow.dag.needrun_jobs())
    return [
        [job.rule.name, dict(job.params.items()), job in planned, own_reason(workflow.dag, job)]
        for job in sorted_jobs(workflow.dag)
    ]

words = [*sys.argv]
print(json.dumps([dry_run(sys.argv[1:], use) for _ in range(2)]))
assert sys.argv == words
"""


def test_snakemake_has_the_names_that_a_plan_needs() -> None:
    assert "executor_plugin" in inspect.signature(Workflow.execute).parameters
    assert {"toposorted", "needrun_jobs", "dependencies", "reason"} <= {*dir(DAG)}
    job = {"rule", "wildcards", "output", "params", "threads", "resources", "log", "benchmark"}
    assert job <= {*dir(SnakemakeJob)}
    reasons = {"forced", "updated_input", "params_changed", "input_changed"}
    assert reasons | {"software_stack_changed"} <= {*dir(Reason)}


def dry_runs(folder: Path, number: int) -> list[list[Any]]:
    """Return what two dry runs in one process say of rules first and last."""
    command = [sys.executable, "-c", DRY_RUN, "--dry-run", "--quiet", "rules", "progress"]
    command += ["--cores", "1", "--config", f"number={number}"]
    done = subprocess.run(command, cwd=folder, check=True, capture_output=True, text=True)
    once, again = json.loads(done.stdout)  # nothing else is printed
    assert once == again
    return list(once)


@pytest.mark.workflow
def test_a_quiet_dry_run_ends_with_its_jobs_planned(tmp_path: Path) -> None:
    (tmp_path / "Snakefile").write_text(SNAKEFILE, encoding="utf-8")
    program = Path(sys.executable).with_name("snakemake")
    run = [program, "--cores", "1", "--config", "number=1"]
    subprocess.run(run, cwd=tmp_path, check=True, capture_output=True)

    first, last = dry_runs(tmp_path, 2)
    assert first[:3] == ["first", {"number": 2}, True]
    assert "arams have changed" in first[3]
    assert last == ["last", {}, True, ""]
    assert (tmp_path / "first.txt").read_text() == "1\n"
    (tmp_path / "first.txt").write_text("edited")
    first, last = dry_runs(tmp_path, 1)
    assert not first[2]
    assert last[2:] == [True, "inputs changed: 1, such as first.txt"]


def test_what_snakemake_refuses_is_an_error_and_nothing_stays_changed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "Snakefile").write_text(SNAKEFILE, encoding="utf-8")

    def state() -> tuple[object, ...]:
        persistence = snakemake_workflow.FilePersistence
        return Workflow.execute, [*sys.argv], signal.getsignal(signal.SIGTERM), persistence

    before = state()
    with pytest.raises(InputError, match="unrecognized arguments: --no-such-option"):
        dry_run(["--dry-run", "--no-such-option"], id)
    with pytest.raises(InputError, match=r"^MissingRuleException:\nNo rule to produce none.txt"):
        dry_run(["--dry-run", "none.txt", "--config", "number=1"], id)
    assert dry_run(["--dry-run", "--quiet", "all", "--config", "number=1"], id)
    own = "type('Own', (w.FilePersistence,), {})"
    replaces = f"\nimport snakemake.workflow as w\nw.FilePersistence = {own}\n"
    (tmp_path / "Snakefile").write_text(SNAKEFILE + replaces, encoding="utf-8")
    assert dry_run(["--dry-run", "--quiet", "all", "--config", "number=1"], id)
    assert state() == before
    assert capfd.readouterr() == ("", "")


# --- rules and resources --------------------------------------------------------------------------

OTHER = (
    f"Snakemake {metadata.version('snakemake')} is none that anonbench.workflow.snakemake_adapter "
    "knows: {}"
)


@pytest.mark.parametrize(
    ("owner", "names"),
    [
        (Workflow, ("rules", "source_path", "is_main_process")),
        (Rule, ("set_params", "is_producer", "get_wildcards", "expand_input", "benchmark")),
        (Resource, ("value", "evaluate")),
        (ResourceSettings, ("_parsed_overwrite_resources", "_parsed_overwrite_threads")),
    ],
)
def test_names_are_there(owner: type, names: tuple[str, ...]) -> None:
    for name in names:
        assert hasattr(owner, name), OTHER.format(f"{owner.__name__} has no {name}")


@pytest.mark.parametrize(
    ("module", "names"),
    [
        (
            "workflow",
            ("_rules", "_dag", "global_resources", "ruleinfo", "module_globals", "default_target"),
        ),
        ("rules", ("log_modifier", "benchmark_modifier", "rule")),
        ("resources", ("raw",)),
    ],
)
def test_attributes_are_set(module: str, names: tuple[str, ...]) -> None:
    found = importlib.util.find_spec(f"snakemake.{module}")
    assert found is not None and found.origin is not None
    text = Path(found.origin).read_text(encoding="utf-8")
    for name in names:
        assert re.search(rf"(self|rule)\.{name}\b.* = ", text), OTHER.format(
            f"snakemake.{module} sets no {name}"
        )


def test_a_resource_is_evaluated_as_the_adapter_does() -> None:
    known = inspect.signature(Resource.evaluate).parameters
    assert "async_run" in known or any(p.kind is p.VAR_KEYWORD for p in known.values())


def workflow(
    limit: int | None = None, by_user: dict[str, int] | None = None, threads: int | None = None
) -> Any:
    return SimpleNamespace(
        resource_settings=SimpleNamespace(
            _parsed_overwrite_resources={"train": by_user or {}},
            _parsed_overwrite_threads={} if threads is None else {"train": threads},
        ),
        global_resources={"gpu": Resource("gpu", limit)},
        is_main_process=True,
    )


def rule(run: Any, general: dict[str, int] | None = None, **resources: Any) -> Any:
    """Return a rule with resources as `Workflow.rule` sets them, the user's last."""
    by_user = run.resource_settings
    threads = resources.pop("threads", None)
    known = (general or {}) | resources | by_user._parsed_overwrite_resources["train"]
    known["_cores"] = by_user._parsed_overwrite_threads.get("train", threads or 1)
    info = SimpleNamespace(resources=((), resources) if resources else None, threads=threads)
    return SimpleNamespace(name="train", resources=Resources.from_mapping(known), ruleinfo=info)


def asked(rule: Any, name: str, attempt: int = 1) -> Any:
    known = {"input": [], "attempt": attempt, "threads": 1, "rulename": "train"}
    found = rule.resources[name].evaluate(["mine", "0"], async_run=None, **known)
    return found.value


def test_memory_and_time_have_a_default_and_grow() -> None:
    run = workflow()
    small, big = rule(run), rule(run, mem_mb=3000)
    for each in (small, big):
        set_resources(run, each, {"mem_mb": 1000, "runtime": 5})
    assert [asked(small, "mem_mb"), asked(small, "mem_mb", 3)] == [1000, 3000]
    assert [asked(big, "mem_mb"), asked(big, "mem_mb", 2)] == [3000, 6000]
    assert asked(small, "runtime", 2) == 10


def test_a_rules_default_comes_before_the_general_one() -> None:
    run = workflow()
    each = rule(run, general={"mem_mb": 77})
    set_resources(run, each, {"mem_mb": 1000, "runtime": 5})
    assert asked(each, "mem_mb") == 1000


def test_what_the_user_sets_for_a_rule_comes_first() -> None:
    run = workflow(by_user={"mem_mb": 77})
    each = rule(run)
    set_resources(run, each, {"mem_mb": 1000, "runtime": 5})
    assert [asked(each, "mem_mb"), asked(each, "runtime")] == [77, 5]


def test_a_rule_asks_for_what_its_script_needs_unless_it_says_more() -> None:
    wanted = {"mem_mb": 1000, "runtime": 5, "threads": 3, "gpu": lambda w: len(w), "mpi": None}
    run = workflow()
    plain, own = rule(run), rule(run, gpu=1, threads=2)
    by_user = rule(few := workflow(by_user={"gpu": 0}, threads=7))
    for each, where in ((plain, run), (own, run), (by_user, few)):
        set_resources(where, each, wanted)
    found = [[asked(r, name, 2) for name in ("_cores", "gpu")] for r in (plain, own, by_user)]
    assert found == [[3, 2], [2, 1], [7, 0]]  # and neither grows with the attempt
    assert asked(plain, "mpi") is None


def test_threads_are_a_resource_that_the_user_may_set() -> None:
    text = source(Workflow.rule)
    assert 'rule.resources["_cores"] = overwrite_threads' in text
    assert 'rule.resources["_cores"] = ruleinfo.threads' in text


def test_more_gpus_than_there_may_be_are_refused() -> None:
    run = workflow(limit=2)
    few, many = rule(run, gpu=2), rule(run, gpu=4)
    for each in (few, many):
        set_resources(run, each, {"mem_mb": 1000, "runtime": 5})
    assert asked(few, "gpu") == 2
    with pytest.raises(WorkflowError, match="train mine 0 wants 4 GPUs, and gpu=2"):
        asked(many, "gpu")


def test_rules_of_a_foreign_snakefile_are_left_alone() -> None:
    mine: dict[str, Any] = {}
    rules = [SimpleNamespace(module_globals=mine), SimpleNamespace(module_globals={})]
    assert own_rules(SimpleNamespace(rules=rules), mine) == rules[:1]


def test_removed_rules_are_gone() -> None:
    run = SimpleNamespace(_rules={"a": 1, "b": 2})
    remove_rules(run, ["a"])
    assert run._rules == {"b": 2}


def test_code_is_a_parameter(root: Path) -> None:
    found: dict[str, Any] = {}
    set_code(SimpleNamespace(set_params=found.update), root / "workflow/scripts/heatmap.py")
    assert re.fullmatch("[0-9a-f]{64}", found["code"](None))


LEFT = """
from pathlib import Path
from anonbench.workflow.snakemake_adapter.metadata import keep_metadata_in, metadata_store
from anonbench.workflow.snakemake_adapter.rules import set_code

rule model:
    output: "results/model.txt"
    log: "results/model.log"
    params: fails=config["fails"]
    script: "model.py"

set_code(rules.model.rule, Path(workflow.source_path("model.py")))
store = metadata_store(workflow, "results", "")
keep_metadata_in(store, workflow, lambda *_: ())
"""
LEAVES = """
from pathlib import Path
from anonbench.core.jobs.job import job

with job(snakemake, __file__) as cache:
    assert snakemake.params.fails != "before"
    if not cache.is_done():
        Path(snakemake.output[0]).write_text(snakemake.params.fails)
        assert snakemake.params.fails != "while"
"""


@pytest.mark.workflow
def test_a_job_that_fails_before_it_looks_at_its_earlier_output_leaves_it(tmp_path: Path) -> None:
    (tmp_path / "Snakefile").write_text(LEFT, encoding="utf-8")
    (tmp_path / "model.py").write_text(LEAVES, encoding="utf-8")
    program = Path(sys.executable).with_name("snakemake")
    output, log = tmp_path / "results/model.txt", tmp_path / "results/model.log"

    def succeeds(fails: str) -> bool:
        command = [program, "--cores", "1", "--config", f"fails={fails}"]
        done = subprocess.run(command, cwd=tmp_path, check=False, capture_output=True)
        return done.returncode == 0

    assert succeeds("never")
    assert not succeeds("before")
    assert output.read_text() == "never"
    assert succeeds("never")
    assert "outputs are as they were" in log.read_text()
    assert not succeeds("while")
    assert not output.exists(), "what is half made is nobody's"


_LOOK = ("--dry-run", "--quiet", "rules", "progress", "--workflow-profile", "none", "--cores", "1")


def test_only_what_asks_whether_it_is_done_is_left_its_outputs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    text = (
        "rule all:\n    output: 'a.txt', big=ensure('b', non_empty=True)\n    script: 'script.py'\n"
    )
    for script, stay in (("if not cache.is_done():\n    ...\n", True), ("is_done = 1\n", False)):
        (tmp_path / "script.py").write_text(script, encoding="utf-8")
        (tmp_path / "Snakefile").write_text(
            f"{text}from pathlib import Path\n"
            "from anonbench.workflow.snakemake_adapter.rules import set_code\n"
            "_script = Path(workflow.source_path('script.py'))\n"
            "set_code(next(iter(workflow.rules)), _script)\n",
            encoding="utf-8",
        )
        found = dry_run(
            [*_LOOK, "--snakefile", str(tmp_path / "Snakefile")],
            lambda workflow: [dict(f.flags) for job in workflow.dag.jobs for f in job.output],
        )
        assert ["update" in flags for flags in found] == [stay, stay]
        assert "ensure" in found[1]


def test_a_parameter_that_a_rule_names_itself_stays() -> None:
    found: dict[str, Any] = {}
    info = SimpleNamespace(params=((), {"slice": "own"}))
    each = SimpleNamespace(ruleinfo=info, set_params=lambda **given: found.update(given))
    set_parameters(each, {"slice": "general", "system": None})
    assert found == {"system": None}
    info.params = None
    set_parameters(each, {"slice": "general"})
    assert found == {"system": None, "slice": "general"}


@pytest.mark.parametrize(
    ("first", "script", "log"),  # the rule is called as its script is, and `_all` behind it
    [
        ("figures/trend_{dataset}_{trend}.png", "trend.py", "figure/trend_{dataset}_{trend}"),
        ("figures/pipeline.png", "pipeline.py", "figure/pipeline"),
        ("paper/claims.csv", "claims.py", "paper/claims"),
        ("report.html", "report.py", "report/report_all"),
        (["portraits/a/b.parquet", "c"], "rankings.py", "rankings/rankings_all"),
        ("{dataset}/policy.csv", "policy.py", "policy/{dataset}"),
        (
            "{dataset}/models/unadapted/s{seed}/b.pt",
            "train.py",
            "train/{dataset}/unadapted/s{seed}",
        ),
        ("{dataset}/detect/{split}/{shard}.boxes.parquet", "d.py", "d/{dataset}/{split}/{shard}"),
    ],
)
def test_a_log_is_named_as_what_is_made_and_a_benchmark_as_the_log(
    first: str | list[str], script: str, log: str
) -> None:
    logs: list[str] = []
    own = first if isinstance(first, str) else first[0]
    for place in ("<results>", "results"):
        path = f"{place}/{own}"
        outputs = {"first": path if isinstance(first, str) else [path], "second": "other"}
        each = made_by(script, outputs, logs)
        name_log(each, "results")
        assert each.benchmark == f"<benchmarks>/{log}.tsv"
        assert each.log_modifier == each.benchmark_modifier == "prefix"
    assert logs == [f"<logs>/{log}.log"] * 2


def test_a_rule_that_is_called_as_its_script_has_no_folder_of_its_own() -> None:
    logs: list[str] = []
    name_log(made_by("report.py", {"p": "<results>/report.html"}, logs, ""), "results")
    assert logs == ["<logs>/report.log"]


def made_by(
    script: str, outputs: dict[str, Any], logs: list[str], suffix: str = "_all"
) -> SimpleNamespace:
    """Return a rule as far as its log is named."""
    return SimpleNamespace(
        name=Path(script).stem + suffix,
        script=f"../scripts/{script}",
        output_modifier="prefix",
        ruleinfo=SimpleNamespace(log=None, output=SimpleNamespace(paths=(), kwpaths=outputs)),
        set_log=logs.append,
    )


def test_a_rule_may_name_its_log_and_have_no_benchmark() -> None:
    log = SimpleNamespace(paths=("<logs>/rankings/portraits.log",))
    each = SimpleNamespace(log_modifier="prefix", ruleinfo=SimpleNamespace(log=log))
    name_log(each, "results", benchmarked=False)
    assert not hasattr(each, "benchmark")
    name_log(each, "results")
    assert each.benchmark == "<benchmarks>/rankings/portraits.tsv"
    assert each.benchmark_modifier == "prefix"
