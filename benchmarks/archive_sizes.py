"""Time and memory of `anonbench score` over the size of an archive, from files to files.

    OMP_NUM_THREADS=1 python benchmarks/archive_sizes.py

A random sample of queries against archives of up to a million images. Each run is a process of
its own. Its peak memory has the pages of the mapped files in it that the system keeps.
"""

from __future__ import annotations

import json
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from common import ANONBENCH, emit, measure_command

IMAGES = (31_623, 100_000, 316_228, 1_000_000)
WIDTH, SAMPLE, K, PART = 256, 200, 100, 50_000


def write(files: list[Path], images: int) -> None:
    """Write clustered vectors and noisy ones of the same images, with their ids."""
    generator = np.random.default_rng(0)
    centres = generator.standard_normal((images // 1000, WIDTH), dtype=np.float32)
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


def scored(images: int) -> dict[str, Any]:
    """Score the sample in an archive of this size."""
    with TemporaryDirectory() as name:
        original, anonymized = files = [
            Path(name) / "originals.npy",
            Path(name) / "anonymized.npy",
        ]
        write(files, images)
        command = [*ANONBENCH, "score", "--reference", str(original), "--queries", str(anonymized)]
        command += ["--database", str(anonymized), "--k", str(K), "--sample", str(SAMPLE)]
        command += ["--ap-depth", "k", "--json", "--per-query", str(Path(name) / "queries.parquet")]
        printed, taken = measure_command(command)
    (row,) = (row for row in json.loads(printed)["rows"] if row["metric"] == "map")
    scores = {"map_at_k": row["value"], "sampling_error": row["sampling_error"]}
    return {"images": images} | taken | {name: round(each, 4) for name, each in scores.items()}


def main() -> None:
    sizes = [scored(images) for images in IMAGES]
    emit({"dimensions": WIDTH, "queries": SAMPLE, "k": K, "sizes": sizes})


if __name__ == "__main__":
    main()
