"""Cost of each stage of a run, from Snakemake's benchmark files, by machine."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from anonbench.core.io import files_in, read_json
from anonbench.core.jobs.job_cache import read_usage
from anonbench.core.wording import count

COST_COLUMNS = ["stage", "jobs", "wall_hours", "cpu_hours", "longest_minutes", "peak_gb"]
MACHINE_COLUMNS = ["machine", "trainings"]
_MACHINE = "machine.json"
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
    grouped = jobs.groupby("stage", sort=True)
    costs = pd.DataFrame(
        {
            "jobs": grouped.size(),
            "wall_hours": grouped["wall"].sum() / 3600,
            "cpu_hours": grouped["cpu"].sum() / 3600,
            "longest_minutes": grouped["wall"].max() / 60,
            "peak_gb": grouped["memory"].max(),
        }
    ).reset_index()
    return costs.sort_values(["wall_hours", "stage"], ascending=[False, True], ignore_index=True)[
        COST_COLUMNS
    ]


def machines(logs: Path) -> pd.DataFrame:
    """Machines of the trainings with their counts, columns `MACHINE_COLUMNS`, by name.

    Args:
        logs: folder of the trainings' logs, with a machine.json in the folder of each.
    """
    found = Counter(_machine(read_json(path)) for path in files_in(logs) if path.name == _MACHINE)
    return pd.DataFrame(sorted(found.items()), columns=MACHINE_COLUMNS)


def _machine(description: Mapping[str, Any]) -> str:
    parts = [
        str(description["gpu"] or description["processor"]),
        count(int(description["cores"]), "core"),
        f"{description['memory_gb']} GB",
        f"torch {description['torch']}",
    ]
    return ", ".join(parts)
