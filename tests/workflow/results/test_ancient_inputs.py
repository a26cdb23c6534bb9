"""No job hides behind an ancient input.

Snakemake looks for changed parameters, code and inputs only in jobs with no planned job before
them; those behind one are planned because it is, unless all that they read of it is ancient. Then
they would not run, whatever has changed. So wherever a job reads ancient files of another, it has
to come after that one by files that are not ancient too (their digests).
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from anonbench.workflow.paths import digests

pytestmark = [pytest.mark.workflow]

EDGES = """
import json, sys
from snakemake import cli
from snakemake.workflow import Workflow

def write(workflow, *_, **__):
    workflow._prepare_dag(forceall=True, ignore_incomplete=True, lock_warn_only=True)
    workflow._build_dag()
    number = {job: index for index, job in enumerate(workflow.dag.jobs)}
    edges = [
        (number[other], number[job], [file.is_ancient for file in files])
        for job in number
        for other, files in workflow.dag.dependencies[job].items()
    ]
    jobs = [
        [str(job), list(map(str, job.input)), [str(f) for f in job.input if f.is_ancient]]
        for job in number
    ]
    open(sys.argv[1], "w").write(json.dumps([jobs, edges]))

Workflow.execute = write
cli.main(sys.argv[2:])
"""


def hidden(names: list[str], edges: list[tuple[int, int, bool]]) -> list[str]:
    """Return the ancient dependencies that no path of other ones stands beside."""
    after: dict[int, set[int]] = {}
    for before, job, ancient in edges:
        if not ancient:
            after.setdefault(before, set()).add(job)
    found = []
    for before, job, ancient in edges:
        reached: set[int] = set()
        new = after.get(before, set()) if ancient else set()
        while new:
            reached |= new
            new = set().union(*(after.get(each, set()) for each in new)) - reached
        if ancient and job not in reached:
            found.append(f"{names[before]} -> {names[job]}")
    return found


def test_the_check_finds_what_it_is_for() -> None:
    names = ["a", "b", "c"]
    assert hidden(names, [(0, 1, True), (1, 2, False)]) == ["a -> b"]
    assert hidden(names, [(0, 2, True), (0, 1, False), (1, 2, False)]) == []


def test_every_ancient_input_has_a_digest_beside_it(
    root: Path, miniature: dict[str, Any], tmp_path: Path
) -> None:
    config = tmp_path / "config.yaml"
    config.write_text(yaml.safe_dump(miniature), encoding="utf-8")
    command = [sys.executable, "-c", EDGES, tmp_path / "edges.json", "-s", root / "Snakefile"]
    command += ["-n", "--workflow-profile", "none", "--directory", tmp_path]
    command += ["--configfile", config]
    done = subprocess.run(
        command, capture_output=True, text=True, check=False, env=os.environ, cwd=tmp_path
    )
    assert (tmp_path / "edges.json").exists(), done.stderr[-3000:]
    jobs, edges = json.loads((tmp_path / "edges.json").read_text(encoding="utf-8"))
    assert len(edges) > 300 and sum(any(ancient) for *_, ancient in edges) > 100
    names = [name for name, *_ in jobs]
    assert hidden(names, [(before, job, all(ancient)) for before, job, ancient in edges]) == []
    missing = {name: set(digests(ancient)) - set(inputs) for name, inputs, ancient in jobs}
    assert {name: files for name, files in missing.items() if files} == {}
