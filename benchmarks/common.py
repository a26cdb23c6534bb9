"""What every benchmark shares: the machine's description, timing, and one JSON object as output."""

from __future__ import annotations

import json
import os
import platform
import resource
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

Result = TypeVar("Result")


def machine() -> dict[str, Any]:
    """Describe the machine that measures."""
    return {
        "cpu": _processor(),
        "cores": len(os.sched_getaffinity(0)),
        "memory_gb": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9, 1),
        "threads": os.environ.get("OMP_NUM_THREADS", "unset"),
        "system": platform.platform(terse=True),
        "python": platform.python_version(),
        "load": round(os.getloadavg()[0], 1),
    }


def measure(work: Callable[[], Result], repeat: int = 1) -> tuple[Result, dict[str, float]]:
    """Run `work` so many times; return its result and the least wall and CPU seconds of a run."""
    walls, cpus = [], []
    for _ in range(repeat):
        wall, cpu = time.perf_counter(), time.process_time()
        result = work()
        walls.append(time.perf_counter() - wall)
        cpus.append(time.process_time() - cpu)
    return result, {"seconds": round(min(walls), 4), "cpu_seconds": round(min(cpus), 4)}


def peak_memory_gb() -> float:
    """Return the most memory that this process has held so far."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return round(peak * (1 if sys.platform == "darwin" else 1024) / 1e9, 3)


def emit(result: dict[str, Any]) -> None:
    """Print the benchmark's result, with the machine, as one JSON object."""
    print(json.dumps({"machine": machine()} | result, indent=2, ensure_ascii=False))


def _processor() -> str:
    information = Path("/proc/cpuinfo")
    if information.exists():
        for line in information.read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor()
