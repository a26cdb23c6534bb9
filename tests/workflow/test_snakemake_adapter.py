"""Contract with those parts of Snakemake that it does not document."""

from __future__ import annotations

import inspect
import json
import subprocess
import sys
from pathlib import Path

import pytest
from snakemake import api  # noqa: F401 - first: Snakemake's modules import each other
from snakemake.dag import DAG
from snakemake.jobs import Reason
from snakemake.workflow import Workflow

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
from anonbench.workflow.snakemake_adapter import dry_run, own_reason, sorted_jobs

def use(workflow):
    planned = set(workflow.dag.needrun_jobs())
    found = [
        [job.rule.name, dict(job.params.items()), job in planned, own_reason(workflow.dag, job)]
        for job in sorted_jobs(workflow.dag)
    ]
    print(json.dumps(found))

dry_run(sys.argv[1:], use)
"""


def test_snakemake_has_the_names_that_a_plan_needs() -> None:
    assert "executor_plugin" in inspect.signature(Workflow.execute).parameters
    assert {"toposorted", "needrun_jobs", "dependencies", "reason"} <= {*dir(DAG)}
    reasons = {"forced", "updated_input", "params_changed", "input_changed"}
    assert reasons | {"software_stack_changed"} <= {*dir(Reason)}


@pytest.mark.workflow
def test_a_quiet_dry_run_ends_with_its_jobs_planned(tmp_path: Path) -> None:
    (tmp_path / "Snakefile").write_text(SNAKEFILE, encoding="utf-8")
    program = Path(sys.executable).with_name("snakemake")
    run = [program, "--cores", "1", "--config", "number=1"]
    subprocess.run(run, cwd=tmp_path, check=True, capture_output=True)

    command = [sys.executable, "-c", DRY_RUN, "--dry-run", "--quiet", "rules", "progress"]
    command += ["--cores", "1", "--config", "number=2"]
    done = subprocess.run(command, cwd=tmp_path, check=True, capture_output=True, text=True)
    first, last = json.loads(done.stdout.splitlines()[-1])
    assert first[:3] == ["first", {"number": 2}, True]
    assert "arams have changed" in first[3]
    assert last == ["last", {}, True, ""]
    assert (tmp_path / "first.txt").read_text() == "1\n"
