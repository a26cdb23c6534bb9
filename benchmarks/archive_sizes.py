"""Time and memory of `anonbench score` over the size of an archive, from files to files.

    OMP_NUM_THREADS=1 python benchmarks/archive_sizes.py

A random sample of queries against archives of up to a million images. Each run is a process of
its own. Its peak memory has the pages of the mapped files in it that the system keeps.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from common import emit

IMAGES = (31_623, 100_000, 316_228, 1_000_000)
START = "import sys; from anonbench.cli import main; sys.exit(main())"  # as the program does
WIDTH, SAMPLE, K, PART = 256, 200, 100, 50_000


def write(folder: Path, images: int) -> list[str]:
    """Write clustered vectors and noisy ones of the same images; return the command's files."""
    generator = np.random.default_rng(0)
    centres = generator.standard_normal((images // 1000, WIDTH), dtype=np.float32)
    files = [folder / "originals.npy", folder / "anonymized.npy"]
    shape = (images, WIDTH)
    clear, hidden = (np.lib.format.open_memmap(path, "w+", np.float32, shape) for path in files)
    for start in range(0, images, PART):
        rows = slice(start, min(start + PART, images))
        count = rows.stop - start
        values = centres[generator.integers(0, len(centres), count)]
        values += generator.standard_normal(values.shape, dtype=np.float32)
        clear[rows] = values
        hidden[rows] = values + 0.7 * generator.standard_normal(values.shape, dtype=np.float32)
    for path in files:
        ids = "\n".join(f"{number:07d}" for number in range(images))
        path.with_suffix(".ids.txt").write_text(ids + "\n", encoding="utf-8")
    original, anonymized = map(str, files)
    return ["--reference", original, "--queries", anonymized, "--database", anonymized]


def scored(files: list[str], folder: Path, *options: str) -> tuple[dict[str, Any], Any]:
    """Run the command; return what it took, and what it printed."""
    command = [sys.executable, "-c", START, "score", *files, "--k", str(K)]
    command += ["--ap-depth", "k", "--json", "--per-query", str(folder / "queries.parquet")]
    printed = folder / "printed.json"
    start = time.perf_counter()
    with printed.open("wb") as out:
        process = subprocess.Popen([*command, *options], stdout=out, stderr=subprocess.DEVNULL)
        _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"anonbench score ended with {process.returncode}")
    taken = {
        "seconds": round(time.perf_counter() - start, 1),
        "cpu_seconds": round(usage.ru_utime + usage.ru_stime, 1),
        "peak_gb": round(usage.ru_maxrss * 1024 / 1e9, 2),
    }
    return taken, json.loads(printed.read_text(encoding="utf-8"))


def exact(files: list[str], folder: Path) -> dict[str, Any]:
    """Score the sample exactly."""
    taken, told = scored(files, folder, "--sample", str(SAMPLE))
    (row,) = (row for row in told["rows"] if row["metric"] == "map")
    scores = {"map_at_k": row["value"], "sampling_error": row["sampling_error"]}
    return taken | {name: round(value, 4) for name, value in scores.items()}


def curve() -> list[dict[str, Any]]:
    """Return a point for each size."""
    points = []
    for images in IMAGES:
        with TemporaryDirectory() as name:
            folder = Path(name)
            files = write(folder, images)
            point: dict[str, Any] = {"images": images, "exact": exact(files, folder)}
            points.append(point)
    return points


if __name__ == "__main__":
    emit({"dimensions": WIDTH, "queries": SAMPLE, "k": K, "sizes": curve()})
