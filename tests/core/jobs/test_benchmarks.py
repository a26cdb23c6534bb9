"""What making a job's outputs took is read from its benchmark, also after a cache hit."""

from __future__ import annotations

from pathlib import Path

import pytest

from anonbench.core.errors import InputError
from anonbench.core.io import write_json
from anonbench.core.jobs.checksums import read_checksum, record_of, write_checksum
from anonbench.core.jobs.job_cache import (
    JobCache,
    ResourceUsage,
    read_usage,
    record_benchmark,
)

HEAD = "s\th:m:s\tmax_rss\tcpu_time\n"


@pytest.fixture
def benchmark_file(tmp_path: Path) -> Path:
    path = tmp_path / "job.tsv"
    path.write_text(f"{HEAD}1.5\t0:00:01\t250.5\t2.25\n")
    return path


def test_a_benchmark_file_is_read(benchmark_file: Path) -> None:
    assert read_usage(benchmark_file) == ResourceUsage(1.5, 2.25, 250.5)
    benchmark_file.write_text(f"{HEAD}0.1\t0:00:00\tNA\tNA\n")
    assert read_usage(benchmark_file) == ResourceUsage(0.1, 0.0, 0.0)


def test_what_was_not_measured_is_not_known(tmp_path: Path) -> None:
    path = tmp_path / "job.tsv"
    assert read_usage(path) is None
    path.write_text(HEAD)
    assert read_usage(path) is None
    path.write_text(f"{HEAD}1.5\n")  # half written
    assert read_usage(path) == ResourceUsage(1.5, 0.0, 0.0)
    path.write_text("a\tb\n1\t2\n")
    with pytest.raises(InputError, match=r"job\.tsv: not a benchmark file"):
        read_usage(path)


class Job:
    """A job that asks whether it is done, and what Snakemake does after it."""

    def __init__(self, folder: Path) -> None:
        self.benchmark, self.output = folder / "job.tsv", folder / "model"

    def takes(self, seconds: float, seed: int) -> float | None:
        """Run for so long; return what making the outputs took, settled twice."""
        cache = JobCache([], [str(self.output)], {"seed": seed})
        cache.begin()
        if not cache.is_done():
            self.output.write_text("made")
        cache.end()
        self.benchmark.write_text(f"{HEAD}{seconds}\t0:00:01\t1\t1\n")
        for _ in range(2):  # Snakemake may have two processes that finish a job
            record_benchmark(self.benchmark, self.output)
        usage = read_usage(self.benchmark)
        return usage and usage.seconds


def test_a_benchmark_survives_cache_hits(tmp_path: Path) -> None:
    job = Job(tmp_path)
    assert job.takes(3600.0, seed=0) == 3600.0
    assert job.takes(0.5, seed=0) == 3600.0
    assert job.takes(0.25, seed=0) == 3600.0
    assert job.takes(1800.0, seed=1) == 1800.0
    assert job.takes(0.5, seed=1) == 1800.0


def test_of_a_cache_hit_without_an_earlier_benchmark_nothing_is_known(tmp_path: Path) -> None:
    job = Job(tmp_path)
    job.takes(3600.0, seed=0)
    known = read_checksum(job.output) or {}
    write_json(record_of(job.output), {k: v for k, v in known.items() if k != "benchmark"})
    assert job.takes(0.5, seed=0) is None


def test_a_job_that_does_not_ask_keeps_no_benchmark(tmp_path: Path) -> None:
    benchmark, output = tmp_path / "job.tsv", tmp_path / "model"
    benchmark.write_text(f"{HEAD}2.0\t0:00:01\t1\t1\n")
    output.write_text("made")
    write_checksum(output)
    record_benchmark(benchmark, output)
    assert read_usage(benchmark) == ResourceUsage(2.0, 1.0, 1.0)
    assert set(read_checksum(output) or {}) == {"name", "sha256", "size"}
    assert {path.name for path in tmp_path.iterdir()} == {"job.tsv", "model", ".checksums"}
    record_benchmark(tmp_path / "none.tsv", tmp_path / "none")
