"""Cost of the demo's stages: CPU seconds of work and of starts (after `make demo`).

The whole of a stage is what Snakemake's benchmark files say. A start is a job that imports what the
stage's scripts import and does nothing; what a library loads at its first use counts as work.
"""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pandas as pd
from common import emit

from anonbench.core.jobs.job import THREAD_VARIABLES
from anonbench.workflow.plan.jobs import collect

ROOT = Path(__file__).resolve().parents[1]
RECORDS = ROOT / "results" / "benchmarks"
RUNS = 4
"""Starts of a stage, of which the least counts."""


def recorded() -> dict[str, pd.DataFrame]:
    """Return the benchmark files' rows by stage."""
    rows: dict[str, list[pd.DataFrame]] = {}
    for path in sorted(RECORDS.rglob("*.tsv")):
        stage = path.relative_to(RECORDS).parts[0].removesuffix(".tsv")
        rows.setdefault(stage, []).append(pd.read_csv(path, sep="\t"))
    return {stage: pd.concat(parts) for stage, parts in sorted(rows.items())}


def scripts() -> dict[str, list[Path]]:
    """Return the scripts of each stage, by the folder of its jobs' benchmark files."""
    found: dict[str, dict[Path, None]] = {}
    for job in collect(["--directory", str(ROOT)]).jobs:
        if job.benchmark:
            benchmark = (ROOT / job.benchmark).relative_to(RECORDS)
            script = ROOT / "workflow/scripts" / f"{job.stage}.py"
            found.setdefault(benchmark.parts[0].removesuffix(".tsv"), {})[script] = None
    return {stage: [*files] for stage, files in found.items()}


def imports(files: Sequence[Path]) -> Iterator[str]:
    """Yield all imports of scripts, wherever in a script they stand."""
    for file in files:
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import | ast.ImportFrom):
                yield ast.unparse(node)


def start(files: Sequence[Path], folder: Path) -> float:
    """Return the CPU seconds of a job that does nothing but import."""
    script = folder / "start.py"
    script.write_text("\n".join(dict.fromkeys(imports(files))), encoding="utf-8")
    environment = {**os.environ, **dict.fromkeys(THREAD_VARIABLES, "1")}
    seconds = []
    for _ in range(RUNS):
        before = os.times()
        subprocess.run([sys.executable, script], env=environment, check=True)
        after = os.times()
        seconds.append(sum(after[2:4]) - sum(before[2:4]))
    return min(seconds)


def stage(rows: pd.DataFrame, one_start: float) -> dict[str, float]:
    cpu = float(pd.to_numeric(rows["cpu_time"], errors="coerce").sum())
    starts = min(len(rows) * one_start, cpu)
    return {
        "jobs": len(rows),
        "job_seconds": round(float(rows["s"].sum()), 1),
        "cpu_seconds": round(cpu, 1),
        "of_work": round(cpu - starts, 1),
        "of_starts": round(starts, 1),
        "peak_memory_mb": round(float(pd.to_numeric(rows["max_rss"], errors="coerce").max())),
    }


def main() -> None:
    if not RECORDS.is_dir():
        emit({"skipped": "no results/benchmarks: run `make demo` first"})
        return
    rows, of_stage = recorded(), scripts()
    with TemporaryDirectory() as folder:
        one = {name: start(of_stage[name], Path(folder)) for name in rows}
    stages = {name: stage(rows[name], one[name]) for name in rows}
    summed = ("jobs", "job_seconds", "cpu_seconds", "of_work", "of_starts")
    total: dict[str, Any] = {key: round(sum(s[key] for s in stages.values()), 1) for key in summed}
    total["share_of_starts"] = round(total["of_starts"] / total["cpu_seconds"], 3)
    emit({"what": "the demo, by stage", "total": total, "stages": stages})


if __name__ == "__main__":
    main()
