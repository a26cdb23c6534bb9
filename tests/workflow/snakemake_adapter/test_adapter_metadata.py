"""Records of Snakemake: what the adapter uses of them, and where they lie.

Where one of these tests fails on a new version of Snakemake, look at that function of
`anonbench.workflow.snakemake_adapter` before anything else.
"""

from __future__ import annotations

import asyncio
import inspect
import json
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from snakemake import api, cli  # noqa: F401 - first: Snakemake's modules import each other
from snakemake import workflow as snakemake_workflow
from snakemake.dag import DAG
from snakemake.io import IOFile
from snakemake.jobs import Job as SnakemakeJob
from snakemake.persistence.file import FilePersistence
from snakemake.workflow import Workflow
from snakemake_interface_executor_plugins.settings import ExecMode
from snakemake_source import source

from anonbench.workflow.results_folder import Results
from anonbench.workflow.snakemake_adapter.metadata import Metadata


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


@pytest.mark.parametrize(
    ("method", "parameters"),
    [
        ("_record_path", ["self", "subject", "id"]),
        ("_get_key", ["self", "f"]),
        ("_input", ["self", "job"]),
        ("_write_record", ["self", "key", "record"]),
        ("input_checksums", ["self", "job", "input_path"]),
        ("finished", ["self", "job"]),
        ("has_metadata", ["self", "job"]),
        ("params_changed", ["self", "job", "file"]),
        ("backup_output", ["self", "path"]),
        ("restore_output", ["self", "path"]),
        ("save_iocache", ["self"]),
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


def opened(results: Path, folder: Path) -> Metadata:
    dag = SimpleNamespace(
        workflow=SimpleNamespace(
            is_main_process=True,
            dag_settings=SimpleNamespace(max_checksum_file_size=0, forceall=False),
            execution_settings=SimpleNamespace(keep_metadata=True),
            deployment_settings=SimpleNamespace(deployment_method=set()),
            exec_mode=ExecMode.DEFAULT,
        ),
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
    assert not there.params_changed(same)
    assert not any(there.input_changed(same))
    assert there.input_checksums(same, f"{moved}/a.csv") == {"sha256:a"}
    assert there.input_checksums(same, "/data/images.csv") == {"sha256:b"}
    assert any(there.input_changed(Job([f"{moved}/table.csv"], {})))
    (outside,) = Job([str(tmp_path / "outside.csv")], {}).output
    assert there.rule(outside) == "tables"
    assert asyncio.run(there.incomplete(same)) == []
    killed = Job([f"{moved}/killed.csv"], {})
    assert asyncio.run(there.incomplete(killed)) == [f"{moved}/killed.csv"]


def test_an_output_without_a_record_counts_as_changed(tmp_path: Path) -> None:
    results = tmp_path / "results"
    one, two = (Job([f"{results}/a.csv", *more], {}) for more in ([], [f"{results}/b.csv"]))
    finish(opened(results, tmp_path), one)
    here = opened(results, tmp_path)  # records are read once
    assert not here.params_changed(one)
    assert here.has_metadata(two)
    assert set(here.params_changed(two)) == {f"{results}/b.csv"}
    assert not here.params_changed(Job([str(tmp_path / "outside.csv")], {}))
    here._is_main = False  # as in a job's own process
    assert not here.has_metadata(two) and not here.params_changed(two)
    asked = source(DAG.update_needrun)
    assert asked.index("persistence.has_metadata(job)") < asked.index("params_changed(job)")


def test_a_record_is_json_as_snakemake_writes_it(tmp_path: Path) -> None:
    metadata = opened(tmp_path / "results", tmp_path)
    finish(metadata, Job([f"{tmp_path}/results/a.csv"], {f"{tmp_path}/results/b.csv": "sha256:b"}))
    (path,) = (tmp_path / "results/.snakemake/metadata").iterdir()
    record = json.loads(path.read_text())
    assert record["rule"] == "tables"
    assert record["input"] == ["./b.csv"]
    assert record["input_checksums"] == {"./b.csv": "sha256:b"}


LEFT = """
from anonbench.workflow.snakemake_adapter.metadata import keep_metadata_in, metadata_store

rule model:
    output: update("results/model.txt")
    log: "results/model.log"
    params: fails=config["fails"], code="1"
    script: "model.py"

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
    assert "outputs are kept" in log.read_text()
    assert not succeeds("while")
    assert not output.exists(), "what is half made is nobody's"
