"""What making a job's outputs took is read from its benchmark, also after a cache hit."""

from __future__ import annotations

from pathlib import Path

import pytest

from anonbench.core.errors import InputError
from anonbench.core.jobs.benchmarks import ResourceUsage, read_usage, settle_benchmark
from anonbench.core.jobs.checksums import write_checksum
from anonbench.core.jobs.job_cache import IDENTITY, RESTORED

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


class Ended:
    """A job that has ended, as Snakemake leaves it: with a new benchmark."""

    def __init__(self, folder: Path) -> None:
        self.benchmark, self.output = folder / "job.tsv", folder / "model"
        self.output.write_text("made")

    def settle(self, seconds: float, **record: object) -> float | None:
        """Return what making the outputs took, after the benchmark was settled (twice)."""
        self.benchmark.write_text(f"{HEAD}{seconds}\t0:00:01\t1\t1\n")
        write_checksum(self.output, **record)
        for _ in range(2):  # Snakemake may have two processes that finish a job
            settle_benchmark(self.benchmark, self.output)
        usage = read_usage(self.benchmark)
        return usage and usage.seconds


def test_a_benchmark_survives_cache_hits(tmp_path: Path) -> None:
    job = Ended(tmp_path)
    made, hit = {IDENTITY: "a"}, {IDENTITY: "a", RESTORED: True}
    assert job.settle(3600.0, **made) == 3600.0
    assert job.settle(0.5, **hit) == 3600.0
    assert job.settle(0.25, **hit) == 3600.0
    assert job.settle(1800.0, **made) == 1800.0
    assert job.settle(0.5, **hit) == 1800.0


def test_of_a_cache_hit_without_an_earlier_benchmark_nothing_is_known(tmp_path: Path) -> None:
    assert Ended(tmp_path).settle(0.5, **{IDENTITY: "a", RESTORED: True}) is None


def test_a_job_that_restores_nothing_keeps_no_benchmark(tmp_path: Path) -> None:
    assert Ended(tmp_path).settle(2.0) == 2.0
    assert {path.name for path in tmp_path.iterdir()} == {"job.tsv", "model", ".checksums"}
    settle_benchmark(tmp_path / "none.tsv", tmp_path / "none")
