"""Time and memory of jobs: from Snakemake's benchmark file or, of a cache hit, from the job's log.

Snakemake writes a job's benchmark whenever it has run, also where the job found its outputs in its
cache. The log of such a run holds what making them took, and that counts.
"""

from __future__ import annotations

import csv
import json
import re
import resource
import sys
import time
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

import psutil

from anonbench.core.errors import InputError

_HIT = "nothing that this job depends on has changed: its outputs are as they were; they took "
_READ = re.compile(re.escape(_HIT) + r"(null|\[.*\])")
_COLUMNS = ("s", "cpu_time", "max_rss")
_SHORT_LOG = 4096
"""Bytes. No log of a cache hit is longer, and other logs are not read for this."""


class ResourceUsage(NamedTuple):
    """What one run of a job took."""

    seconds: float
    cpu_seconds: float
    mebibytes: float
    """Most memory that it held, resident."""


def of_this_process() -> ResourceUsage:
    """Return what this process and its children that ended have taken so far."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    largest = max(each.ru_maxrss for each in used)
    return ResourceUsage(
        time.time() - psutil.Process().create_time(),
        sum(each.ru_utime + each.ru_stime for each in used),
        largest / (2**20 if sys.platform == "darwin" else 2**10),
    )


def nothing_to_do(before: ResourceUsage | None) -> str:
    """Return what a job logs at a cache hit: seconds, CPU seconds and MiB of its work, if known."""
    return _HIT + json.dumps(before)


def read_spent(benchmark: Path, logs: Iterable[Path]) -> ResourceUsage | None:
    """Return what making a job's outputs took; None where it is not known.

    Snakemake has no CPU time and memory of very short jobs: they count as none.

    Args:
        benchmark: Snakemake's file of it.
        logs: the job's.

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
    for log in logs:
        is_short = log.is_file() and log.stat().st_size <= _SHORT_LOG
        text = log.read_text(encoding="utf-8", errors="replace") if is_short else ""
        if hit := _READ.search(text):
            values = json.loads(hit[1])
            return ResourceUsage(*values) if values else None
    return ResourceUsage(*(_number(rows[-1][name]) for name in _COLUMNS))


def _number(text: str | None) -> float:
    try:
        return float(text or "")
    except ValueError:
        return 0.0
