"""What making a job's outputs took is read from its benchmark, also after a cache hit."""

from __future__ import annotations

from pathlib import Path

import pytest

from anonbench.core.errors import InputError
from anonbench.core.jobs.job_cache import JobCache, ResourceUsage, read_usage

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


@pytest.mark.parametrize("in_parts", [False, True])
def test_a_benchmark_survives_cache_hits(tmp_path: Path, in_parts: bool) -> None:
    benchmark, output = tmp_path / "job.tsv", tmp_path / "model"

    def takes(seconds: float, seed: int) -> float | None:
        """Run a job for so long; return what making the outputs took."""
        job = JobCache([], [str(output)], {"seed": seed}, benchmark=benchmark)
        job.begin()
        cache = job.part([], [str(output)]) if in_parts else job
        if not cache.is_done():
            output.write_text("made")
            cache.end()
        job.end()
        benchmark.write_text(f"{HEAD}{seconds}\t0:00:01\t1\t1\n")  # by Snakemake
        usage = read_usage(benchmark)
        return usage and usage.seconds

    assert takes(3600.0, seed=0) == 3600.0
    assert takes(0.5, seed=0) == 3600.0
    assert takes(0.25, seed=0) == 3600.0
    assert takes(1800.0, seed=1) == 1800.0
    assert takes(0.5, seed=1) == 1800.0
