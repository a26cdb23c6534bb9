"""Time and memory that making a job's outputs took, from Snakemake's benchmark file."""

from __future__ import annotations

import csv
import shutil
from pathlib import Path
from typing import NamedTuple

from anonbench.core.errors import InputError
from anonbench.core.io import atomic
from anonbench.core.jobs.checksums import read_checksum
from anonbench.core.jobs.job_cache import IDENTITY, RESTORED

_COLUMNS = ("s", "cpu_time", "max_rss")


class ResourceUsage(NamedTuple):
    """What one run of a job took."""

    seconds: float
    cpu_seconds: float
    mebibytes: float
    """Peak of resident memory."""


def read_usage(benchmark: Path) -> ResourceUsage | None:
    """Return what a job took; None if its benchmark is missing or empty.

    Snakemake has no CPU time and memory of very short jobs: they count as zero.

    Raises:
        InputError: the file is no benchmark of Snakemake's.

    """
    if not benchmark.is_file():
        return None
    with benchmark.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file, delimiter="\t"))
    if not rows:
        return None
    if not set(_COLUMNS) <= set(rows[-1]):
        raise InputError(f"{benchmark}: not a benchmark file of Snakemake; remove it")
    return ResourceUsage(*(_number(rows[-1][name]) for name in _COLUMNS))


def settle_benchmark(benchmark: Path, output: Path) -> None:
    """Keep the benchmark of a job that made its outputs; put it back if the job restored them.

    Snakemake writes a benchmark in both cases. It is removed if the outputs were restored and the
    benchmark of their making is not known.
    """
    record, kept = read_checksum(output) or {}, benchmark.with_name(f"{benchmark.name}.made")
    if IDENTITY not in record or not benchmark.is_file():
        return
    source, target = (kept, benchmark) if RESTORED in record else (benchmark, kept)
    if source.is_file():
        with atomic(target) as part:
            shutil.copyfile(source, part)
    else:
        target.unlink()


def _number(text: str | None) -> float:
    try:
        return float(text or "")
    except ValueError:
        return 0.0
