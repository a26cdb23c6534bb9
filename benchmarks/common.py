"""What benchmarks share: the machine's description, timing, and one JSON object as output."""

from __future__ import annotations

import json
import os
import platform
import resource
import subprocess
import sys
import time
from collections.abc import Callable, Collection
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

SHARED = Path(__file__).resolve().parents[2] / "shared"
"""Real images and weights, beside the checkout."""
ANONBENCH = [sys.executable, "-c", "import sys; from anonbench.cli import main; sys.exit(main())"]
Result = TypeVar("Result")


def measure(work: Callable[[], Result], repeat: int = 1) -> tuple[Result, dict[str, float]]:
    """Run `work` so many times; return its result and the least wall and CPU seconds of a run."""
    walls, cpus = [], []
    for _ in range(repeat):
        wall, cpu = time.perf_counter(), time.process_time()
        result = work()
        walls.append(time.perf_counter() - wall)
        cpus.append(time.process_time() - cpu)
    return result, {"seconds": round(min(walls), 4), "cpu_seconds": round(min(cpus), 4)}


def measure_command(
    command: list[str], passing: Collection[int] = (0,), **options: Any
) -> tuple[str, dict[str, float]]:
    """Run a command; return what it printed, its wall and CPU seconds and its peak memory.

    Args:
        command: program and arguments.
        passing: statuses with which it may end.
        **options: of `subprocess.Popen`.
    """
    began = time.perf_counter()
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, **options) as process:
        assert process.stdout is not None
        printed = process.stdout.read()
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode not in passing:
        raise SystemExit(f"{' '.join(command)} ended with {process.returncode}")
    return printed, {
        "seconds": round(time.perf_counter() - began, 2),
        "cpu_seconds": round(used.ru_utime + used.ru_stime, 2),
        "peak_memory_gb": _gigabytes(used),
    }


def clustered(images: int, depth: int, noise: float, seed: int | list[int]) -> np.ndarray:
    """Return vectors in 50 clusters; another seed of the noise is another version of the images."""
    generator = np.random.default_rng(images)
    centres = generator.standard_normal((50, depth), dtype=np.float32)
    values = 1.0 + centres[generator.integers(0, 50, images)]
    values += generator.standard_normal((images, depth), dtype=np.float32)
    own = np.random.default_rng(seed)
    return values + noise * own.standard_normal((images, depth), dtype=np.float32)


def peak_memory_gb() -> float:
    """Return the most memory that this process has held so far."""
    return _gigabytes(resource.getrusage(resource.RUSAGE_SELF))


def _gigabytes(used: resource.struct_rusage) -> float:
    return round(used.ru_maxrss * (1 if sys.platform == "darwin" else 1024) / 1e9, 3)


def emit(result: dict[str, Any]) -> None:
    """Print the benchmark's result, with the machine, as one JSON object."""
    machine = {
        "cpu": _processor(),
        "cores": len(os.sched_getaffinity(0)),
        "memory_gb": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9, 1),
        "threads": os.environ.get("OMP_NUM_THREADS", "unset"),
        "system": platform.platform(terse=True),
        "python": platform.python_version(),
        "load": round(os.getloadavg()[0], 1),
    }
    print(json.dumps({"machine": machine} | result, indent=2, ensure_ascii=False))


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.processor()
