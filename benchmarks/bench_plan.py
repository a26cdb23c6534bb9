"""Planning the paper's full experiment (57 trainings), and ten times its shards or its seeds.

A dry run of config/paper.yaml on stand-ins of the publishers' list files, in a process of its own;
CPU seconds by phase: *imports*, *parse* (config, listings, rules), *scan* (sizes and times of all
images, which are missing here: a call of the system each, as for those that are there), *code*
(which definitions each script can reach; the second time they are remembered), *graph* and *print*.
"""

from __future__ import annotations

import json
import os
import re
import resource
import subprocess
import sys
import time
from collections.abc import Callable
from functools import wraps
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import yaml
from common import emit, peak_memory_gb

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tools"))
import paper_lists  # noqa: E402 - it is no package

MORE = 10
SIZES: dict[str, dict[str, Any]] = {
    "paper": {},
    "paper, code remembered": {},
    "ten times the shards": {"shard_size": 8192 // MORE},
    "ten times the seeds": {"training_seeds": list(range(MORE))},
}
TARGET = {"cpu_seconds": 20.0, "peak_memory_gb": 1.0}
"""Planning is one thread: its CPU seconds are its seconds where nothing else runs."""


class Phases:
    """CPU seconds by phase: what a phase takes inside of another one counts for itself alone."""

    def __init__(self) -> None:
        self.spent: dict[str, float] = {}
        self._open: list[str] = ["imports"]
        self._since = 0.0  # CPU seconds of this process, from its start

    def timed(self, phase: str, owner: Any, name: str) -> None:
        """Count what `owner.name` takes as `phase`."""
        function: Callable[..., Any] = getattr(owner, name)

        @wraps(function)
        def within(*arguments: Any, **named: Any) -> Any:
            self._turn()
            self._open.append(phase)
            try:
                return function(*arguments, **named)
            finally:
                self._turn()
                self._open.pop()

        setattr(owner, name, within)

    def close(self) -> dict[str, float]:
        self._turn()
        return {phase: round(seconds, 2) for phase, seconds in self.spent.items()}

    def _turn(self) -> None:
        now = time.process_time()
        phase = self._open[-1]
        self.spent[phase] = self.spent.get(phase, 0.0) + now - self._since
        self._since = now


def child(output: Path, arguments: list[str]) -> None:
    """Run Snakemake in this process, and write what it took."""
    phases = Phases()
    from snakemake import cli, workflow
    from snakemake.scheduling.job_scheduler import JobScheduler

    from anonbench.core.jobs import fingerprint
    from anonbench.datasets.files import walk

    phases.timed("other", cli, "main")
    phases.timed("parse", workflow.Workflow, "include")
    phases.timed("graph", workflow.Workflow, "_build_dag")
    phases.timed("print", JobScheduler, "schedule")
    phases.timed("scan", walk, "scan")
    phases.timed("code", fingerprint, "code_digest")
    try:
        cli.main(arguments)
    except SystemExit as end:
        if end.code:
            raise
    phases_spent = phases.close()
    used = resource.getrusage(resource.RUSAGE_SELF)
    result = {"cpu_seconds": round(used.ru_utime + used.ru_stime, 2), "phases": phases_spent}
    output.write_text(json.dumps(result | {"peak_memory_gb": peak_memory_gb()}), encoding="utf-8")


def config_of(standins: list[Path], change: dict[str, Any]) -> dict[str, Any]:
    """Return the paper's config on stand-ins, with a change of each data set or of the whole."""
    values: dict[str, Any] = yaml.safe_load((ROOT / "config/paper.yaml").read_text())
    for folder in standins:
        dataset = values["datasets"][folder.name]
        table = folder / "images.csv"
        dataset["path"] = str(table if table.exists() else folder)
        dataset |= {key: value for key, value in change.items() if key == "shard_size"}
    return values | {key: value for key, value in change.items() if key != "shard_size"}


def plan(folder: Path, config: dict[str, Any]) -> dict[str, Any]:
    """Plan a config in a process of its own."""
    path, output = folder / "config.yaml", folder / "took.json"
    path.write_text(yaml.safe_dump(config), encoding="utf-8")
    command = [sys.executable, __file__, str(output), "-n", "-s", str(ROOT / "Snakefile")]
    command += ["--directory", str(folder), "--workflow-profile", "none", "--cores", "64"]
    command += ["--rerun-triggers", "mtime", "params", "input", "software-env"]
    command += ["--configfile", str(path)]
    # compiled files of its own: what is remembered of the code lies beside them
    environment = os.environ | {"PYTHONPYCACHEPREFIX": str(folder / "compiled")}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    began = time.perf_counter()
    run = subprocess.run(
        command, env=environment, cwd=folder, capture_output=True, text=True, check=False
    )
    seconds = time.perf_counter() - began
    if run.returncode:
        sys.exit(run.stderr[-3000:])
    text = run.stdout + run.stderr
    counted = re.search(r"^total +(\d+)$", text, re.MULTILINE)
    jobs = int(counted[1]) if counted else 0
    files = sum(line.count(",") + 1 for line in text.splitlines() if line.startswith("    input:"))
    took: dict[str, Any] = json.loads(output.read_text(encoding="utf-8"))
    return {"jobs": jobs, "input_files": files, "seconds": round(seconds, 2)} | took


def main() -> None:
    with TemporaryDirectory() as name:
        standins = paper_lists.write(Path(name) / "standins")
        plan(Path(name), config_of(standins, {"shard_size": 400_000}))  # Python compiles its files
        for answers in (Path(name) / "compiled").rglob("identity.*.json"):
            answers.unlink()
        sizes = {
            size: plan(Path(name), config_of(standins, change)) for size, change in SIZES.items()
        }
    paper = sizes["paper"]
    growth = {
        size: {
            part: round(sizes[size][part] / paper[part], 1)
            for part in ("jobs", "input_files", "cpu_seconds", "peak_memory_gb")
        }
        for size in sizes
        if size.startswith("ten")
    }
    met = all(paper[part] <= most for part, most in TARGET.items())
    emit({"what": "planning", "sizes": sizes, "growth": growth, "target": TARGET, "met": met})


if __name__ == "__main__":
    if len(sys.argv) > 1:
        child(Path(sys.argv[1]), sys.argv[2:])
    else:
        main()
