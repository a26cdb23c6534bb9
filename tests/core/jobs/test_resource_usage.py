"""What a job took is read back from the files that tell it."""

from __future__ import annotations

from pathlib import Path

import pytest

from anonbench.core.errors import InputError
from anonbench.core.jobs.benchmarks import (
    ResourceUsage,
    nothing_to_do,
    of_this_process,
    read_spent,
)

HEAD = "s\th:m:s\tmax_rss\tcpu_time\n"


@pytest.fixture
def benchmark_file(tmp_path: Path) -> Path:
    path = tmp_path / "job.tsv"
    path.write_text(f"{HEAD}1.5\t0:00:01\t250.5\t2.25\n")
    return path


def test_a_benchmark_file_tells_the_run(benchmark_file: Path, tmp_path: Path) -> None:
    log = tmp_path / "job.log"
    log.write_text("INFO: trained\n")
    assert read_spent(benchmark_file, [log]) == ResourceUsage(1.5, 2.25, 250.5)
    benchmark_file.write_text(f"{HEAD}0.1\t0:00:00\tNA\tNA\n")
    assert read_spent(benchmark_file, [log]) == ResourceUsage(0.1, 0.0, 0.0)


def test_the_log_of_a_run_without_work_tells_the_one_before(
    benchmark_file: Path, tmp_path: Path
) -> None:
    log = tmp_path / "job.log"
    spent = ResourceUsage(12_345.678, 0.125, 1024.5)
    log.write_text(f"INFO anonbench.core.jobs.job_cache: {nothing_to_do(spent)}\n")
    assert read_spent(benchmark_file, [log]) == spent
    log.write_text(
        f"INFO anonbench.core.jobs.job_cache: {nothing_to_do(None)}\n"
    )  # made by an older version
    assert read_spent(benchmark_file, [log]) is None


def test_what_was_not_measured_is_not_told(tmp_path: Path) -> None:
    path = tmp_path / "job.tsv"
    assert read_spent(path, []) is None
    path.write_text(HEAD)
    assert read_spent(path, []) is None
    path.write_text(f"{HEAD}1.5\n")  # half written
    assert read_spent(path, []) == ResourceUsage(1.5, 0.0, 0.0)
    path.write_text("a\tb\n1\t2\n")
    with pytest.raises(InputError, match=r"job\.tsv: not a benchmark file"):
        read_spent(path, [])


def test_this_process_has_taken_something() -> None:
    first, _ = of_this_process(), sum(range(2_000_000))
    then = of_this_process()
    assert then.seconds > first.seconds > 0
    assert then.cpu_seconds > first.cpu_seconds > 0
    assert 10 < then.mebibytes < 1e5
