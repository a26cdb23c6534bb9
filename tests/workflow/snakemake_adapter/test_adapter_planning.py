"""Dry runs in this process: what the adapter uses, and what it says of jobs.

Where one of these tests fails on a new version of Snakemake, look at that function of
`anonbench.workflow.snakemake_adapter` before anything else.
"""

from __future__ import annotations

import inspect
import json
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from snakemake import api, cli  # noqa: F401 - first: Snakemake's modules import each other
from snakemake import workflow as snakemake_workflow
from snakemake.dag import DAG
from snakemake.jobs import Job as SnakemakeJob
from snakemake.workflow import Workflow

from anonbench.core.errors import InputError
from anonbench.workflow.snakemake_adapter.planning import dry_run

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
from anonbench.workflow.snakemake_adapter.planning import dry_run, sorted_jobs

def use(workflow):
    planned = set(workflow.dag.needrun_jobs())
    return [
        [job.rule.name, dict(job.params.items()), job in planned]
        for job in sorted_jobs(workflow.dag)
    ]

words = [*sys.argv]
print(json.dumps([dry_run(sys.argv[1:], use) for _ in range(2)]))
assert sys.argv == words
"""


def test_snakemake_has_the_names_that_a_plan_needs() -> None:
    assert "executor_plugin" in inspect.signature(Workflow.execute).parameters
    assert {"toposorted", "needrun_jobs", "dependencies"} <= {*dir(DAG)}
    job = {"rule", "wildcards", "output", "params", "threads", "resources", "log", "benchmark"}
    assert job <= {*dir(SnakemakeJob)}


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
    assert first == ["first", {"number": 2}, True]
    assert last == ["last", {}, True]
    assert (tmp_path / "first.txt").read_text() == "1\n"
    (tmp_path / "first.txt").write_text("edited")
    first, last = dry_runs(tmp_path, 1)
    assert not first[2]
    assert last[2]


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
