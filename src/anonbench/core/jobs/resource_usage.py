"""What jobs took: Snakemake's benchmark file or, of a job that had nothing to do, its log.

Snakemake writes a job's benchmark whenever it has run, also where it found its outputs made. So the
log of such a run says what making them took, and that counts.
"""

from __future__ import annotations

import csv
import re
import resource
import sys
import time
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

import psutil

from anonbench.core.errors import InputError

_NOTHING_TO_DO = "nothing that this job depends on has changed: its outputs are as they were"
_TOOK = "making them took {:.3f} s, {:.3f} s of processors' time and {:.1f} MiB"
_READ = re.compile(re.sub(r"\\{:\\\.\df\\}", r"([0-9.]+)", re.escape(_TOOK)))
_SHORT_LOG = 4096
_COLUMNS = ("s", "cpu_time", "max_rss")


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
    """Return what a job logs that found its outputs made, with what making them took if known."""
    return _NOTHING_TO_DO if before is None else f"{_NOTHING_TO_DO}; {_TOOK.format(*before)}"


def read_spent(benchmark: Path, logs: Iterable[Path]) -> ResourceUsage | None:
    """Return what making a job's outputs took; None where no run tells it.

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
    for text in map(_short, logs):
        if _NOTHING_TO_DO in text:
            told = _READ.search(text)
            return ResourceUsage(*map(float, told.groups())) if told else None
    return ResourceUsage(*(_number(rows[-1][name]) for name in _COLUMNS))


def _short(log: Path) -> str:
    """Return a log's text; nothing where it is long, as no log of a job without work is."""
    try:
        if log.stat().st_size > _SHORT_LOG:
            return ""
        return log.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""


def _number(text: str | None) -> float:
    try:
        return float(text or "")
    except ValueError:
        return 0.0
