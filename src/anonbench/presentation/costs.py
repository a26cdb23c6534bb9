"""What each stage of a run cost, from Snakemake's benchmark files."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pandas as pd

from anonbench.errors import InputError
from anonbench.files import files_in

COST_COLUMNS = ["stage", "jobs", "wall_hours", "cpu_hours", "longest_minutes", "peak_gb"]
_NUMBERS = ["s", "cpu_time", "max_rss"]


def benchmark_files(folder: Path) -> list[Path]:
    """Return the benchmark files of all jobs, `<stage>/…/<job>.tsv` or `<stage>.tsv`, sorted."""
    return [path for path in files_in(folder) if path.suffix == ".tsv"]


def digest(folder: Path) -> str:
    """Return a digest of all benchmark files."""
    whole = hashlib.sha256()
    for path in benchmark_files(folder):
        whole.update(f"{path.relative_to(folder)}\0".encode())
        whole.update(path.read_bytes())
    return whole.hexdigest()


def stage_costs(folder: Path) -> pd.DataFrame:
    """Return what the jobs of each stage took, the longest first.

    A job that ran several times counts as the last run, which is the one its file holds. Very short
    jobs have no measured memory or CPU time (`NA`): they count as none.

    Args:
        folder: of the benchmark files; the first part of a path is the stage.

    Returns:
        Columns `COST_COLUMNS`: hours add up, the longest job and the most memory (resident, 10⁹
        bytes) are those of one job. Sorted by wall hours, descending, then by name.

    Raises:
        InputError: a file is no benchmark of Snakemake's.

    """
    rows = []
    for path in benchmark_files(folder):
        parts = path.relative_to(folder).with_suffix("").parts
        table = pd.read_csv(path, sep="\t", na_values=["NA", "-"])
        if not set(_NUMBERS) <= set(table.columns):
            raise InputError(f"{path}: not a benchmark file of Snakemake; remove it")
        wall, cpu, memory = (
            pd.to_numeric(table[name], errors="coerce").fillna(0.0) for name in _NUMBERS
        )
        # Snakemake counts in MiB
        rows.append((parts[0], wall.sum(), cpu.sum(), memory.max() * 2**20 / 1e9))
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
