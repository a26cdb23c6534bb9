"""Cost of each stage of a run, from Snakemake's benchmark files."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from anonbench.core.io import files_in
from anonbench.core.jobs.job_cache import read_usage

COST_COLUMNS = ["stage", "jobs", "wall_hours", "cpu_hours", "longest_minutes", "peak_gb"]
_REPORTING = "report"
"""The stage that shows the costs: its own are excluded, or it would never be up to date."""


def stage_costs(folder: Path) -> pd.DataFrame:
    """Cost of the jobs of each stage, the longest first.

    Of a job that ran several times, the last run that made its outputs counts. Very short jobs have
    no measured memory or CPU time and count as zero. The report's own job is excluded.

    Args:
        folder: folder of the benchmark files, `<stage>/…/<job>.tsv` or `<stage>.tsv`.

    Returns:
        Columns `COST_COLUMNS`: hours add up, the longest job and the most memory (resident, 10⁹
        bytes) are those of one job. Sorted by wall hours, descending, then by name.

    Raises:
        InputError: a file is not a Snakemake benchmark.
    """
    rows = []
    for path in files_in(folder):
        name = path.relative_to(folder)
        stage = name.with_suffix("").parts[0]
        if path.suffix != ".tsv" or stage == _REPORTING:
            continue
        usage = read_usage(path)
        if usage is not None:
            memory = usage.mebibytes * 2**20 / 1e9
            rows.append((stage, usage.seconds, usage.cpu_seconds, memory))
    jobs = pd.DataFrame(rows, columns=["stage", "wall", "cpu", "memory"])
    costs = jobs.groupby("stage").agg(
        jobs=("wall", "size"),
        wall_hours=("wall", "sum"),
        cpu_hours=("cpu", "sum"),
        longest_minutes=("wall", "max"),
        peak_gb=("memory", "max"),
    )
    costs = costs.assign(**costs[["wall_hours", "cpu_hours"]] / 3600)
    costs["longest_minutes"] /= 60
    return costs.sort_values("wall_hours", ascending=False, kind="stable").reset_index()
